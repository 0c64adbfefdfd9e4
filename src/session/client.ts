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
  /** JSON values from which another process makes the same `NextPage`. */
  readonly record: unknown
}

/** Represents the browser in one session. During a login of this process the login is the client (opening.ts). */
export interface Client extends Pick<LinkEvents, 'onOpen'> {
  /** Undefined during a login of this process. */
  readonly transport: Transport | undefined
  /** The JID of a login of this process, bare or full. */
  readonly loginFor?: string | undefined
  readonly address: string | undefined
  /** True while a request or socket is open. While false, the inactivity timeout runs. */
  readonly isPresent: boolean
  /** Number of delivered stanzas that the browser may not have received. */
  readonly unconfirmed: number
  /** When `tick` is due. */
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
  /**
   * Before the session ends: puts unconfirmed stanzas back to the outbox. The server keeps them, or their
   * senders get errors.
   */
  giveBack(): void
  /**
   * Gives the session to another page: closes all connections, and puts unconfirmed stanzas back to the
   * outbox. If impossible, returns undefined and changes nothing.
   */
  handOver(): NextPage | undefined
  /** Called before `setDown`: delivers nothing more. Returns true while the browser may still confirm stanzas. */
  settles(): boolean
  /** Answers or closes all connections. Returns JSON values for the next process, or undefined if it cannot continue the page. */
  setDown(now: number): unknown
}
