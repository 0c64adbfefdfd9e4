import type { ProblemCode, Step } from '../lib/errors.js'
import type { Element, Fate } from './xml/element.js'

/** One XMPP stream of one user to a server (RFC 6120 §4), over TCP or a remote BOSH endpoint. */
export interface Link {
  readonly facts: LinkFacts
  /** Text that the server has not taken yet, in UTF-16 units. */
  readonly backlog: number
  readonly unfinishedBytes: number
  readonly allowsManagement: boolean
  readonly isBetweenElements: boolean
  /** The receiver of events. It changes after the login. */
  events: LinkEvents
  /**
   * Sends whole top-level elements in order, after the features or `onAhead`. `soon`: in smaller write
   * batches, for login steps, because each step makes the server work.
   */
  send(elements: readonly Element[], soon?: boolean): void
  /** Opens a new stream on the same connection (RFC 6120 §4.3.3). Omitted options do not change. */
  restart(options?: StreamOptions): void
  pause(): void
  resume(): void
  close(): void
  /** Closes the stream, without incomplete elements and unsent data. No event follows. */
  abandon(): void
  /** Ends the link and calls `onEnd`. A stream that is not over can be resumed. */
  timeOut(step: Step, isStreamOver?: boolean): void
  /** Reports that the server did not answer a ping. */
  unanswered?(): void
  /** Sends all data, then closes the connection, but not the stream. No event follows. */
  cut(): void
}

export interface StreamOptions {
  readonly lang?: string | undefined
  /** The bare JID, which is sent over encrypted links only. */
  readonly from?: string | undefined
  /**
   * Pipelines before the server's features (XEP-0305 §3). `proven`: the server supported it before. `trial`:
   * the server has 3 s. Valid for one stream. A link may ignore this option.
   */
  readonly ahead?: 'trial' | 'proven' | undefined
  /** Whether white space may follow pipelined data. Not during SASL (RFC 6120 §6.3.5). */
  readonly spaced?: boolean | undefined
}

export interface LinkOptions extends StreamOptions {
  readonly lang: string
  /** Whether to use the operator's certificate, for SASL EXTERNAL. Default: false. */
  readonly certificate?: boolean
}

/** Asks the server to resume a stream after its connection was lost (XEP-0198 §5). */
export interface Resumption {
  readonly previd: string
  /** Number of received stanzas. */
  readonly h: string
}

/** Replace the link's events before the next turn of the event loop. */
export interface LinkAgain {
  readonly link: Link
  /** The server's answer, if the login has resumed the stream. If undefined, restart the stream and resume. */
  readonly answer?: Element | undefined
  readonly missed?: readonly Element[]
}

/** Opens a link. Never throws, but reports problems through `onEnd`. */
export type OpenLink = (domain: string, options: LinkOptions, events: LinkEvents) => Link

export interface LinkEvents {
  /** What the stream was opened for, after its features. Failures name this step. */
  readonly step?: LinkStep | undefined
  /** The link has reached a step. Not called once the connection is ready. */
  onStep?(step: Step): void
  /** Elements sent during this call are sent with the stream header. */
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
  readonly lang?: string | undefined
}

export interface LinkEnd {
  readonly failure: Failure
  readonly streamError?: string | undefined
  /** A connection that was dialled ahead ended before the server sent anything. A new link may succeed. */
  readonly isStale?: boolean
}

/** `stream`: after the login. */
export type LinkStep = Step | 'stream'

export interface Failure {
  readonly step: LinkStep
  readonly code: ProblemCode
  readonly condition?: string
  readonly cause?: unknown
  /** For the caller, without foreign text. */
  readonly detail?: string
}

export interface LinkFacts {
  readonly encrypted: boolean
  /** `TLSv1.2`, `TLSv1.3`, or undefined without TLS. */
  readonly tlsVersion?: string | undefined
  /** Whether SASL PLAIN is allowed on this link (RFC 4616 §4). Known before the link is encrypted. */
  readonly plainAllowed: boolean
  /** Whether SASL2 (XEP-0388) is allowed. Only on encrypted links. */
  readonly sasl2Allowed?: boolean
  /** Whether the server offers client states (XEP-0352). */
  readonly offersClientStates?: boolean
  readonly channelBinding?: (type: ChannelBindingType) => Buffer | undefined
}

/** RFC 9266, RFC 5929. */
export type ChannelBindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'
