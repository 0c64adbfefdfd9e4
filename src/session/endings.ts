import type { Outcome } from './client.js'
import type { SessionKeeper } from './session-keeper.js'
import type { SessionShape } from './session-shape.js'

interface Ending {
  /** `cut`: closes the connection, but not the stream. `abandon`: closes at once, and unsent data may be lost. */
  readonly link: 'close' | 'close-after-delivery' | 'cut' | 'abandon'
  /**
   * `report`: the session stays until its client knows the outcome. `report-now`: only an open request or socket can
   * report the outcome, because the session is removed at once. For `end` and `return`, see `Client.close`.
   */
  readonly client: 'report' | 'report-now' | 'end' | 'return' | 'silent'
}

const endings = {
  afterDelivery: { link: 'close-after-delivery', client: 'report' },
  reported: { link: 'close', client: 'report' },
  evicted: { link: 'close', client: 'report-now' },
  toFreeMemory: { link: 'abandon', client: 'report-now' },
  loggedOut: { link: 'close', client: 'end' },
  silent: { link: 'close', client: 'silent' },
  /** The client may resume its stream (XEP-0198 §5). */
  resumable: { link: 'cut', client: 'silent' },
  restarting: { link: 'cut', client: 'return' },
} as const satisfies Record<string, Ending>

export type How = keyof typeof endings

type Keeper<Session> = Pick<SessionKeeper<Session>, 'ended' | 'removed'>

export function endSession<Session extends SessionShape>(
  session: Session,
  keeper: Keeper<Session>,
  outcome: Outcome,
  how: How,
): void {
  const { stage, outbox, uplink } = session
  const { link, client } = endings[how]
  const isReported = client === 'report' || client === 'report-now'
  if (isReported) {
    if (link !== 'abandon') session.downlink.returnUnconfirmed(outcome)
    const unconfirmed = session.client?.unconfirmed ?? 0
    if (link === 'abandon') uplink.abandon(outbox.clear(), unconfirmed)
    if (link === 'close') {
      uplink.returnToSenders(outbox.waiting, unconfirmed)
      uplink.link.close()
    }
    if (stage.name !== 'ended') {
      stage.end(outcome, false)
      keeper.ended(session)
      session.flush()
    }
    // If no stanza is left, closing the link now shows the user as offline at once.
    if (link === 'close-after-delivery' && !stage.isRemoved && outbox.isEmpty && !serverMayKeep(session))
      uplink.link.close()
  }
  if (client !== 'report' && !stage.isRemoved) removeSession(session, keeper, outcome, how)
}

function serverMayKeep({ uplink, client }: SessionShape): boolean {
  return uplink.managed?.isOn === true && (client?.unconfirmed ?? 0) > 0
}

export function removeSession<Session extends SessionShape>(
  session: Session,
  keeper: Keeper<Session>,
  outcome: Outcome,
  how: How,
): void {
  const { stage, outbox, uplink, client } = session
  const ending: Ending = endings[how]
  const last = stage.outcome ?? outcome
  stage.end(last, true)
  session.deadline = Number.POSITIVE_INFINITY
  const isAway = last.reason === 'attach-timeout' || last.reason === 'inactivity'
  // A WebSocket client without acknowledgements confirms too late to count as absent when it logs out.
  const mayLack = client?.transport === 'bosh' || (last.reason !== 'client' && uplink.managed?.isOn === true)
  // The page may not have received its unconfirmed stanzas, so `waiting` must contain these.
  if (isAway || mayLack) client?.putBackUnconfirmed?.()
  const waiting = outbox.clear()
  if (ending.link === 'cut') uplink.link.cut()
  else {
    uplink.returnToSenders(waiting)
    uplink.link.close()
  }
  client?.close(ending.client === 'end' || ending.client === 'return' ? ending.client : undefined)
  outbox.close()
  uplink.dropUnsent()
  const isLogin = session.origin === 'warmed' && session.jid === undefined
  keeper.removed(session, isLogin ? 'login' : last.reason)
}
