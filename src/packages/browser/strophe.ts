// Parts of Strophe 5.

export const connecting = 1
export const connectionFailed = 2
export const loginFailed = 4
export const connected = 5
export const disconnected = 6
export const attached = 8

export interface StropheNamespace {
  readonly Connection: new (service: string, options?: object) => StropheConnection
}

export interface StropheRequests {
  errors: number
  /** In seconds. */
  wait: number
}

type Take = (element: Element) => void
type Terms = readonly [wait: number | undefined, hold: number | undefined, window: number | undefined]
type StatusCallback = (status: number, condition?: string | null) => void

export interface StropheConnection {
  /** Its side of BOSH or WebSocket. */
  readonly _proto: object
  service: string
  readonly jid: string
  /** Stream management (XEP-0198). */
  readonly sm?: { readonly state: { unacked: readonly { readonly name: string; readonly stanza: string }[] } }
  readonly domain: string | null
  maxRetries: number
  disconnection_timeout: number
  xmlInput: Take
  xmlOutput: Take
  nextValidRid: (rid: number) => void
  attach(jid: string, sid: string, rid: number, follow: StatusCallback, ...terms: Terms): void
  connect(jid: string, password: string, follow: StatusCallback): void
  disconnect(reason: string): void
  /** Forgets all handlers, and that the stream is open. */
  reset(): void
  hasResumed(): boolean
  send(element: Element): void
  /** `patience` is in milliseconds. */
  sendIQ(iq: Element, onResult: Take, onError: (error: Element | null) => void, patience: number): string
  addHandler(take: (stanza: Element) => boolean, namespace: string | null, name: string, type: string | null): unknown
  deleteHandler(handler: unknown): void
  addProtocolErrorHandler(protocol: 'HTTP', status: number, callback: (this: StropheRequests) => void): void
  flush(): void
}
