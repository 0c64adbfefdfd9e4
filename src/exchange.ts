// The seam between whoever speaks BOSH and whoever serves it: our connection manager, a remote BOSH endpoint
// and another node are all an `Exchange`. Types only.
import type { Step } from './errors.js'
import type { Failure, LinkFacts } from './link.js'
import type { Element } from './xml/element.js'

/** Answers one BOSH request with one reply. Never rejects for what a client or an XMPP server did. */
export type Exchange = (body: string, peer: Peer) => Promise<Reply>

/** The same where no promise is to be kept for as long as a request is held. */
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
  /** What only a login in this process may ask for. */
  readonly login?: LoginWishes
}

/** What a login in this process wants of the connection to the XMPP server. */
export interface LoginWishes {
  /** Whether it may show the operator's certificate for this server: the login means to use SASL EXTERNAL. */
  readonly certificate: boolean
  /** Hears how far the connection has come, before there is a reply to tell. */
  readonly reached: (step: Step) => void
  /** What it expects the server to offer. */
  readonly foreseen?: Foreseen | undefined
}

/** The features that a login expects of its streams, so as to answer them before they have come (XEP-0305 §3). */
export interface Foreseen {
  /** Whether this server has been answered so before, and has coped. */
  readonly isProven: boolean
  /** Whether it expects anything. */
  readonly wasAhead: boolean
  /** The features that the stream opened now is expected to have; undefined where they are to be waited for. */
  expected(): Element | undefined
  /** Takes note of those that it has. Whether they are as expected, and nobody else has to hear of them. */
  came(features: Element): boolean
  /** Whether the last of the login's streams has its features. */
  readonly isComplete: boolean
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
  /** What no BOSH body can say; present only towards a `login` peer in this process. */
  readonly facts?: Facts
}

/** What an in-process login learns beside the body. */
export interface Facts {
  /** The session's public handle; derived from the sid, no secret. */
  readonly id?: string
  readonly link?: LinkFacts
  readonly failure?: Failure
}
