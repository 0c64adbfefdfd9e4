import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Server, Trust } from '../config/config.js'
import type { Step } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure, LinkEnd } from '../link.js'
import type { TlsRules } from '../net/tls-context.js'
import type { XmlLimits } from '../xml/limits.js'
import type { DialEvents, Dialer, Dialling } from './dial.js'
import { ignore } from './socket-events.js'
import { StartTls, type StartTlsEvents } from './starttls.js'
import { writeHeader } from './stream-header.js'
import { certificateFault, startTls } from './tls.js'

/** For servers that the operator said nothing of. */
const usualTrust: Trust = { plain: false, ca: undefined, verify: true, certificate: undefined }

/** What all connections of this process have in common. */
export interface ConnectionParts {
  readonly dialer: Pick<Dialer, 'toServer' | 'toDomain'>
  readonly clock: Clock
  /** What TLS must be. */
  readonly tls: TlsRules
  readonly limits: XmlLimits
}

export interface ConnectionOptions {
  readonly domain: string
  /** Where the operator says that the domain's server is; undefined where the DNS is asked. */
  readonly server: Server | undefined
  /** What the stream before STARTTLS says its language is. */
  readonly lang: string
  /** Whether the server may see the operator's certificate for it. */
  readonly certificate: boolean
  /** Longest time for the features that offer STARTTLS, and for the TLS handshake, in seconds. */
  readonly seconds: number
}

/** Hears how a connection is made. After `onReady` or `onFailed` nothing is called any more. */
export interface ConnectionEvents {
  onStep(step: Step): void
  /** The connection stands, encrypted as it has to be. */
  onReady(socket: Socket): void
  onFailed(end: LinkEnd): void
}

/**
 * Makes a connection to a domain's server: dials, and encrypts it by STARTTLS or from the start (XEP-0368). What fails
 * here may do better at another of the domain's servers, which is tried then: so far, nothing was said but the domain's
 * name. A stream error is an answer, for which one asks only once.
 */
export class Connection implements DialEvents, StartTlsEvents {
  readonly #options: ConnectionOptions
  readonly #trust: Trust
  readonly #parts: ConnectionParts
  readonly #events: ConnectionEvents
  readonly #dialling: Dialling
  #socket: Socket | undefined
  #startTls: StartTls | undefined
  #deadline: Timer | undefined
  #step: Step = 'resolve'
  #isOver = false

  constructor(options: ConnectionOptions, parts: ConnectionParts, events: ConnectionEvents) {
    const { server, domain } = options
    this.#options = options
    this.#trust = server ?? usualTrust
    this.#parts = parts
    this.#events = events
    this.#dialling =
      server === undefined ? parts.dialer.toDomain(domain, this) : parts.dialer.toServer(server, this)
  }

  /** Gives up; nothing is called any more. */
  cancel(): void {
    this.#isOver = true
    this.#dialling.cancel()
    this.#leave()
  }

  onConnecting(): void {
    this.#reach('connect')
  }

  onConnected(socket: Socket, tls: Server['tls']): void {
    this.#guard(() => {
      this.#socket = socket
      if (tls === 'none') {
        this.#ready(socket)
        return
      }
      this.#reach('tls')
      this.#expect()
      if (tls === 'direct') this.#encrypt(socket, true)
      else this.#negotiate(socket)
    })
  }

  /** Nowhere is there a connection to be had. */
  onFailed(failure: Failure): void {
    this.#guard(() => this.#end({ failure }))
  }

  onOffer(): void {
    this.#expect()
  }

  onProceed(): void {
    const socket = this.#socket!
    this.#startTls!.stop()
    ignore(socket)
    this.#encrypt(socket, false)
  }

  onRefused(end: LinkEnd): void {
    if (end.streamError === undefined) this.#tryElsewhere(end.failure)
    else this.#end(end)
  }

  #negotiate(socket: Socket): void {
    const { domain, lang } = this.#options
    const startTls = new StartTls(socket, writeHeader(domain, lang, undefined), this.#parts.limits, this)
    this.#startTls = startTls
    socket.on('data', (chunk: Buffer) => this.#guard(() => startTls.read(chunk)))
    this.#watch(socket)
  }

  #encrypt(connection: Socket, direct: boolean): void {
    const socket = startTls(connection, this.#options.domain, {
      server: this.#trust,
      rules: this.#parts.tls,
      showsCertificate: this.#options.certificate,
      direct,
    })
    this.#socket = socket
    socket.once('secureConnect', () => this.#guard(() => this.#encrypted(socket)))
    this.#watch(socket)
  }

  #encrypted(socket: TLSSocket): void {
    const fault = certificateFault(socket, this.#trust, this.#options.domain)
    if (fault === undefined) this.#ready(socket)
    else this.#tryElsewhere({ step: 'tls', code: 'certificate-invalid', cause: fault })
  }

  /** From now on it is this connection or none. */
  #ready(socket: Socket): void {
    this.#reach('features')
    this.#isOver = true
    this.#deadline?.cancel()
    for (const event of endings) socket.off(event, this.#onBroken)
    this.#events.onReady(socket)
  }

  #watch(socket: Socket): void {
    for (const event of endings) socket.on(event, this.#onBroken)
  }

  /** Called with an error, with whether there was one, or with nothing. */
  readonly #onBroken = (reason?: Error | boolean): void => {
    const cause = typeof reason === 'boolean' ? undefined : reason
    this.#guard(() => this.#tryElsewhere({ step: this.#step, code: 'remote-connection-failed', cause }))
  }

  #expect(): void {
    this.#deadline?.cancel()
    this.#deadline = this.#parts.clock.after(this.#options.seconds * 1000, () =>
      this.#guard(() => this.#tryElsewhere({ step: this.#step, code: 'timeout' })),
    )
  }

  #reach(step: Step): void {
    this.#step = step
    this.#events.onStep(step)
  }

  #tryElsewhere(failure: Failure): void {
    this.#leave()
    this.#dialling.goOn(failure)
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return
    this.cancel()
    this.#events.onFailed(end)
  }

  /** Gives up what stands. */
  #leave(): void {
    this.#deadline?.cancel()
    this.#startTls?.stop()
    if (this.#socket === undefined) return
    ignore(this.#socket)
    this.#socket.destroy()
    this.#socket = undefined
  }

  /** An exception ends this connection and no other. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (cause) {
      this.#end({ failure: { step: this.#step, code: 'internal-error', cause } })
    }
  }
}

const endings = ['error', 'end', 'close'] as const
