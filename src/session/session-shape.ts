import type { StoredSession } from '../store/store.js'
import type { Client, Outcome } from './client.js'
import type { Inactivity } from './inactivity.js'
import type { Uplink } from './link/uplink.js'
import type { ClientLoggedIn } from './logins/client-login.js'
import type { Outbox } from './outbox.js'
import type { SessionHistory } from './session-history.js'
import type { Stage } from './state.js'

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
  fail(cause: unknown): void
}
