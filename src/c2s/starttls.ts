import type { Socket } from 'node:net'
import type { LinkEnd } from '../link.js'
import { streamsNamespace, tlsNamespace } from '../namespaces.js'
import { streamFailure, writeStreamError } from '../stream-errors.js'
import type { Element } from '../xml/element.js'
import type { XmlLimits } from '../xml/limits.js'
import type { Root } from '../xml/root.js'
import type { Sink } from '../xml/splitter.js'
import { Splitter } from '../xml/splitter.js'
import { XmlError } from '../xml/xml-error.js'
import { longestStep, readHeader } from './stream-header.js'

export interface StartTlsEvents {
  /** The server has offered STARTTLS and been asked for it. */
  onOffer(): void
  /** TLS is to begin. */
  onProceed(): void
  /** There will be no TLS. */
  onRefused(end: LinkEnd): void
}

/** Negotiates STARTTLS on an unencrypted stream of its own (RFC 6120 §5.4). One of the events ends it. */
export class StartTls implements Sink {
  readonly #socket: Socket
  readonly #events: StartTlsEvents
  readonly #splitter: Splitter

  constructor(socket: Socket, header: string, limits: XmlLimits, events: StartTlsEvents) {
    this.#socket = socket
    this.#events = events
    this.#splitter = new Splitter(this, limits, { lenient: true })
    socket.write(header)
  }

  read(chunk: Buffer): void {
    try {
      this.#splitter.write(chunk)
    } catch (error) {
      if (!(error instanceof XmlError)) throw error
      this.#refuse(error.fault, error)
    }
  }

  /** Reads no more: what came in the clear behind `<proceed/>` is not to be believed (RFC 6120 §5.4.3.3). */
  stop(): void {
    this.#splitter.stop()
  }

  onOpen(root: Root): void {
    const header = readHeader(root)
    if (typeof header === 'string') this.#refuse(header)
  }

  onElement(element: Element): void {
    const { name, namespace, text } = element
    if (text.length > longestStep && namespace !== 'jabber:client') this.#refuse('policy-violation')
    else if (namespace === streamsNamespace && name === 'error')
      this.#events.onRefused({ failure: streamFailure(element, 'tls'), streamError: text })
    else if (namespace === streamsNamespace && name === 'features' && text.includes(tlsNamespace)) {
      this.#socket.write(`<starttls xmlns='${tlsNamespace}'/>`)
      this.#events.onOffer()
    } else if (namespace === tlsNamespace && name === 'proceed') this.#events.onProceed()
    else this.#events.onRefused({ failure: { step: 'tls', code: 'tls-unavailable' } })
  }

  onClose(): void {
    this.#events.onRefused({ failure: { step: 'tls', code: 'remote-connection-failed' } })
  }

  /** Tells the server what was wrong with what it sent (RFC 6120 §4.9). */
  #refuse(condition: string, cause?: unknown): void {
    this.#socket.write(writeStreamError(condition))
    this.#events.onRefused({ failure: { step: 'tls', code: 'remote-protocol-error', cause } })
  }
}
