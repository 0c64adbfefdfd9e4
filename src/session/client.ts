import type { EndReason } from '../lib/counts.js'
import type { LinkEvents } from '../xmpp/link.js'
import type { Binding } from '../xmpp/page-binding.js'
import type { Handover, Transport } from './session-types.js'

export interface Outcome {
  readonly reason: EndReason
  readonly streamError?: string | undefined
}

export interface NextClient {
  readonly client: Client
  readonly binding: Binding
}

export interface NextPage {
  make(handover: Handover): NextClient
  /** JSON values. */
  readonly record: unknown
}

/** Represents the browser in one session. During a login of this process the login is the client (opening.ts). */
export interface Client extends Pick<LinkEvents, 'onOpen'> {
  /** Undefined during a login of this process. */
  readonly transport: Transport | undefined
  /** The JID of a login of this process, bare or full. */
  readonly loginFor?: string | undefined
  readonly address: string | undefined
  /** While false, the time of inactivity passes. */
  readonly isPresent: boolean
  /** Number of delivered stanzas that the browser may not have received. */
  readonly unconfirmed: number
  /** When `tick` is due, in milliseconds of the clock. */
  readonly deadline: number
  tick(now: number): void
  flush(): void
  /** Delivers the outbox of an ended session, then its outcome. Returns true once the browser has the outcome. */
  tell(outcome: Outcome): boolean
  /**
   * Closes all connections. `end`: in an orderly way. `fault`: after an error of the service. `return`: the
   * client should come back.
   */
  close(notice?: 'end' | 'return' | 'fault'): void
  /** The browser has not come in time. Puts lost stanzas back to the outbox, so that their senders get errors. */
  giveBack(): void
  /**
   * Closes all connections for another page, and puts lost stanzas back to the outbox. Returns undefined,
   * without effect, if impossible.
   */
  handOver(): NextPage | undefined
  /** Before `setDown`: delivers nothing more. Returns true while the browser may still confirm stanzas. */
  settles(): boolean
  /**
   * Answers or closes all connections. Returns JSON values with which the next process continues the page, or
   * undefined if impossible.
   */
  setDown(now: number): unknown
}
