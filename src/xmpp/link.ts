import type { ProblemCode, Step } from '../lib/errors.js'
import type { Element, Fate } from './xml/element.js'

/** One XMPP stream of one user (RFC 6120 §4), over TCP or a remote BOSH endpoint. */
export interface Link {
  readonly facts: LinkFacts
  readonly backlog: number
  readonly unfinishedBytes: number
  readonly allowsManagement: boolean
  readonly isBetweenElements: boolean
  /** The receiver changes after the login. */
  events: LinkEvents
  /** Sends whole elements, after the features or in `onAhead`. `soon`: smaller batches, for login steps. */
  send(elements: readonly Element[], soon?: boolean): void
  /** Restarts the stream on its connection (RFC 6120 §4.3.3). Omitted options stay. */
  restart(options?: StreamOptions): void
  pause(): void
  resume(): void
  close(): void
  /** Ends at once: incomplete elements and unsent data may be lost. No event follows. */
  abandon(): void
  /** Calls `onEnd`. A stream that is not over can be resumed. */
  timeOut(step: Step, isStreamOver?: boolean): void
  unanswered?(): void
  /** Sends all data, then closes only the connection. No event follows. */
  cut(): void
}

export interface StreamOptions {
  readonly lang?: string | undefined
  /** A bare JID, sent over encrypted links only. */
  readonly from?: string | undefined
  /**
   * In the next stream only, data may precede the features (XEP-0305 §3). `proven`: the server supported this before.
   * `trial`: the server has 3 s. Links may ignore this.
   */
  readonly ahead?: 'trial' | 'proven' | undefined
  /** True if white space may follow pipelined data. RFC 6120 §6.3.5 forbids this during SASL. */
  readonly spaced?: boolean | undefined
}

export interface LinkOptions extends StreamOptions {
  readonly lang: string
  /** Shows the operator's certificate, for SASL EXTERNAL. Default: false. */
  readonly certificate?: boolean
}

/** Attributes of `<resume/>` (XEP-0198 §5). */
export interface Resumption {
  readonly previd: string
  readonly h: string
}

/** Replace the link's `events` before the next turn of the event loop. */
export interface LinkAgain {
  readonly link: Link
  /** The server's answer if the login resumed the stream. If undefined, restart the stream. */
  readonly answer?: Element | undefined
  readonly missed?: readonly Element[]
}

/** Never throws: problems go to `onEnd`. */
export type OpenLink = (domain: string, options: LinkOptions, events: LinkEvents) => Link

export interface LinkEvents {
  /** The receiver's step after the features, which failures name. */
  readonly step?: LinkStep | undefined
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
  /** The link was dialled ahead, and ended before the server sent anything. */
  readonly isStale?: boolean
}

/** `stream`: after the login. */
export type LinkStep = Step | 'stream'

export interface Failure {
  readonly step: LinkStep
  readonly code: ProblemCode
  readonly condition?: string
  readonly cause?: unknown
  /** A sentence for the caller, without foreign text. */
  readonly detail?: string
  readonly server?: string | undefined
}

export interface LinkFacts {
  /** Host and port. Undefined before a server is dialled. */
  readonly server?: string | undefined
  readonly encrypted: boolean
  /** `TLSv1.2`, `TLSv1.3`, or undefined without TLS. */
  readonly tlsVersion?: string | undefined
  /** SASL PLAIN may be used (RFC 4616 §4). Known before encryption. */
  readonly plainAllowed: boolean
  /** XEP-0388. Encrypted links only. */
  readonly sasl2Allowed?: boolean
  /** XEP-0352. */
  readonly offersClientStates?: boolean
  readonly channelBinding?: (type: ChannelBindingType) => Buffer | undefined
}

/** RFC 9266, RFC 5929. */
export type ChannelBindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'
