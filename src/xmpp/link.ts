// Types only.
import type { ProblemCode, Step } from '../lib/errors.js'
import type { Element, Fate } from './xml/element.js'

/** One XMPP stream to a server for one user (RFC 6120 §4), over TCP or a remote BOSH endpoint. */
export interface Link {
  readonly facts: LinkFacts
  /** Sent, but not yet taken by the server, in UTF-16 units. */
  readonly backlog: number
  readonly unfinishedBytes: number
  readonly allowsManagement: boolean
  readonly isBetweenElements: boolean
  /** The receiver, which changes after login. */
  events: LinkEvents
  /**
   * Sends whole top-level elements in order, after the features have come or `onAhead` was called. `soon`
   * sends login steps in smaller write batches, because each of them makes the server work.
   */
  send(elements: readonly Element[], soon?: boolean): void
  /** Opens a new stream on the same connection (RFC 6120 §4.3.3). Omitted options stay as they were. */
  restart(options?: StreamOptions): void
  pause(): void
  resume(): void
  /** Closes the stream. No event follows. */
  close(): void
  /** Closes the stream, and drops incomplete elements and unsent data. No event follows. */
  abandon(): void
  /** Ends the link, and reports that through `onEnd`. */
  timeOut(step: Step): void
  /** Closes the connection after all sent data, and leaves the stream open. No event follows. */
  cut(): void
}

export interface StreamOptions {
  readonly lang?: string | undefined
  /** The bare JID. Sent over encrypted links only. */
  readonly from?: string | undefined
  /**
   * Sends before the server's features have come (XEP-0305 §3). `proven` if this server supported it before.
   * A `trial` gives the server 3 s. Valid for one stream. A link may ignore it.
   */
  readonly ahead?: 'trial' | 'proven' | undefined
  /** Whether white space may follow what is sent ahead. Not during SASL (RFC 6120 §6.3.5). */
  readonly spaced?: boolean | undefined
}

export interface LinkOptions extends StreamOptions {
  readonly lang: string
  /** Whether to present the operator's certificate, for SASL EXTERNAL. Default: false. */
  readonly certificate?: boolean
}

/** Asks the server to resume a stream whose connection was lost (XEP-0198 §5). */
export interface Resumption {
  readonly previd: string
  /** Number of received stanzas. */
  readonly h: string
}

/** Replace the link's events in the same turn. */
export interface LinkAgain {
  readonly link: Link
  /** The server's answer, if the stream was resumed with the login. Otherwise restart the stream, and resume then. */
  readonly answer?: Element | undefined
  /** Elements after the answer. */
  readonly missed?: readonly Element[]
}

/** Opens a link. Reports problems through `onEnd`, and never throws. */
export type OpenLink = (domain: string, options: LinkOptions, events: LinkEvents) => Link

export interface LinkEvents {
  /** A step was reached. Not called after the connection is ready. */
  onStep?(step: Step): void
  /** Elements sent during this call leave with the stream header. */
  onAhead?(): void
  onOpen(header: StreamHeader): void
  onElement(element: Element): void
  /** The next stanza was changed, or a stanza was dropped. */
  onUnfit?(fate: Fate, isStanza?: boolean): void
  onFlush(): void
  onDrain(): void
  /** Called once, as the last event. */
  onEnd(end: LinkEnd): void
}

export interface StreamHeader {
  readonly id: string | undefined
  readonly from: string | undefined
  /** Default language (RFC 6120 §4.7.4). */
  readonly lang?: string | undefined
}

export interface LinkEnd {
  readonly failure: Failure
  readonly streamError?: string | undefined
  /** A connection dialled ahead ended before the server sent anything: a new link may succeed. */
  readonly isStale?: boolean
}

export interface Failure {
  readonly step: Step
  readonly code: ProblemCode
  readonly condition?: string
  readonly cause?: unknown
}

export interface LinkFacts {
  readonly encrypted: boolean
  /** `TLSv1.2`, `TLSv1.3`, or absent without TLS. */
  readonly tlsVersion?: string | undefined
  /** Whether SASL PLAIN is allowed on this link (RFC 4616 §4). */
  readonly plainAllowed: boolean
  /** Whether SASL2 (XEP-0388) may be used: on encrypted links only. */
  readonly sasl2Allowed?: boolean
  readonly channelBinding?: (type: ChannelBindingType) => Buffer | undefined
}

/** RFC 9266, RFC 5929. */
export type ChannelBindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'
