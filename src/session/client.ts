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

/** The browser in one session. During a warm login, the login itself (opening.ts). */
export interface Client extends Pick<LinkEvents, 'onOpen'> {
  /** Undefined during a warm login. */
  readonly transport: Transport | undefined
  /** The JID that a warm login requests. */
  readonly loginFor?: string | undefined
  readonly address: string | undefined
  /** While false, the inactivity timeout runs. */
  readonly isPresent: boolean
  readonly unconfirmed: number
  /** When `tick` is due. */
  readonly deadline: number
  tick(now: number): void
  flush(): void
  /** Delivers remaining stanzas and the outcome. True once the browser has both. */
  tell(outcome: Outcome): boolean
  /** `fault` follows an error of the service. `return` asks the client to come back. */
  close(notice?: 'end' | 'return' | 'fault'): void
  /** Puts unconfirmed stanzas back before the end: the server keeps or returns these. */
  giveBack(): void
  /** Closes all connections, and puts unconfirmed stanzas back. If impossible, changes nothing. */
  handOver(): NextPage | undefined
  /** Stops deliveries before `setDown`. True while the browser may still confirm stanzas. */
  settles(): boolean
  /**
   * Answers or closes all connections. Returns JSON values, or undefined if the next process cannot continue the page.
   */
  setDown(now: number): unknown
}
