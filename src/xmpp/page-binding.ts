// What a page is given so as to go on with a session that was logged in for it. Types only.

export interface Cookie {
  readonly name: string
  readonly value: string
  /** As they stand in a `Set-Cookie` header, without the first `;`. */
  readonly attributes: string
}

/** What the creation reply said about the session (XEP-0124 §7.2). Durations are in seconds. */
export interface SessionTerms {
  /** The session's secret. */
  readonly sid: string
  readonly wait: number
  readonly hold: number
  readonly requests: number
  readonly inactivity: number
  readonly polling: number
  readonly maxpause: number | undefined
  readonly ver: string
}

/** What a page goes on with; made by the transport that it will speak over. */
export interface Binding extends SessionTerms {
  readonly rid: number
  /** The last request id that has come from the page before; undefined where there was none. */
  readonly received?: number | undefined
  /** What the page's requests have to bring along, where its backend hands that out. */
  readonly cookie?: Cookie | undefined
  /** By which the page may come over WebSocket instead, once; undefined where it may not. */
  readonly token?: string | undefined
  /** The address of the endpoint to talk to, where it is not ours. */
  readonly url?: string | undefined
  /** Seconds until that endpoint gives the session up. */
  readonly expiresIn?: number
}
