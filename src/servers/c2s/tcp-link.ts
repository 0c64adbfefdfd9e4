import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Server } from '../../config/config.js'
import type { Timer } from '../../lib/clock.js'
import type { Step } from '../../lib/errors.js'
import type { WaitingMemory } from '../../lib/limits/waiting-memory.js'
import { paced, pacedDelivery } from '../../lib/paced.js'
import type { Failure, Link, LinkEnd, LinkEvents, LinkFacts, LinkOptions, StreamOptions } from '../../xmpp/link.js'
import { isOfTransport, streamsNamespace } from '../../xmpp/namespaces.js'
import { atStep, streamEnd, writeStreamError } from '../../xmpp/stream-errors.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { Root } from '../../xmpp/xml/root.js'
import type { Sink } from '../../xmpp/xml/splitter.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import type { ConnectedServer } from '../net/server-states.js'
import {
  type Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type ConnectionParts,
  OpenConnection,
} from './connection.js'
import { linkFacts } from './link-facts.js'
import { provenHost } from './other-host.js'
import { ignore, listenTo, onTickets, pauseReading, resumeReading, type SocketEvents } from './socket-events.js'
import type { SpareLinks } from './spare-links.js'
import { offersStates, readHeader, streamFooter, writeHeader } from './stream-header.js'
import { StreamReader } from './stream-reader.js'
import { StreamWriter, type StreamWriterEvents } from './stream-writer.js'

export interface LinkParts extends ConnectionParts {
  readonly spares?: SpareLinks | undefined
  readonly waiting: WaitingMemory
  readonly onFailed: (domain: string, failure: Failure) => void
  readonly onClosed: (link: TcpLink) => void
}

const featuresSeconds = 10
const trialSeconds = 3
const closeSeconds = 5
const mostRedirections = 2

type Phase = 'connecting' | 'open' | 'closing' | 'ended'

export class TcpLink implements Link, ConnectionEvents, SocketEvents, Sink, StreamWriterEvents {
  static readonly #flush = (link: TcpLink) => {
    if (link.#phase === 'open') link.#guard(() => link.events.onFlush?.())
  }
  events: LinkEvents
  #to: ConnectionOptions
  /** While the link is connecting. */
  #connection: Connection | undefined
  #server: ConnectedServer | undefined
  #redirections = 0
  /** For the server's next answer. */
  #deadline: Timer | undefined
  readonly #parts: LinkParts
  #from: string | undefined
  #ahead: StreamOptions['ahead']
  #phase: Phase = 'connecting'
  #socket: Socket | undefined
  #writer: StreamWriter | undefined
  readonly #reader: StreamReader
  #offersStates = false
  #isSpare = false
  #isBusy = true
  /** The client gets one header for each stream that it opens, although the link may dial again. */
  #isHeaderReported = false
  #hasFeatures = false

  constructor(
    domain: string,
    server: Server | undefined,
    { lang, from, ahead, certificate = false }: LinkOptions,
    events: LinkEvents,
    parts: LinkParts,
  ) {
    this.events = events
    this.#to = { domain, server, lang, certificate }
    this.#parts = parts
    this.#from = from
    this.#ahead = ahead
    this.#reader = new StreamReader(this, parts.waiting)
    this.#connection = parts.spares?.take(this.#to, this) ?? new OpenConnection(this.#to, parts, this)
  }

  get facts(): LinkFacts {
    const server = this.#server?.name ?? this.#connection?.server
    return linkFacts(this.#socket, this.#to.server, { server, offersClientStates: this.#offersStates })
  }

  get backlog(): number {
    return this.#writer?.backlog ?? 0
  }

  get unfinishedBytes(): number {
    return this.#reader.unfinishedBytes
  }

  get allowsManagement(): boolean {
    return this.#to.server?.management !== false
  }

  get isBetweenElements(): boolean {
    return this.#reader.isBetweenElements
  }

  send(elements: readonly Element[], soon = false): void {
    if (this.#phase !== 'open' || elements.length === 0) return
    this.#isBusy = true
    this.#writer!.send(elements, soon)
  }

  /** RFC 6120 §4.6.1. */
  keepAlive(): void {
    if (!this.#isBusy && this.#phase === 'open') this.#writer!.write(' ')
    this.#isBusy = false
  }

  restart({ lang, from, ahead }: StreamOptions = {}): void {
    if (this.#phase !== 'open') return
    if (lang !== undefined) this.#to = { ...this.#to, lang }
    this.#from = from ?? this.#from
    this.#ahead = ahead
    this.#isSpare = false
    this.#isHeaderReported = false
    this.#open()
  }

  pause(): void {
    if (this.#socket !== undefined) pauseReading(this.#socket)
  }

  resume(): void {
    if (this.#socket !== undefined) resumeReading(this.#socket)
  }

  close(): void {
    if (this.#beginClosing()) this.#writer!.write(streamFooter)
  }

  abandon(): void {
    this.close()
    this.#reader.stop()
    this.#socket?.end()
  }

  unanswered(): void {
    this.#server?.state?.lost({ step: 'stream', code: 'timeout' }, this.#to.domain)
  }

  timeOut(step: Step, isStreamOver = true): void {
    this.#connection?.timeOut()
    this.#guard(() => this.#end({ failure: { step, code: 'timeout' } }, isStreamOver))
  }

  onStep(step: Step): void {
    this.events.onStep?.(step)
  }

  onReady(socket: Socket, server: ConnectedServer, isSpare = false): void {
    this.#phase = 'open'
    this.#isSpare = isSpare
    this.#socket = socket
    this.#connection = undefined
    this.#server = server
    if (server.state !== undefined) server.state.links += 1
    this.#writer = new StreamWriter(socket, this.#parts.clock, this)
    listenTo(socket, this)
    // A spare link has received its TLS ticket.
    if (!isSpare && socket instanceof TLSSocket && socket.getProtocol() === 'TLSv1.3') {
      // White space is forbidden after a pipelined <auth/> (RFC 6120 §6.3.5) or <authenticate/> (XEP-0388 §2.4).
      this.#ahead = undefined
      onTickets(socket, this.#parts.clock, () => {
        if (!this.#reader.hasBegun && this.#phase === 'open') this.#writer!.write(' ')
      })
    }
    this.#guard(() => this.#open())
    if (this.#redirections === 0) this.#parts.spares?.replenish(this.#to, isSpare ? 0 : 1)
  }

  onFailed(end: LinkEnd): void {
    this.#end(end)
  }

  cut(): void {
    if (!this.#beginClosing()) return
    this.#writer!.write('')
    this.#socket!.end()
  }

  #beginClosing(): boolean {
    if (this.#phase === 'connecting') this.#destroy()
    if (this.#phase !== 'open') return false
    this.#phase = 'closing'
    resumeReading(this.#socket!)
    // RFC 6120 §4.4.
    this.#expect(closeSeconds)
    return true
  }

  #open(): void {
    this.#hasFeatures = false
    this.#reader.begin()
    const from = this.#socket instanceof TLSSocket ? this.#from : undefined
    const header = writeHeader(this.#to.domain, this.#to.lang, from)
    this.#expect(this.#ahead === 'trial' ? trialSeconds : Math.max(featuresSeconds, this.#parts.stepSeconds))
    if (this.#ahead === undefined) this.#writer!.write(header)
    else {
      this.#writer!.sendHeader(header)
      this.events.onAhead?.()
    }
  }

  onData(chunk: Buffer): void {
    this.#isBusy = true
    try {
      this.#reader.write(chunk)
      // A server can send to all sessions at once.
      pacedDelivery(this, TcpLink.#flush)
    } catch (error) {
      if (error instanceof XmlError) this.#guard(() => this.#refuse(error.fault, error))
      else this.#break(error)
    }
  }

  onOpen(root: Root): void {
    const header = readHeader(root)
    if (typeof header === 'string') this.#refuse(header)
    else if (this.#phase === 'open') {
      this.#server?.state?.reached()
      this.#socket!.removeAllListeners('session')
      if (this.#isHeaderReported) return
      this.#isHeaderReported = true
      this.events.onOpen?.(header)
    }
  }

  onElement(element: Element): void {
    const { name, namespace } = element
    const isOfStream = namespace === streamsNamespace
    if (this.#phase === 'closing') return
    if (isOfStream && name === 'error') {
      const end = streamEnd(element, 'features')
      // Nothing after the error counts, even if the turn comes later.
      this.#reader.stop()
      this.#inTurn(() => this.#follow(end) || this.#end(end))
    } else if (isOfTransport(namespace)) {
      // The server does not count this element as a stanza.
      this.events.onDropped?.(undefined, false)
    } else {
      if (isOfStream && name === 'features') {
        this.#hasFeatures = true
        this.#offersStates = offersStates(element.text)
        // A trial of pipelining keeps its time limit until the server answers the pipelined data.
        if (this.#ahead !== 'trial') this.#deadline?.cancel()
      } else if (!isOfStream && this.#ahead === 'trial') {
        this.#ahead = undefined
        this.#deadline?.cancel()
      }
      this.events.onElement(element)
    }
  }

  onDropped(dropped?: Element): void {
    if (this.#phase === 'open') this.events.onDropped?.(dropped)
  }

  onClose(): void {
    this.#inTurn(() => {
      this.#end(goneByServer)
      this.#socket?.end()
    })
  }

  onLastByte(): void {
    this.#guard(() => this.#replaceSpare() || this.#end(goneByServer, false))
  }

  onBroken(reason: Error | boolean): void {
    const cause = typeof reason === 'boolean' ? undefined : reason
    this.#guard(() => this.#replaceSpare() || this.#fail({ ...goneByServer.failure, cause }))
  }

  onDrain(): void {
    if (this.#phase === 'open') this.#guard(() => this.events.onDrain?.())
  }

  onStall(): void {
    this.#guard(() => this.#fail({ step: 'features', code: 'timeout' }))
  }

  /** Dials again if a spare link ended before the server sent anything. */
  #replaceSpare(): boolean {
    if (!this.#isSpare || this.#reader.hasBegun || this.#phase !== 'open') return false
    return this.#dialAgain(goneByServer.failure)
  }

  /** RFC 6120 §4.9.3.19. Not after features, because the client may have begun its login. */
  #follow({ failure, streamError = '' }: LinkEnd): boolean {
    const isEarly = this.#phase === 'open' && !this.#hasFeatures && (this.events.step ?? 'features') === 'features'
    if (!isEarly || this.#redirections >= mostRedirections) return false
    const other = provenHost(streamError, this.#socket, this.#to.server)
    if (other === undefined) return false
    this.#redirections += 1
    this.#to = { ...this.#to, other }
    return this.#dialAgain(failure)
  }

  /** A pipelined login ends instead, with this failure. */
  #dialAgain(failure: Failure): true {
    if (this.#ahead !== undefined) this.#end({ failure, isStale: true })
    else {
      this.#disconnect()
      this.#phase = 'connecting'
      this.#connection = new OpenConnection(this.#to, this.#parts, this)
    }
    return true
  }

  /** Not if the link has dialled again before its turn. */
  #inTurn(work: () => void): void {
    const socket = this.#socket
    paced(this, link => link.#socket === socket && link.#guard(work))
  }

  #expect(seconds: number): void {
    this.#deadline?.cancel()
    this.#deadline = this.#parts.clock.after(seconds * 1000, () => this.onStall())
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#break(error)
    }
  }

  #break(cause: unknown): void {
    const end = atStep({ failure: { step: 'features', code: 'internal-error', cause } }, this.events)
    const isReported = this.#phase === 'closing' || this.#phase === 'ended'
    this.#destroy()
    this.#parts.onFailed(this.#to.domain, end.failure)
    if (!isReported) this.events.onEnd(end)
  }

  #refuse(condition: string, cause?: unknown): void {
    if (this.#phase === 'closing') this.#destroy()
    else {
      this.#writer!.write(writeStreamError(condition))
      this.#end({ failure: { step: 'features', code: 'remote-protocol-error', cause } })
    }
  }

  #fail(failure: Failure): void {
    this.#end({ failure }, false)
    this.#destroy()
  }

  #end(end: LinkEnd, isStreamOver = true): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return
    const { server = this.#server?.name ?? this.#connection?.server } = end.failure
    if (isStreamOver) this.close()
    else this.cut()
    const reported = atStep({ ...end, failure: { ...end.failure, server } }, this.events)
    const { failure, isStale = false } = reported
    const isSilent = failure.step === 'features' && !this.#reader.hasBegun && !isStale
    const state = this.#server?.state
    if (failure.step === 'stream') state?.lost(failure, this.#to.domain)
    else if (isSilent && failure.code !== 'remote-stream-error') state?.failed(failure, this.#to.domain)
    this.#parts.onFailed(this.#to.domain, failure)
    this.events.onEnd(reported)
  }

  #destroy(): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#parts.onClosed(this)
    this.#connection?.cancel()
    this.#connection = undefined
    this.#disconnect()
  }

  #disconnect(): void {
    this.#deadline?.cancel()
    this.#reader.stop()
    this.#writer?.stop()
    if (this.#socket === undefined) return
    ignore(this.#socket)
    this.#socket.destroy()
    this.#socket = undefined
    if (this.#server?.state !== undefined) this.#server.state.links -= 1
    this.#server = undefined
    this.#writer = undefined
  }
}

const goneByServer: LinkEnd = { failure: { step: 'features', code: 'remote-connection-failed' } }
