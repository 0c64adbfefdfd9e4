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

/** Speaks for the browser of one session. During a login of this process the login is the client (opening.ts). */
export interface Client extends Pick<LinkEvents, 'onOpen'> {
  /** Undefined for a login of this process. */
  readonly transport: Transport | undefined
  /** The JID, bare or full, of a login of this process. */
  readonly loginFor?: string | undefined
  readonly address: string | undefined
  /** Inactivity counts while it is false. */
  readonly isPresent: boolean
  /** Stanzas delivered that the browser may not have. */
  readonly unconfirmed: number
  /** When `tick` is due, in milliseconds of the clock. */
  readonly deadline: number
  tick(now: number): void
  /** Delivers what the outbox has, as far as possible. */
  flush(): void
  /** As `flush`, for an ended session. Returns true once the browser has the outcome. */
  tell(outcome: Outcome): boolean
  /** Closes everything, after an orderly `end` or a `fault`. `return`: the client should come back. */
  close(notice?: 'end' | 'return' | 'fault'): void
  /** The browser has not come in time. Puts lost stanzas back to the outbox, for errors to the senders. */
  giveBack(): void
  /**
   * Closes everything for another page, and puts lost stanzas back to the outbox. Undefined, without effect, if impossible.
   */
  handOver(): NextPage | undefined
  /**
   * Answers or closes everything. Returns the record with which the next process continues the page, in JSON values.
   * Undefined if impossible.
   */
  setDown(now: number): unknown
}
