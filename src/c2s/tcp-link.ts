import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Server, Trust } from '../config/config.js'
import type { Step } from '../errors.js'
import type { Foreseen, LoginWishes } from '../exchange.js'
import type { Clock, Timer } from '../lib/clock.js'
import { WriteBatch } from '../lib/write-batch.js'
import type { Failure, Link, LinkEnd, LinkEvents, LinkFacts, LinkOptions, StreamOptions } from '../link.js'
import { streamsNamespace, tlsNamespace } from '../namespaces.js'
import { childrenOf } from '../xml/children.js'
import type { Root } from '../xml/root.js'
import type { Element, Fate, Sink, XmlLimits } from '../xml/scanner.js'
import { Splitter } from '../xml/splitter.js'
import { XmlError } from '../xml/xml-error.js'
import { channelBinding } from './channel-binding.js'
import type { Dial, Dialling } from './dial.js'
import { certificateFault, startTls, type TlsRules } from './starttls.js'
import { readHeader, streamFooter, writeHeader } from './stream-header.js'

const streamErrorNamespace = 'urn:ietf:params:xml:ns:xmpp-streams'

export interface LinkTimes {
  /** Longest time from a stream header to the features, in seconds. */
  readonly features: number
  /** Longest time from a header to the answer to what was sent with it, where the server is new to that, in seconds. */
  readonly trial: number
  /** How long an orderly close waits for the server, in seconds (RFC 6120 §4.4). */
  readonly close: number
  /**
   * How long a server may take nothing of what waits for it, in seconds: as long as TCP itself waits by default (RFC 9293
   * §3.9.1.1). Servers that take little at a time, to keep a rate, are not meant.
   */
  readonly stall: number
}

/** Longest element that is no stanza, in UTF-16 units: features, and steps of a login, which are taken apart. */
const longestStep = 10_000

const usualTls: TlsRules = { minVersion: 'TLSv1.2', ciphers: undefined }

export const linkTimes: LinkTimes = { features: 10, trial: 3, close: 5, stall: 300 }

export interface LinkParts {
  readonly limits: XmlLimits
  readonly clock: Clock
  /** What TLS must be; at least version 1.2 unless it says otherwise. */
  readonly tls?: TlsRules
  readonly times?: LinkTimes
  /** What a login in this process wants of the link. */
  readonly wishes?: LoginWishes | undefined
  /** Opens the connection. */
  readonly dial: Dial
  /** Hears of the domain whose server ended the link, or could not be reached, and of the reason. */
  readonly onFailed?: (domain: string, failure: Failure) => void
  /** Called once, when the connection is gone. */
  readonly onClosed?: (link: TcpLink) => void
}

/** Why data that arrives is read: before, while and after the stream is made secure. */
type Phase = 'connecting' | 'negotiating' | 'securing' | 'open' | 'closing' | 'ended'

/** One XMPP stream to a server on behalf of one user (RFC 6120 §4). */
export class TcpLink implements Link {
  /** Those that have stanzas to send, of which a server reads many in the time that it takes us to send one. */
  static readonly #departures = new WriteBatch<TcpLink>(8, link => link.#depart())
  /** Those with a step of a login: it costs a server more than it costs us, so that gets to work soon. */
  static readonly #steps = new WriteBatch<TcpLink>(2, link => link.#depart())
  /** Those that have opened a stream, and may have more to say on it at once. */
  static readonly #openings = new WriteBatch<TcpLink>(Number.POSITIVE_INFINITY, link => link.#depart())
  readonly #server: Trust
  events: LinkEvents
  readonly #limits: XmlLimits
  readonly #clock: Clock
  readonly #times: LinkTimes
  readonly #tls: TlsRules
  readonly #onFailed: LinkParts['onFailed']
  readonly #onClosed: LinkParts['onClosed']
  readonly #domain: string
  #lang: string
  #from: string | undefined
  /** Until the stream is open: there may be more places to try. */
  #dialling: Dialling | undefined
  #socket: Socket | undefined
  #splitter: Splitter | undefined
  #phase: Phase = 'connecting'
  #deadline: Timer | undefined
  /** While something waits for the server: until when it has to take some of it. */
  #stall: Timer | undefined
  #bytesSinceHeader = 0
  /** What leaves at the end of this turn, together with what others send. */
  #outgoing = ''
  /** What a login expects of its streams; undefined from when the last one has its features. */
  #foreseen: Foreseen | undefined
  /** Whether what is sent leaves with the stream's header, before the server has said anything. */
  #isAhead = false
  /** Whether anything went either way since the last `keepAlive`. */
  #busy = true
  readonly #showsCertificate: boolean
  /** How far the connection has come. */
  #step: Step = 'resolve'
  /** Who wants to hear of that; nobody any more once it stands. */
  #reached: ((step: Step) => void) | undefined

  constructor(domain: string, server: Trust, options: LinkOptions, events: LinkEvents, about: LinkParts) {
    this.#domain = domain
    this.#server = server
    this.#lang = options.lang
    this.#from = options.from
    this.events = events
    this.#limits = about.limits
    this.#clock = about.clock
    this.#times = about.times ?? linkTimes
    this.#tls = about.tls ?? usualTls
    this.#onFailed = about.onFailed
    this.#onClosed = about.onClosed
    this.#showsCertificate = about.wishes?.certificate === true
    this.#reached = about.wishes?.reached
    this.#foreseen = about.wishes?.foreseen
    this.#dialling = about.dial({
      onConnecting: () => this.#reach('connect'),
      onConnected: (socket, tls) => this.#guard(() => this.#connected(socket, tls)),
      onFailed: failure =>
        this.#guard(() => {
          this.#dialling = undefined
          this.#end({ failure })
        }),
    })
  }

  get facts(): LinkFacts {
    const tls = this.#socket
    if (!(tls instanceof TLSSocket)) return { encrypted: false, plainAllowed: this.#server.plain }
    const tlsVersion = tls.getProtocol()
    return {
      ...{ encrypted: true, plainAllowed: true },
      ...(tlsVersion == null ? {} : { tlsVersion }),
      channelBinding: type => channelBinding(tls, type),
    }
  }

  get backlog(): number {
    return this.#outgoing.length + (this.#socket?.writableLength ?? 0)
  }

  get isBetweenElements(): boolean {
    return this.#splitter?.isBetweenElements === true
  }

  send(elements: readonly Element[], soon = false): void {
    if (this.#phase !== 'open' || elements.length === 0) return
    this.#busy = true
    // A header waits for what is said first on its stream, and leaves with it.
    if (this.#outgoing === '' || this.#isAhead) (soon ? TcpLink.#steps : TcpLink.#departures).add(this)
    for (const { text } of elements) this.#outgoing += text
  }

  /** Sends a space if nothing went either way since this was called last (RFC 6120 §4.6.1). */
  keepAlive(): void {
    if (!this.#busy && this.#phase === 'open') this.#write(' ')
    this.#busy = false
  }

  restart({ lang, from }: StreamOptions = {}): void {
    if (this.#phase !== 'open') return
    this.#lang = lang ?? this.#lang
    this.#from = from ?? this.#from
    this.#open()
  }

  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
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
    this.#socket?.resume()
    this.#write(streamFooter)
    this.#expect(this.#times.close)
  }

  /** A connection stands; it is made what it has to be. */
  #connected(socket: Socket, tls: Server['tls']): void {
    this.#socket = socket
    if (tls === 'direct') {
      this.#reach('tls')
      this.#expect(this.#times.features)
      this.#secure(socket, 'direct')
      return
    }
    this.#listen(socket)
    if (tls === 'none') this.#stand()
    else {
      this.#phase = 'negotiating'
      this.#reach('tls')
    }
    this.#open()
  }

  /** The connection is what it has to be: from now on it is this one or none. */
  #stand(): void {
    this.#phase = 'open'
    this.#dialling = undefined
    this.#reach('features')
  }

  #open(mayBeAhead = true): void {
    this.#splitter?.stop()
    this.#splitter = this.#split()
    this.#bytesSinceHeader = 0
    const header = writeHeader(
      this.#domain,
      this.#lang,
      this.#socket instanceof TLSSocket ? this.#from : undefined,
    )
    const isAhead = mayBeAhead && this.#phase === 'open'
    const features = isAhead ? this.#foreseen?.expected() : undefined
    if (features === undefined) {
      this.#write(header)
      this.#expect(this.#times.features)
    } else this.#openAhead(header, features)
  }

  /** What is sent now does not wait for the features, and the header waits for it until the end of this turn. */
  #openAhead(header: string, features: Element): void {
    this.#isAhead = true
    this.#outgoing += header
    TcpLink.#openings.add(this)
    this.#expect(this.#foreseen!.isProven ? this.#times.features : this.#times.trial)
    this.events.onElement(features)
    this.events.onFlush()
  }

  /**
   * With TLS 1.3, each of the server's session tickets keeps what is behind it back until it is acknowledged, and our side
   * delays acknowledgements by 40 ms. A space makes it send one; white space is legal here (RFC 6120 §4.6.1).
   */
  #acknowledgeTickets(socket: TLSSocket): void {
    let isDue = false
    socket.on('session', () => {
      if (isDue) return
      isDue = true
      // What is written while a ticket is being read gets stuck.
      this.#clock.after(0, () => {
        isDue = false
        if (this.#bytesSinceHeader === 0 && this.#phase === 'open') this.#write(' ')
      })
    })
  }

  #split(): Splitter {
    return new Splitter(new TcpLink.#Reader(this), this.#limits, { lenient: true })
  }

  /** Hears what is read. One object for each link; three functions would take eight times as much. */
  static readonly #Reader = class implements Sink {
    readonly #link: TcpLink

    constructor(link: TcpLink) {
      this.#link = link
    }

    onOpen(root: Root): void {
      const header = readHeader(root)
      if (typeof header === 'string') this.#link.#refuse(header)
      else if (this.#link.#phase === 'open') this.#link.events.onOpen(header)
    }

    onElement(element: Element): void {
      this.#link.#receive(element)
    }

    onUnfit(fate: Fate): void {
      if (this.#link.#phase === 'open') this.#link.events.onUnfit?.(fate)
    }

    onClose(): void {
      const socket = this.#link.#socket
      this.#link.#closedByServer()
      socket?.end()
    }
  }

  #closedByServer(): void {
    this.#end({ failure: { step: this.#step, code: 'remote-connection-failed' } })
  }

  #receive(element: Element): void {
    if (this.#phase === 'closing') return
    if (element.text.length > longestStep && element.namespace !== 'jabber:client') {
      this.#refuse('policy-violation')
      return
    }
    if (element.namespace === streamsNamespace) {
      if (element.name === 'error') {
        this.#end({ failure: streamFailure(element, this.#step), streamError: element.text })
        return
      }
      if (element.name === 'features' && this.#takeFeatures(element)) return
    } else if (this.#isAhead) {
      this.#isAhead = false
      this.#expectNothing()
    }
    if (this.#phase === 'open') this.events.onElement(element)
    else this.#negotiate(element)
  }

  /** Whether the features are those that were expected, and have been dealt with. */
  #takeFeatures(features: Element): boolean {
    const foreseen = this.#phase === 'open' ? this.#foreseen : undefined
    // A server that is new to it may yet overlook what was sent with the header.
    if (!this.#isAhead || foreseen?.isProven !== false) this.#expectNothing()
    if (foreseen === undefined) return false
    const isExpected = foreseen.came(features)
    if (foreseen.isComplete) this.#foreseen = undefined
    return isExpected
  }

  /** STARTTLS, RFC 6120 §5.4. */
  #negotiate(element: Element): void {
    if (element.name === 'features' && element.namespace === streamsNamespace) {
      if (!element.text.includes(tlsNamespace)) {
        this.#end({ failure: { step: 'tls', code: 'tls-unavailable' } })
        return
      }
      this.#write(`<starttls xmlns='${tlsNamespace}'/>`)
      this.#expect(this.#times.features)
    } else if (element.name === 'proceed' && element.namespace === tlsNamespace) {
      this.#secure(this.#socket!, 'starttls')
    } else {
      this.#end({ failure: { step: 'tls', code: 'tls-unavailable' } })
    }
  }

  #secure(connection: Socket, tls: 'starttls' | 'direct'): void {
    this.#phase = 'securing'
    // Whatever came in the clear behind <proceed/> is not to be believed (RFC 6120 §5.4.3.3).
    this.#splitter?.stop()
    ignore(connection)
    const socket = startTls(connection, this.#domain, {
      server: this.#server,
      rules: this.#tls,
      showsCertificate: this.#showsCertificate,
      direct: tls === 'direct',
    })
    socket.once('secureConnect', () => this.#guard(() => this.#secured(socket)))
    this.#socket = socket
    this.#listen(socket)
  }

  #secured(socket: TLSSocket): void {
    const fault = certificateFault(socket, this.#server, this.#domain)
    if (fault !== undefined) {
      this.#end({ failure: { step: 'tls', code: 'certificate-invalid', cause: fault } })
      return
    }
    this.#stand()
    const hasTickets = socket.getProtocol() === 'TLSv1.3'
    if (hasTickets) this.#acknowledgeTickets(socket)
    // What acknowledges them is white space, and of that there is none behind an <auth/> (RFC 6120 §6.3.5).
    this.#open(!hasTickets)
  }

  #listen(socket: Socket): void {
    /** Of a connection that is closed the event only tells whether there was an error. */
    const broken = (reason: Error | boolean) => {
      const cause = typeof reason === 'boolean' ? undefined : reason
      this.#guard(() => this.#fail({ step: this.#step, code: 'remote-connection-failed', cause }))
    }
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    // The others come once; `once` would make an object and a function more for each link.
    socket.on('error', broken)
    socket.on('end', () => this.#guard(() => this.#closedByServer()))
    socket.on('close', broken)
  }

  #read(chunk: Buffer): void {
    // It may have been sent before the server heard that the stream begins anew (RFC 6120 §4.6.1).
    if (this.#bytesSinceHeader === 0) chunk = withoutSpace(chunk)
    this.#bytesSinceHeader += chunk.length
    this.#busy = true
    try {
      this.#splitter?.write(chunk)
      if (this.#phase === 'open') this.events.onFlush()
    } catch (error) {
      if (error instanceof XmlError) this.#guard(() => this.#refuse(error.fault, error))
      else this.#break(error)
    }
  }

  /** Runs what nobody above would catch. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#break(error)
    }
  }

  /** Whatever was not foreseen ends this link and no other. */
  #break(cause: unknown): void {
    const failure: Failure = { step: this.#step, code: 'internal-error', cause }
    const isTold = this.#phase === 'closing' || this.#phase === 'ended'
    this.#destroy()
    this.#onFailed?.(this.#domain, failure)
    if (!isTold) this.events.onEnd({ failure })
  }

  /** Tells the server what was wrong with what it sent, and ends (RFC 6120 §4.9). */
  #refuse(condition: string, cause?: unknown): void {
    if (this.#phase === 'closing') {
      this.#destroy()
      return
    }
    const error = `<stream:error><${condition} xmlns='${streamErrorNamespace}'/></stream:error>`
    this.#write(error)
    this.#end({ failure: { step: this.#step, code: 'remote-protocol-error', cause } })
  }

  /** Ends without a farewell: nothing goes through this connection any more. */
  #fail(failure: Failure): void {
    const socket = this.#socket
    this.#end({ failure })
    // Otherwise another place is being tried.
    if (this.#socket === socket) this.#destroy()
  }

  #end(end: LinkEnd): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return
    if (this.#dialling !== undefined && end.streamError === undefined) {
      this.#tryElsewhere(this.#dialling, end.failure)
      return
    }
    const wasOpen = this.#phase === 'open'
    if (wasOpen) this.close()
    else this.#destroy()
    this.#onFailed?.(this.#domain, end.failure)
    this.events.onEnd(end)
  }

  /**
   * What fails before the stream is open may do better at another of the domain's servers: so far, nothing was said but
   * the domain's name. A stream error is an answer, for which one asks only once.
   */
  #tryElsewhere(dialling: Dialling, failure: Failure): void {
    this.#leave()
    this.#phase = 'connecting'
    dialling.goOn(failure)
  }

  #destroy(): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#onClosed?.(this)
    this.#dialling?.cancel()
    this.#dialling = undefined
    this.#leave()
  }

  /** Gives the connection up. */
  #leave(): void {
    this.#expectNothing()
    this.#stall?.cancel()
    this.#stall = undefined
    this.#splitter?.stop()
    if (this.#socket === undefined) return
    this.#outgoing = ''
    ignore(this.#socket)
    this.#socket.destroy()
    this.#socket = undefined
  }

  #depart(): void {
    if (this.#outgoing !== '') this.#guard(() => this.#write(''))
  }

  #write(text: string): void {
    const socket = this.#socket
    if (socket === undefined) return
    text = this.#outgoing + text
    this.#outgoing = ''
    // ASCII is the same in both, and written twice as fast where nobody has to look for anything else.
    const encoding = Buffer.byteLength(text) === text.length ? 'latin1' : 'utf8'
    if (this.#stall !== undefined) socket.write(text, encoding, () => this.#taken())
    else if (!socket.write(text, encoding)) this.#fallBehind(socket)
  }

  /** The server does not take what it is sent as fast as that comes. */
  #fallBehind(socket: Socket): void {
    this.#expectTaken()
    socket.once('drain', () => {
      this.#stall?.cancel()
      this.#stall = undefined
      if (this.#phase === 'open') this.#guard(() => this.events.onDrain())
    })
  }

  /** It has taken something of it. */
  #taken(): void {
    if (this.#stall !== undefined) this.#expectTaken()
  }

  #expectTaken(): void {
    this.#stall?.cancel()
    this.#stall = this.#clock.after(this.#times.stall * 1000, () =>
      this.#guard(() => this.#fail({ step: this.#step, code: 'timeout' })),
    )
  }

  #reach(step: Step): void {
    this.#step = step
    this.#reached?.(step)
    if (step === 'features') this.#reached = undefined
  }

  #expectNothing(): void {
    this.#deadline?.cancel()
    this.#deadline = undefined
  }

  #expect(seconds: number): void {
    this.#deadline?.cancel()
    this.#deadline = this.#clock.after(seconds * 1000, () =>
      this.#guard(() => this.#fail({ step: this.#step, code: 'timeout' })),
    )
  }
}

/** What follows the white space at the beginning. */
function withoutSpace(bytes: Buffer): Buffer {
  let start = 0
  while (spaces.has(bytes[start]!)) start += 1
  return bytes.subarray(start)
}

/** Space, tab, line feed and carriage return. */
const spaces = new Set([0x20, 0x09, 0x0a, 0x0d])

const heard = ['data', 'end', 'close', 'error', 'secureConnect', 'session', 'drain']
const unheard = () => {}

/** Hears nothing more of a socket, its errors least of all: they would end the process. */
function ignore(socket: Socket): void {
  for (const event of heard) socket.removeAllListeners(event)
  socket.on('error', unheard)
}

/** What a server's `<stream:error/>` means to the one who asked for a login. */
export function streamFailure(element: Element, step: Failure['step']): Failure {
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
