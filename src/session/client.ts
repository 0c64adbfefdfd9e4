import type { EndReason } from '../lib/counts.js'
import type { LinkEvents } from '../xmpp/link.js'
import type { PageBinding } from '../xmpp/page-binding.js'
import type { Handover, Transport } from './session-types.js'

export interface Outcome {
  readonly reason: EndReason
  readonly streamError?: string | undefined
}

export interface NextPage {
  make(handover: Handover): { readonly client: Client; readonly binding: PageBinding }
  /** JSON values from which another process makes a `NextPage`. */
  readonly record: unknown
}

export interface Client extends Pick<LinkEvents, 'onOpen'> {
  /** Undefined during a warm login. */
  readonly transport: Transport | undefined
  readonly loginFor?: string | undefined
  readonly address: string | undefined
  /** While false, the inactivity timeout runs. */
  readonly isPresent: boolean
  readonly unconfirmed: number
  readonly deadline: number
  tick(now: number): void
  flush(): void
  /** Returns true if the session can now be removed. */
  reportEnd(outcome: Outcome): boolean
  /** `end`: a normal end. `return`: the client should reconnect. `fault`: the service failed. */
  close(notice?: 'end' | 'return' | 'fault'): void
  /** Puts stanzas that the page may not have received back into the outbox. Omitted if there are none. */
  putBackUnconfirmed?(): void
  /** Disconnects the page and puts unconfirmed stanzas back. Returns undefined if no page can continue the session. */
  handOver?(): NextPage | undefined
  /** Called before `setDown`. Returns true while the browser may still confirm stanzas. */
  stopDeliveries?(): boolean
  /** Returns JSON values, or undefined if no other process can continue the session. */
  setDown?(now: number): unknown
  /** Another process has the session: its page should repeat its requests, or reconnect. */
  cede?(): void
  /** As `setDown`, but the session continues here. `resumption`: see `Outbox`. */
  keep?(now: number): { readonly client: unknown; readonly resumption?: unknown } | undefined
  /** The last record that `keep` made is stored, or no record is waited for (false): a page may be told of it. */
  readonly onKept?: ((isStored: boolean) => void) | undefined
}

export interface AwayRecord {
  readonly isAway: true
  readonly next: unknown
}

/** Has no page, and does nothing. */
export const noClient: Client = {
  transport: undefined,
  address: undefined,
  isPresent: false,
  unconfirmed: 0,
  deadline: Number.POSITIVE_INFINITY,
  tick() {},
  flush() {},
  close() {},
  reportEnd: () => false,
}

/** A WebSocket page that has not returned since its session moved to this process. */
export function awayClient(next: NextPage): Client {
  const setDown = (): AwayRecord => ({ isAway: true, next: next.record })
  return { ...noClient, transport: 'websocket', handOver: () => next, setDown, keep: () => ({ client: setDown() }) }
}
