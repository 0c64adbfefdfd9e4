import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../clock.js'
import type { Server } from '../config/config.js'
import type { Failure, LinkFacts } from '../exchange.js'
import { streamsNamespace, tlsNamespace } from '../namespaces.js'
import { childrenOf } from '../xml/children.js'
import type { Element, XmlLimits } from '../xml/scanner.js'
import { Splitter } from '../xml/splitter.js'
import { XmlError } from '../xml/xml-error.js'
import { dial, dialFailure } from './dial.js'
import { certificateFault, startTls, type TlsRules } from './starttls.js'
import {
  readHeader,
  type StreamHeader,
  type StreamOptions,
  streamFooter,
  writeHeader,
} from './stream-header.js'

const streamErrorNamespace = 'urn:ietf:params:xml:ns:xmpp-streams'

/** How a link ended. */
export interface LinkEnd {
  readonly failure: Failure
  /** The server's `<stream:error/>`, where it sent one. */
  readonly streamError?: string | undefined
}

/** Receives what comes from the XMPP server. */
export interface LinkEvents {
  /** The server opened its side of the stream, the first time or after a restart. */
  onOpen(header: StreamHeader): void
  /** A stanza, the features, or another top-level element. */
  onElement(element: Element): void
  /** Everything that came in one read has been reported. */
  onFlush(): void
  /** The link is over, by whichever side; called once, and nothing after it. */
  onEnd(end: LinkEnd): void
}

export interface LinkTimes {
  /** Longest time to connect, in seconds. */
  readonly connect: number
  /** Longest time from a stream header to the features, in seconds. */
  readonly features: number
  /** How long an orderly close waits for the server, in seconds (RFC 6120 §4.4). */
  readonly close: number
}

const usualTls: TlsRules = { minVersion: 'TLSv1.2', ciphers: undefined }

export const linkTimes: LinkTimes = { connect: 5, features: 10, close: 5 }

export interface LinkParts {
  readonly limits: XmlLimits
  readonly clock: Clock
  /** What TLS must be; at least version 1.2 unless it says otherwise. */
  readonly tls?: TlsRules
  readonly times?: LinkTimes
  /** Opens the connection; the real one unless a test has its own. */
  readonly dial?: (server: Server) => Socket
  /** Called once, when the connection is gone. */
  readonly onClosed?: () => void
}

/** Why data that arrives is read: before, while and after the stream is made secure. */
type Phase = 'connecting' | 'negotiating' | 'securing' | 'open' | 'closing' | 'ended'

/** What the owner of a link does with it. */
export type LinkHandle = Pick<Link, 'facts' | 'send' | 'restart' | 'pause' | 'resume' | 'close'>

/** One XMPP stream to a server on behalf of one user (RFC 6120 §4). */
export class Link {
  readonly #server: Server
  readonly #events: LinkEvents
  readonly #limits: XmlLimits
  readonly #clock: Clock
  readonly #times: LinkTimes
  readonly #tls: TlsRules
  readonly #onClosed: (() => void) | undefined
  #options: StreamOptions
  #socket: Socket
  #splitter: Splitter | undefined
  #phase: Phase = 'connecting'
  #deadline: Timer | undefined
  #bytesSinceHeader = 0
  /** Whether anything went either way since the last `keepAlive`. */
  #busy = true

  constructor(server: Server, options: StreamOptions, events: LinkEvents, about: LinkParts) {
    this.#server = server
    this.#options = options
    this.#events = events
    this.#limits = about.limits
    this.#clock = about.clock
    this.#times = about.times ?? linkTimes
    this.#tls = about.tls ?? usualTls
    this.#onClosed = about.onClosed
    this.#socket = (about.dial ?? dial)(server)
    this.#socket.once('connect', () => {
      this.#phase = server.tls === 'none' ? 'open' : 'negotiating'
      this.#open()
    })
    this.#listen(this.#socket)
    this.#expect(this.#times.connect, { step: 'connect', code: 'timeout' })
  }

  get facts(): LinkFacts {
    const tls = this.#socket instanceof TLSSocket ? this.#socket : undefined
    const tlsVersion = tls?.getProtocol()
    return {
      encrypted: tls !== undefined,
      plainAllowed: tls !== undefined || this.#server.plain,
      ...(tlsVersion == null ? {} : { tlsVersion }),
    }
  }

  /** Writes stanzas or other top-level elements to the server. */
  send(text: string): void {
    if (this.#phase !== 'open') return
    this.#busy = true
    this.#socket.write(text)
  }

  /** Sends a space if nothing went either way since this was called last (RFC 6120 §4.6.1). */
  keepAlive(): void {
    if (!this.#busy && this.#phase === 'open') this.#socket.write(' ')
    this.#busy = false
  }

  /** Opens a new stream on the same connection, as after a login (RFC 6120 §4.3.3). */
  restart(options: Partial<StreamOptions>): void {
    if (this.#phase !== 'open') return
    this.#options = { ...this.#options, ...options }
    this.#open()
  }

  /** Stops reading from the server until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /**
   * Closes the stream, waits for the server to close its side, then closes the connection (RFC 6120 §4.4).
   * Reports nothing any more.
   */
  close(): void {
    if (this.#phase === 'ended' || this.#phase === 'closing') return
    if (this.#phase !== 'open') {
      this.#destroy()
      return
    }
    this.#phase = 'closing'
    this.#socket.resume()
    this.#socket.write(streamFooter)
    this.#expect(this.#times.close, undefined)
  }

  #open(): void {
    const encrypted = this.#socket instanceof TLSSocket
    const { from, ...anonymous } = this.#options
    this.#splitter?.stop()
    this.#splitter = this.#split()
    this.#bytesSinceHeader = 0
    this.#socket.write(writeHeader(encrypted ? { ...anonymous, from } : anonymous))
    this.#expect(this.#times.features, { step: 'features', code: 'timeout' })
    if (encrypted) this.#nudge(this.#socket as TLSSocket)
  }

  /**
   * With TLS 1.3, the server's session tickets keep its answer back until they are acknowledged, and our side
   * delays acknowledgements by 40 ms. A space makes it send one; white space is legal here (RFC 6120 §4.6.1).
   */
  #nudge(socket: TLSSocket): void {
    if (socket.getProtocol() !== 'TLSv1.3') return
    const splitter = this.#splitter
    this.#clock.after(1, () => {
      if (this.#bytesSinceHeader === 0 && this.#splitter === splitter && this.#phase === 'open')
        socket.write(' ')
    })
  }

  #split(): Splitter {
    return new Splitter(
      {
        onOpen: root => {
          const header = readHeader(root)
          if (typeof header === 'string') this.#refuse(header)
          else if (this.#phase === 'open') this.#events.onOpen(header)
        },
        onElement: element => this.#receive(element),
        onClose: () => this.#closedByServer(),
      },
      this.#limits,
    )
  }

  #closedByServer(): void {
    this.#end({ failure: { step: this.#step(), code: 'remote-connection-failed' } })
    this.#socket.end()
  }

  #receive(element: Element): void {
    if (this.#phase === 'closing') return
    if (element.namespace === streamsNamespace) {
      if (element.name === 'error') {
        this.#end({ failure: streamFailure(element, this.#step()), streamError: element.text })
        return
      }
      if (element.name === 'features') {
        this.#deadline?.cancel()
        this.#deadline = undefined
      }
    }
    if (this.#phase === 'open') this.#events.onElement(element)
    else this.#negotiate(element)
  }

  /** STARTTLS, RFC 6120 §5.4. */
  #negotiate(element: Element): void {
    if (element.name === 'features' && element.namespace === streamsNamespace) {
      if (!element.text.includes(tlsNamespace)) {
        this.#end({ failure: { step: 'tls', code: 'tls-unavailable' } })
        return
      }
      this.#socket.write(`<starttls xmlns='${tlsNamespace}'/>`)
      this.#expect(this.#times.features, { step: 'tls', code: 'timeout' })
    } else if (element.name === 'proceed' && element.namespace === tlsNamespace) {
      this.#secure()
    } else {
      this.#end({ failure: { step: 'tls', code: 'tls-unavailable' } })
    }
  }

  #secure(): void {
    this.#phase = 'securing'
    // Whatever came in the clear behind <proceed/> is not to be believed (RFC 6120 §5.4.3.3).
    this.#splitter?.stop()
    this.#socket.removeAllListeners('data')
    this.#socket.removeAllListeners('close')
    this.#socket.removeAllListeners('end')
    const socket = startTls(this.#socket, this.#options.to, this.#server, this.#tls)
    socket.once('secureConnect', () => {
      const fault = certificateFault(socket, this.#server)
      if (fault !== undefined) {
        this.#end({ failure: { step: 'tls', code: 'certificate-invalid', cause: fault } })
        return
      }
      this.#phase = 'open'
      this.#open()
    })
    this.#socket = socket
    this.#listen(socket)
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', error => this.#fail(error))
    socket.once('end', () => this.#closedByServer())
    socket.once('close', () => {
      this.#end({ failure: { step: this.#step(), code: 'remote-connection-failed' } })
      this.#destroy()
    })
  }

  #read(chunk: Buffer): void {
    this.#bytesSinceHeader += chunk.length
    this.#busy = true
    try {
      this.#splitter?.write(chunk)
    } catch (error) {
      if (!(error instanceof XmlError)) throw error
      this.#refuse(error.fault, error)
      return
    }
    if (this.#phase === 'open') this.#events.onFlush()
  }

  /** Tells the server what was wrong with what it sent, and ends (RFC 6120 §4.9). */
  #refuse(condition: string, cause?: unknown): void {
    if (this.#phase === 'closing') {
      this.#destroy()
      return
    }
    const error = `<stream:error><${condition} xmlns='${streamErrorNamespace}'/></stream:error>`
    this.#socket.write(error)
    this.#end({ failure: { step: this.#step(), code: 'remote-protocol-error', cause } })
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#phase === 'connecting') this.#end({ failure: dialFailure(error) })
    else if (this.#phase === 'securing')
      this.#end({ failure: { step: 'tls', code: 'remote-connection-failed', cause: error } })
    else this.#end({ failure: { step: this.#step(), code: 'remote-connection-failed', cause: error } })
    this.#destroy()
  }

  #end(end: LinkEnd): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return
    const wasOpen = this.#phase === 'open'
    if (wasOpen) this.close()
    else this.#destroy()
    this.#events.onEnd(end)
  }

  #destroy(): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#onClosed?.()
    this.#deadline?.cancel()
    this.#deadline = undefined
    this.#splitter?.stop()
    this.#socket.destroy()
  }

  #step(): Failure['step'] {
    if (this.#phase === 'connecting') return 'connect'
    return this.#phase === 'negotiating' || this.#phase === 'securing' ? 'tls' : 'features'
  }

  #expect(seconds: number, failure: Failure | undefined): void {
    this.#deadline?.cancel()
    this.#deadline = this.#clock.after(seconds * 1000, () => {
      if (failure !== undefined) this.#end({ failure })
      this.#destroy()
    })
  }
}

function streamFailure(element: Element, step: Failure['step']): Failure {
  const condition = conditionOf(element)
  const code =
    condition === 'host-unknown' || condition === 'host-gone' ? 'host-unknown' : 'remote-stream-error'
  return { step, code, ...(condition === undefined ? {} : { condition }) }
}

/** The defined condition of a stream error (RFC 6120 §4.9.2). */
function conditionOf({ text }: Element): string | undefined {
  try {
    return childrenOf(text).find(
      ({ name, namespace }) => namespace === streamErrorNamespace && name !== 'text',
    )?.name
  } catch {
    return undefined
  }
}
