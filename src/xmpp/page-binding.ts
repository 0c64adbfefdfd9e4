export interface Cookie {
  readonly name: string
  readonly value: string
  /** Attributes as in a `Set-Cookie` header, without the first `;`. */
  readonly attributes: string
}

/** Values of the creation reply (XEP-0124 §7.2). Durations are in seconds. */
export interface SessionTerms {
  readonly sid: string
  readonly wait: number
  readonly hold: number
  readonly requests: number
  readonly inactivity: number
  readonly polling: number
  readonly maxpause: number | undefined
  readonly ver: string
}

/** Values with which a page attaches. Its transport makes them. */
export interface Binding extends SessionTerms {
  readonly rid: number
  /** Last rid received from the previous page. Undefined if there was none. */
  readonly received?: number | undefined
  /** If the backend sets this cookie, the page's requests must contain it. */
  readonly cookie?: Cookie | undefined
  /** One-time password for WebSocket. Undefined if WebSocket is off. */
  readonly token?: string | undefined
  /** The endpoint, if it belongs to another server. */
  readonly url?: string | undefined
  readonly expiresIn?: number
}
