import type { Link } from '../xmpp/link.js'
import type { Client, Outcome } from './client.js'
import type { Uplink } from './link/uplink.js'
import type { Outbox } from './outbox.js'
import type { SessionKeeper } from './session-keeper.js'
import type { SessionView } from './session-types.js'
import type { Stage } from './state.js'

interface Ending {
  /**
   * `close-empty` closes once nothing is left to deliver. `cut` leaves the stream open, and returns no stanzas.
   * `abandon` does not read waiting data.
   */
  readonly link: 'close' | 'close-empty' | 'cut' | 'abandon'
  /**
   * With `outcome`, the session stays until its client has the outcome. `outcome-now` does not wait for a request. For
   * `end` and `return`, see `Client.close`. `untold` only closes.
   */
  readonly client: 'outcome' | 'outcome-now' | 'end' | 'return' | 'untold'
}

const endings = {
  /** The service stops, or the server has ended the link. */
  emptied: { link: 'close-empty', client: 'outcome' },
  /** The server does not answer, or the client broke a deadline or limit. */
  told: { link: 'close', client: 'outcome' },
  evicted: { link: 'close', client: 'outcome-now' },
  /** Frees memory. */
  freed: { link: 'abandon', client: 'outcome-now' },
  loggedOut: { link: 'close', client: 'end' },
  /** There is no client, or it already has the reply. */
  untold: { link: 'close', client: 'untold' },
  /** The client may resume the stream over another connection (XEP-0198 §5). */
  cut: { link: 'cut', client: 'untold' },
  /** Like `cut`, before a restart of the service. */
  restarting: { link: 'cut', client: 'return' },
} as const satisfies Record<string, Ending>

export type How = keyof typeof endings

interface Endable extends Pick<SessionView, 'origin' | 'jid'> {
  readonly stage: Pick<Stage<unknown>, 'name' | 'outcome' | 'isOver' | 'end'>
  readonly outbox: Outbox
  readonly uplink: Uplink
  readonly downlink: { returnUnconfirmed(outcome: Outcome): void }
  readonly link: Link
  readonly client: Client | undefined
  deadline: number
  flush(): void
}

type Keeper<Session> = Pick<SessionKeeper<Session>, 'ended' | 'removed'>

/** The first outcome of a session counts. */
export function endSession<Session extends Endable>(
  session: Session,
  keeper: Keeper<Session>,
  outcome: Outcome,
  how: How,
): void {
  const { stage, outbox, uplink } = session
  const { link, client } = endings[how]
  const isTold = client === 'outcome' || client === 'outcome-now'
  if (isTold) {
    if (link !== 'abandon') session.downlink.returnUnconfirmed(outcome)
    if (link === 'abandon') uplink.abandon(outbox.clear())
    if (link === 'close') session.link.close()
    if (stage.name !== 'ended') {
      stage.end(outcome, false)
      keeper.ended(session)
      session.flush()
    }
    // The user goes offline at once, unless stanzas can still be returned or kept by the server.
    if (link === 'close-empty' && !stage.isOver && outbox.isEmpty && !mayKeep(session)) session.link.close()
  }
  if (client !== 'outcome' && !stage.isOver) finish(session, keeper, outcome, how)
}

function mayKeep({ uplink, client }: Endable): boolean {
  return uplink.managed?.isOn === true && (client?.unconfirmed ?? 0) > 0
}

/** The client has the outcome, or will never have it. */
export function finish<Session extends Endable>(
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
  // The page may lack these stanzas. The server keeps them, or returns errors.
  if (isAway || (last.reason !== 'client' && uplink.managed?.isOn === true)) client?.giveBack()
  const waiting = outbox.clear()
  if (ending.link === 'cut') session.link.cut()
  else {
    uplink.bounce(waiting)
    session.link.close()
  }
  client?.close(ending.client === 'end' || ending.client === 'return' ? ending.client : undefined)
  outbox.close()
  uplink.discard()
  const isLogin = session.origin === 'warmed' && session.jid === undefined
  keeper.removed(session, isLogin ? 'login' : last.reason)
}
