import type { EndReason } from '../lib/counts.js'
import type { LinkEvents } from '../xmpp/link.js'
import type { Binding } from '../xmpp/page-binding.js'
import type { Handover, Transport } from './session-types.js'

/** How a session ended. */
export interface Outcome {
  readonly reason: EndReason
  /** The server's `<stream:error/>`. */
  readonly streamError?: string | undefined
}

/** The client of a session's next page. */
export interface NextClient {
  readonly client: Client
  readonly binding: Binding
}

export type MakeNextClient = (handover: Handover) => NextClient

/**
 * Speaks for the browser of one session, over one transport. A session has one client at a time. During a login of this process the
 * login is the client (opening.ts). A handover replaces the client.
 */
export interface Client extends Pick<LinkEvents, 'onOpen'> {
  /** Undefined for a login of this process. */
  readonly transport: Transport | undefined
  /** The JID, bare or full, of a login of this process. */
  readonly loginFor?: string | undefined
  /** The browser's first address. */
  readonly address: string | undefined
  /** Whether something sent now would reach the browser. Inactivity counts while it is false. */
  readonly isPresent: boolean
  /** When `tick` is due, in milliseconds of the clock. */
  readonly deadline: number
  tick(now: number): void
  /** Delivers what the outbox has, as far as possible. Called by `Session.flush`. */
  flush(): void
  /** The same for a session that has ended. Returns true once the browser knows the outcome. */
  tell(outcome: Outcome): boolean
  /** Closes all that is open because the session is over. The browser is told of an orderly `end` or of a `fault`. */
  close(notice?: 'end' | 'fault'): void
  /** The browser has not come in time: puts what it may not have received back to the outbox, for errors to the senders. */
  giveBack(): void
  /**
   * Closes all that is open because another page gets the session, and puts what the browser may not have received back to the
   * outbox. Returns undefined, and changes nothing, if that is impossible.
   */
  handOver(): MakeNextClient | undefined
}
