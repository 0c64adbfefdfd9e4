// What the HTTP endpoint for BOSH and the connection manager behind it say to each other. Types only.

/** Answers one BOSH request, now or later. Never throws for what a client or an XMPP server did. */
export type Serve = (body: string, peer: Peer, waiter: Waiter) => void

/** Where the reply to one request goes. */
export interface Waiter {
  /** Takes the reply; only the first one counts. */
  answer(reply: Reply): void
}

/** Whoever sent a request and waits for its reply. */
export interface Peer {
  /** The client's address, as far as trusted proxies tell it. */
  readonly address: string
  /** Whether the request came over an encrypted channel. */
  readonly secure: boolean
  /** True from the moment nobody waits for the reply any more. */
  readonly gone: boolean
  /** Set by the one who holds the request; called once when the peer goes away before its reply. */
  whenGone: (() => void) | undefined
  /** The request's `Cookie` header. */
  readonly cookies?: string | undefined
  /** Where the same endpoint is found over an encrypted channel, as far as that is known. */
  readonly secureUrl?: string | undefined
}

/** What goes back for one request. */
export interface Reply {
  /**
   * HTTP status; 200 except for clients of the protocol's first versions (XEP-0124 §17.1).
   * 0 is no answer at all: the connection is closed.
   */
  readonly status: number
  /** One `<body/>`, or the empty string where `status` says it all. */
  readonly body: string
  /** Value of the `Content-Type` header. */
  readonly contentType: string
  /** The value of a `Set-Cookie` header. */
  readonly setCookie?: string
}
