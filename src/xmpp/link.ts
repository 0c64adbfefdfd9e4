import type { ProblemCode, Step } from '../lib/errors.js'
import type { Element } from './xml/element.js'

/** Above this backlog, senders wait for `onDrain`. */
export const fullBacklog = 256 * 1024

/** One XMPP stream of one user (RFC 6120 §4), over TCP or a remote BOSH endpoint. */
export interface Link {
  readonly facts: LinkFacts
  readonly backlog: number
  readonly unfinishedBytes: number
  readonly allowsManagement: boolean
  readonly isBetweenElements: boolean
  /** The receiver of the events, which changes after the login. */
  events: LinkEvents
  /** Allowed after the stream features, and in `onAhead`. `soon`: for login steps, written in smaller batches. */
  send(elements: readonly Element[], soon?: boolean): void
  /** Restarts the stream on its connection (RFC 6120 §4.3.3). Without `lang` or `from`, the old value stays. */
  restart(options?: StreamOptions): void
  pause(): void
  resume(): void
  close(): void
  /** Closes the link without waiting for the server. Unsent data may be lost. No event follows. */
  abandon(): void
  /** The link ends with a timeout. If `isStreamOver` is false, another link can resume the stream. */
  timeOut(step: Step, isStreamOver?: boolean): void
  /** Counts the link as broken in the state of its server, because the server does not answer. */
  unanswered?(): void
  /** Sends all data, then closes the connection. Over TCP, the stream stays open. No event follows. */
  cut(): void
  /** True while the server may lack what was sent: the link is broken, or being mended. */
  readonly isBroken?: boolean
  /** Returns what the client sent and the server may lack, once. Only if receipts of stanzas are counted. */
  takeUnconfirmed?(): readonly Element[]
}

export interface StreamOptions {
  readonly lang?: string | undefined
  /** A bare JID, sent over encrypted links only. */
  readonly from?: string | undefined
  /**
   * Pipelining (XEP-0305 §3) in the next stream. `proven`: the server supported it before. `trial`: the server must
   * answer within 3 s.
   */
  readonly ahead?: 'trial' | 'proven' | undefined
}

export interface LinkOptions extends StreamOptions {
  readonly lang: string
  /** Sends the operator's certificate, for SASL EXTERNAL. Default: false. */
  readonly certificate?: boolean
}

/** Attributes of `<resume/>` (XEP-0198 §5). */
export interface Resumption {
  readonly previd: string
  readonly h: string
}

/** Result of a repeated login. The caller must replace `link.events` before the next turn of the event loop. */
export interface LinkAgain {
  readonly link: Link
  /** The server's answer to `<resume/>` inside the login. If undefined, the caller must restart the stream. */
  readonly answer?: Element | undefined
  readonly missed?: readonly Element[]
}

/** Never throws: problems go to `onEnd`. */
export type OpenLink = (domain: string, options: LinkOptions, events: LinkEvents) => Link

export interface LinkEvents {
  /** The current step. Links do not follow the login: in their errors, this step replaces `features`. */
  readonly step?: LinkStep | undefined
  onStep?(step: Step): void
  /** Elements sent during this call are sent with the stream header. */
  onAhead?(): void
  onOpen?(header: StreamHeader): void
  onElement(element: Element): void
  /** An element was not well-formed, beyond a limit, or not for clients. `dropped`: without its content, if it is known. */
  onDropped?(dropped?: Element, isStanza?: boolean): void
  onFlush?(): void
  onDrain?(): void
  /** The last event, called once. */
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
  /** The connection was dialled in advance, and ended before the server sent anything. */
  readonly isStale?: boolean
}

/** `stream`: after the login. */
export type LinkStep = Step | 'stream'

export interface Failure {
  readonly step: LinkStep
  readonly code: ProblemCode
  readonly condition?: string
  readonly cause?: unknown
  /** A sentence for the caller, without text of the server. */
  readonly detail?: string
  readonly server?: string | undefined
}

export const isConnectionLost = ({ code }: Failure) => code === 'remote-connection-failed' || code === 'timeout'

export interface LinkFacts {
  /** Host and port. For a remote endpoint, as in its URL. */
  readonly server?: string | undefined
  readonly encrypted: boolean
  /** Whether SASL PLAIN may be used (RFC 4616 §5). On a link that STARTTLS will encrypt, true from the start. */
  readonly plainAllowed: boolean
  /** XEP-0388. Encrypted links only. */
  readonly sasl2Allowed?: boolean
  /** XEP-0352. */
  readonly offersClientStates?: boolean
  readonly channelBinding?: (type: ChannelBindingType) => Buffer | undefined
}

/** RFC 9266, RFC 5929. */
export type ChannelBindingType = 'tls-exporter' | 'tls-unique' | 'tls-server-end-point'
