import { Socket } from 'node:net'
import type { Server, Trust } from '../config/config.js'
import type { Step } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { LinkEnd, LinkOptions } from '../link.js'
import type { TlsRules } from '../net/tls-context.js'
import type { XmlLimits } from '../xml/limits.js'
import type { Dialer, Search } from './dial.js'
import { ignore, nothing } from './socket-events.js'
import { negotiateTls } from './starttls.js'
import { writeHeader } from './stream-header.js'
import { certificateFault, startTls } from './tls.js'

/** For servers that the operator said nothing of. */
const usualTrust: Trust = { plain: false, ca: undefined, verify: true, certificate: undefined }

/** Longest time for the features that offer STARTTLS, and for the TLS handshake, in seconds. */
const secureSeconds = 10

/** What all connections of this process have in common. */
export interface ConnectionParts {
  readonly dialer: Pick<Dialer, 'toServer' | 'toDomain'>
  readonly clock: Clock
  /** What TLS must be. */
  readonly tls: TlsRules
  readonly limits: XmlLimits
}

/** `lang` is what the stream before STARTTLS says its language is. */
export interface ConnectionOptions extends Required<Pick<LinkOptions, 'lang' | 'certificate'>> {
  readonly domain: string
  /** Where the operator says that the domain's server is; undefined where the DNS is asked. */
  readonly server: Server | undefined
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
export class Connection {
  readonly #options: ConnectionOptions
  readonly #trust: Trust
  readonly #parts: ConnectionParts
  readonly #events: ConnectionEvents
  readonly #search: Search
  #socket: Socket | undefined
  #deadline: Timer | undefined
  /** Ends the encrypting of the connection at hand. */
  #lose: (end: LinkEnd) => void = () => {}
  #step: Step = 'resolve'
  #isOver = false

  constructor(options: ConnectionOptions, parts: ConnectionParts, events: ConnectionEvents) {
    const { server, domain } = options
    this.#options = options
    this.#trust = server ?? usualTrust
    this.#parts = parts
    this.#events = events
    this.#search = server === undefined ? parts.dialer.toDomain(domain) : parts.dialer.toServer(server)
    this.#make().catch(cause => this.#end({ failure: { step: this.#step, code: 'internal-error', cause } }))
  }

  /** Gives up; nothing is called any more. */
  cancel(): void {
    this.#isOver = true
    this.#search.cancel()
    this.#leave()
  }

  async #make(): Promise<void> {
    for await (const { socket, tls } of this.#search.connections(() => this.#reach('connect'))) {
      this.#socket = socket
      if (this.#isOver) return this.#leave()
      const made = tls === 'none' ? socket : await this.#secure(socket, tls === 'direct')
      if (this.#isOver) return
      if (made instanceof Socket) return this.#ready(made)
      if (made.streamError !== undefined) return this.#end(made)
      this.#leave()
      this.#search.note(made.failure)
    }
    this.#end({ failure: this.#search.failure })
  }

  /** The encrypted connection, or what ended it before it was one. */
  async #secure(connection: Socket, direct: boolean): Promise<Socket | LinkEnd> {
    const { domain, lang, certificate } = this.#options
    const lost = new Promise<LinkEnd>(resolve => {
      this.#lose = resolve
    })
    this.#reach('tls')
    this.#expect()
    if (!direct) {
      this.#watch(connection)
      const header = writeHeader(domain, lang, undefined)
      const negotiated = negotiateTls(connection, header, this.#parts.limits, () => this.#expect())
      const answer = await Promise.race([lost, negotiated])
      if (answer !== 'proceed') return answer
      // Given up meanwhile: nothing is to come.
      if (this.#isOver) return lost
      ignore(connection)
    }
    const options = { server: this.#trust, rules: this.#parts.tls, showsCertificate: certificate, direct }
    const socket = startTls(connection, domain, options)
    this.#socket = socket
    this.#watch(socket)
    const handshake = new Promise<undefined>(resolve =>
      socket.once('secureConnect', () => resolve(undefined)),
    )
    const end = await Promise.race([lost, handshake])
    if (end !== undefined) return end
    const cause = certificateFault(socket, this.#trust, domain)
    return cause === undefined ? socket : { failure: { step: 'tls', code: 'certificate-invalid', cause } }
  }

  /** From now on it is this connection or none. */
  #ready(socket: Socket): void {
    this.#reach('features')
    this.#isOver = true
    this.#deadline?.cancel()
    socket.off('error', nothing)
    for (const event of endings) socket.off(event, this.#onBroken)
    this.#events.onReady(socket)
  }

  #watch(socket: Socket): void {
    for (const event of endings) socket.on(event, this.#onBroken)
  }

  /** Called with an error, with whether there was one, or with nothing. */
  readonly #onBroken = (reason?: Error | boolean): void => {
    const cause = typeof reason === 'boolean' ? undefined : reason
    this.#lose({ failure: { step: 'tls', code: 'remote-connection-failed', cause } })
  }

  #expect(): void {
    this.#deadline?.cancel()
    this.#deadline = this.#parts.clock.after(secureSeconds * 1000, () =>
      this.#lose({ failure: { step: 'tls', code: 'timeout' } }),
    )
  }

  #reach(step: Step): void {
    this.#step = step
    this.#events.onStep(step)
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return
    this.cancel()
    this.#events.onFailed(end)
  }

  /** Gives up what stands. */
  #leave(): void {
    this.#deadline?.cancel()
    if (this.#socket === undefined) return
    ignore(this.#socket)
    this.#socket.destroy()
    this.#socket = undefined
  }
}

const endings = ['error', 'end', 'close'] as const
