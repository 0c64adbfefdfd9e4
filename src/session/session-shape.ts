import type { EndReason } from '../lib/counts.js'
import type { StoredSession } from '../store/store.js'
import type { Client, Outcome } from './client.js'
import type { Inactivity } from './inactivity.js'
import type { Uplink } from './link/uplink.js'
import type { ClientLoggedIn } from './logins/client-login.js'
import type { Outbox } from './outbox.js'
import type { SessionHistory } from './session-history.js'
import type { Stage } from './state.js'

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

/** A session, as its parts see it. */
export interface SessionShape extends Pick<StoredSession, 'id' | 'domain' | 'origin' | 'jid' | 'tab'> {
  readonly createdAt: number
  readonly view: StoredSession
  readonly stage: Pick<Stage<unknown>, 'name' | 'login' | 'outcome' | 'isRemoved' | 'end'>
  readonly client: Client | undefined
  readonly outbox: Outbox
  readonly uplink: Uplink
  readonly downlink: { returnUnconfirmed(outcome: Outcome): void }
  readonly inactivity: Inactivity
  readonly history: SessionHistory
  readonly allowsPasswords: boolean
  readonly hasEnded: boolean
  deadline: number
  loggedInByClient(loggedIn: ClientLoggedIn, isManaged: boolean): void
  flush(): void
  schedule(): void
  end(reason: EndReason, how: How, streamError?: string): void
  fail(cause: unknown): void
}
