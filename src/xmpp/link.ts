// The seam below a session: one XMPP stream for one user, over TCP (c2s/) or over another server's BOSH endpoint (remote/).
// Types only.
import type { ProblemCode, Step } from '../lib/errors.js'
import type { Element, Fate } from './xml/element.js'

/** One XMPP stream to a server on behalf of one user (RFC 6120 §4). */
export interface Link {
  readonly facts: LinkFacts
  /** What was sent and waits for the server to take it, in UTF-16 units. */
  readonly backlog: number
  /** Memory of elements or replies that the server has not finished, in bytes. */
  readonly unfinishedBytes: number
  /** Whether the server has ended every element that it has begun to send. */
  readonly isBetweenElements: boolean
  /** Receives what the server sends. A login puts the session's here when it is done. */
  events: LinkEvents
  /**
   * Sends whole top-level elements, in their order. Nothing is sent before the features have come or `onAhead` was called.
   * `soon` is for steps of a login: they leave in smaller write batches, because each of them makes work for the server.
   */
  send(elements: readonly Element[], soon?: boolean): void
  /** Opens a new stream on the same connection, as after SASL (RFC 6120 §4.3.3). What is left out stays as it was. */
  restart(options?: StreamOptions): void
  /** Stops reading from the server until `resume`. */
  pause(): void
  resume(): void
  /** Closes the stream in an orderly way. No event is reported any more. */
  close(): void
  /** Closes the stream, and discards what the server has not finished. No event is reported any more. */
  abandon(): void
  /** Ends the link because the server has not answered this step of a login in time, and reports that as its end. */
  timeOut(step: Step): void
  /** Ends the connection behind what was sent, without closing the stream. No event is reported any more. */
  cut(): void
}

/** What the stream header says beside the domain (RFC 6120 §4.7). */
export interface StreamOptions {
  readonly lang?: string | undefined
  /** The user's bare JID. Only sent over an encrypted link. */
  readonly from?: string | undefined
  /**
   * Whether to send ahead of the server's features (XEP-0305 §3): the header waits until the end of this turn for what
   * `onAhead` sends. `proven` where this server has coped with that before; with `trial` its answer has 3 s to come. The
   * link may not be able to, and then waits for the features as usual. Holds for one stream only.
   */
  readonly ahead?: 'trial' | 'proven' | undefined
}

export interface LinkOptions extends StreamOptions {
  readonly lang: string
  /** Whether the server may see the operator's certificate for it, as SASL EXTERNAL needs. False unless given. */
  readonly certificate?: boolean
}

/** Opens a link to a domain's server. Never throws for what a server does: that is reported through `onEnd`. */
export type OpenLink = (domain: string, options: LinkOptions, events: LinkEvents) => Link

/** Receives what happens on a link. */
export interface LinkEvents {
  /** The connection has come so far; not called any more once it stands. */
  onStep?(step: Step): void
  /** The stream was opened ahead of the server, as asked for: what is sent in this call leaves with its header. */
  onAhead?(): void
  /** The server opened its side of the stream, the first time or after a restart. */
  onOpen(header: StreamHeader): void
  /** A stanza, the features, or another top-level element. */
  onElement(element: Element): void
  /** A stanza could not be passed on as it was: it is reported next, mended, or not at all. */
  onUnfit?(fate: Fate): void
  /** Everything that came in one read has been reported. */
  onFlush(): void
  /** The server has taken all that waited for it; called only after it was behind. */
  onDrain(): void
  /** The link is over, by whichever side; called once, and no other event after it. */
  onEnd(end: LinkEnd): void
}

/** What the server said when it opened its side of a stream. */
export interface StreamHeader {
  readonly id: string | undefined
  readonly from: string | undefined
  /** Its default language (RFC 6120 §4.7.4). */
  readonly lang?: string | undefined
}

/** How a link ended. */
export interface LinkEnd {
  readonly failure: Failure
  /** The server's `<stream:error/>`, where it sent one. */
  readonly streamError?: string | undefined
}

/** Why a link, a login or a session ended or never came to be. */
export interface Failure {
  readonly step: Step
  /** A code of the table in `errors.ts`. */
  readonly code: ProblemCode
  /** The XMPP server's own condition, where it gave one. */
  readonly condition?: string
  readonly cause?: unknown
}

/** What is true of the connection to the XMPP server. */
export interface LinkFacts {
  readonly encrypted: boolean
  /** `TLSv1.2`, `TLSv1.3`, or absent without TLS. */
  readonly tlsVersion?: string | undefined
  /** Whether a password may cross this link in the clear of SASL PLAIN (RFC 4616 §4). */
  readonly plainAllowed: boolean
  /** The data that binds a login to this TLS channel, by type; undefined where there is none. */
  readonly channelBinding?: (type: ChannelBindingType) => Buffer | undefined
}

/** RFC 9266, RFC 5929. */
export type ChannelBindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'
