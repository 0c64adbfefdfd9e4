import type { Outcome } from './client.js'
import type { Session } from './session.js'

/**
 * `afterDelivery`, `reported`: the session stays until its client knows the outcome. Until then, `afterDelivery` keeps
 * the link. `evicted`, `toFreeMemory`: the session is removed at once, so only an open request or socket can report the
 * outcome. `toFreeMemory` may lose unsent data. `loggedOut`: a normal end for the client. `silent`: the client is told
 * no outcome. `resumable`: the stream stays open, so the client may resume it (XEP-0198 §5). `restarting`: the same, and
 * the client should reconnect.
 */
export type How =
  | ('afterDelivery' | 'reported' | 'evicted' | 'toFreeMemory')
  | ('loggedOut' | 'silent' | 'resumable' | 'restarting')

/** Each keeps an ended session, which no longer counts for its user, for another period. */
const mostReturns = 5

export function endSession(session: Session, outcome: Outcome, how: How): void {
  const { stage } = session
  const staysUntilReported = how === 'afterDelivery' || how === 'reported'
  if (staysUntilReported || how === 'evicted' || how === 'toFreeMemory') reportEnd(session, outcome, how)
  if (how === 'silent' && stage.hasLastStanzas) session.keeper.common.log.lost(session.undelivered)
  if (!staysUntilReported && !stage.isRemoved) removeSession(session, outcome, how)
}

function reportEnd(session: Session, outcome: Outcome, how: How): void {
  const { stage, outbox, uplink, client } = session
  if (how !== 'toFreeMemory') session.downlink.returnUnconfirmed(outcome)
  const unconfirmed = client?.unconfirmed ?? 0
  if (how === 'toFreeMemory') uplink.abandon(outbox.clear(), unconfirmed)
  else if (how !== 'afterDelivery') {
    uplink.returnToSenders(outbox.waiting, unconfirmed)
    uplink.link.close()
  }
  if (stage.name !== 'ended') {
    stage.end(outcome, false)
    const isOrphaned = how === 'afterDelivery' && outcome.reason !== 'shutdown' && outcome.reason !== 'replaced'
    if (isOrphaned) stage.returnsLeft = mostReturns
    session.keeper.ended(session)
    session.flush()
  }
  if (how !== 'afterDelivery' || stage.isRemoved || !outbox.isEmpty) return
  const serverMayKeep = uplink.managed?.isOn === true && (session.client?.unconfirmed ?? 0) > 0
  // If no stanza is left, closing the link now shows the user as offline at once.
  if (!serverMayKeep) uplink.link.close()
}

export function removeSession(session: Session, outcome: Outcome, how: How): void {
  const { stage, outbox, uplink, client } = session
  const last = stage.outcome ?? outcome
  stage.end(last, true)
  session.deadline = Number.POSITIVE_INFINITY
  const isAway = last.reason === 'attach-timeout' || last.reason === 'inactivity'
  // A WebSocket client without acknowledgements confirms too late to count as absent when it logs out.
  const mayLack = client?.transport === 'bosh' || (last.reason !== 'client' && uplink.managed?.isOn === true)
  // The page may not have received its unconfirmed stanzas, so `waiting` must contain these.
  if (isAway || mayLack) client?.putBackUnconfirmed?.()
  const waiting = outbox.clear()
  if (how === 'resumable' || how === 'restarting') uplink.link.cut()
  else {
    uplink.returnToSenders(waiting)
    uplink.link.close()
    session.keeper.common.registry.streams.forget(session)
  }
  client?.close(how === 'loggedOut' ? 'end' : how === 'restarting' ? 'return' : undefined)
  outbox.close()
  uplink.takeUnsent()
  const isLogin = session.origin === 'warmed' && session.jid === undefined
  session.keeper.removed(session, isLogin ? 'login' : last.reason)
}
