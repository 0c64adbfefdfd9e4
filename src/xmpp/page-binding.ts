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

/** Made by the page's transport. */
export interface Binding extends SessionTerms {
  readonly rid: number
  /** Last rid of the previous page. */
  readonly received?: number | undefined
  /** If the backend sets this cookie, the page's requests must contain it. */
  readonly cookie?: Cookie | undefined
  /** One-time password for WebSocket. Undefined if WebSocket is off. */
  readonly token?: string | undefined
  /** The endpoint, if it belongs to another server. */
  readonly url?: string | undefined
  readonly expiresIn?: number
}
