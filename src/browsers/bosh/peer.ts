// What the HTTP endpoint for BOSH and the connection manager behind it ask of each other. Types only.

/** The client behind one request. */
export interface Peer {
  /** The client's address, as far as trusted proxies tell it. */
  readonly address: string
  /** Whether the request came over an encrypted channel. */
  readonly secure: boolean
  /** Whether the client has gone away and reads no reply. */
  readonly gone: boolean
  /** Set while the request is held; called once when the client goes away before its reply. */
  whenGone: (() => void) | undefined
  /** Whether the request came through another process, and may have been on its way for long. */
  readonly isCarried?: boolean
  /** The request's `Cookie` header. */
  readonly cookies: string | undefined
  /** The address of the same endpoint over an encrypted channel, if it is known. */
  readonly secureUrl: string | undefined
  /** Sends the reply; only the first one counts. */
  answer(reply: Reply): void
}

/** The reply to one request. */
export interface Reply {
  /** Of HTTP; 200 except for clients of the first versions (XEP-0124 §17.1). 0 closes the connection unanswered. */
  readonly status: number
  /** One `<body/>`, or the empty string where `status` says it all. */
  readonly body: string
  /** Value of the `Content-Type` header. */
  readonly contentType: string
  /** The value of a `Set-Cookie` header. */
  readonly setCookie?: string
}
