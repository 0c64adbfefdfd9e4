/** Held requests of clients that do not ask for a number (XEP-0124 §7.1). */
export const defaultHold = 1

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

export interface PageBinding extends SessionTerms {
  readonly rid: number
  /** The last rid that arrived from an earlier page. */
  readonly received?: number | undefined
  /** With `attach_binding=reply`: all requests of the page must have this cookie, which the backend sets. */
  readonly cookie?: Cookie | undefined
  /** One-time password for WebSocket. Undefined if WebSocket is off, `attach_binding` is on, or `url` is set. */
  readonly token?: string | undefined
  /** For a session at a remote endpoint: the endpoint's URL. */
  readonly url?: string | undefined
  readonly expiresIn?: number
}
