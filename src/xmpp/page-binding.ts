export interface Cookie {
  readonly name: string
  readonly value: string
  /** As in a `Set-Cookie` header, without the first `;`. */
  readonly attributes: string
}

/** From the creation reply (XEP-0124 §7.2). Durations are in seconds. */
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

/** Values for a page. Its transport makes them. */
export interface Binding extends SessionTerms {
  readonly rid: number
  /** The last rid received from the previous page. Undefined without it. */
  readonly received?: number | undefined
  /** Required in the page's requests, if its backend sets the cookie. */
  readonly cookie?: Cookie | undefined
  /** One-time password for WebSocket. Undefined if WebSocket is not allowed. */
  readonly token?: string | undefined
  /** The endpoint, if it is not ours. */
  readonly url?: string | undefined
  /** Seconds until that endpoint ends the session. */
  readonly expiresIn?: number
}
