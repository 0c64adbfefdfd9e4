import { isIP, Socket } from 'node:net'
import { connect, type DetailedPeerCertificate, type SecureContext, TLSSocket } from 'node:tls'
import type { Trust } from '../../config/config.js'
import type { Clock, Timer } from '../../lib/clock.js'
import type { Step } from '../../lib/errors.js'
import type { LinkEnd, LinkOptions } from '../../xmpp/link.js'
import { CertificateFault } from '../net/certificate-fault.js'
import { isMadeOutTo } from '../net/certificate-names.js'
import { nothing } from '../net/connect-to-any.js'
import type { ConnectedServer } from '../net/server-states.js'
import type { ShownCertificates } from '../net/shown-certificates.js'
import { tlsContext } from '../net/tls-context.js'
import type { Destination, Dialer, Search } from './dial.js'
import { ignore } from './socket-events.js'
import { negotiateTls } from './starttls.js'
import { writeHeader } from './stream-header.js'

const usualTrust: Trust = { allowsPlain: false, ca: undefined, verify: true, certificate: undefined }

/** Time limit until the STARTTLS offer, and again until the end of the handshake, unless a step of a login may take longer. */
const secureSeconds = 10
/**
 * Replaces `secureSeconds` if another server can be tried. Shorter than a step of a login, after which the login ends.
 */
const nextServerSeconds = 5

export interface ConnectionParts {
  readonly dialer: Dialer
  readonly clock: Clock
  /** For a step of a login. */
  readonly stepSeconds: number
  readonly certificates: Pick<ShownCertificates, 'note'>
}

export type ConnectionOptions = Destination & Required<Pick<LinkOptions, 'lang' | 'certificate'>>

/** `onReady` or `onFailed` comes last. */
export interface ConnectionEvents {
  onStep?(step: Step): void
  onReady(socket: Socket, to: ConnectedServer, isSpare?: boolean): void
  onFailed(end: LinkEnd): void
}

export type Connection = Pick<OpenConnection, 'server' | 'cancel' | 'timeOut'>

/** A server can make the check of its certificates slow, and name 16 others. More than the two ports of one host. */
const mostUnproven = 3

const endEvents = ['error', 'end', 'close'] as const

/** Connects, with TLS (STARTTLS, XEP-0368) or without. Tries the next server after failures except stream errors. */
export class OpenConnection {
  readonly #to: ConnectionOptions
  readonly #parts: ConnectionParts
  readonly #events: ConnectionEvents
  readonly #search: Search
  #socket: Socket | undefined
  #deadline: Timer | undefined
  #patience = 0
  #lose: (end: LinkEnd) => void = () => {}
  #step: Step = 'resolve'
  #isOver = false

  constructor(to: ConnectionOptions, parts: ConnectionParts, events: ConnectionEvents) {
    this.#to = to
    this.#parts = parts
    this.#events = events
    this.#search = parts.dialer(to)
    this.#make().catch(cause => this.#end({ failure: { step: this.#step, code: 'internal-error', cause } }))
  }

  get server(): string | undefined {
    return this.#search.server
  }

  /** No event follows. */
  cancel(): void {
    this.#isOver = true
    this.#search.cancel()
    this.#leave()
  }

  /** Counts as a failure of the server. No event follows. */
  timeOut(): void {
    if (!this.#isOver && this.#step !== 'resolve') this.#search.fail({ step: this.#step, code: 'timeout' })
    this.cancel()
  }

  async #make(): Promise<void> {
    const longest = Math.max(secureSeconds, this.#parts.stepSeconds)
    let unproven = 0
    for await (const { socket, tls, to, isLast } of this.#search.connections(() => this.#reach('connect'))) {
      this.#socket = socket
      if (this.#isOver) return this.#leave()
      this.#patience = isLast ? longest : nextServerSeconds
      const made = tls === 'none' ? socket : await this.#secure(socket, tls === 'direct', to)
      if (this.#isOver) return
      if (made instanceof Socket) return this.#ready(made, to)
      if (made.streamError !== undefined) return this.#end(made)
      this.#leave()
      this.#search.fail(made.failure)
      if (made.failure.code === 'certificate-invalid' && ++unproven === mostUnproven) break
    }
    this.#end({ failure: this.#search.failure })
  }

  async #secure(connection: Socket, direct: boolean, to: ConnectedServer): Promise<Socket | LinkEnd> {
    const { domain, lang, certificate, server: trust = usualTrust } = this.#to
    const lost = new Promise<LinkEnd>(resolve => {
      this.#lose = resolve
    })
    this.#reach('tls')
    this.#expectMore()
    if (!direct) {
      this.#watch(connection)
      const header = writeHeader(domain, lang, undefined)
      const answer = await Promise.race([lost, negotiateTls(connection, header, () => this.#expectMore())])
      if (answer !== 'proceed') return answer
      if (this.#isOver) return lost
      ignore(connection)
    }
    const socket = startTls(connection, domain, tlsContext(trust, certificate), direct)
    this.#socket = socket
    this.#watch(socket)
    const handshake = new Promise<undefined>(resolve => socket.once('secureConnect', () => resolve(undefined)))
    const ended = await Promise.race([lost, handshake])
    if (ended !== undefined) return ended
    if (trust.verify) this.#parts.certificates.note(domain, to.name, socket)
    if (!trust.verify || socket.authorized) return socket
    const reported = String(socket.authorizationError)
    const cause = new CertificateFault(reported, socket.getPeerCertificate(), domain)
    return { failure: { step: 'tls', code: 'certificate-invalid', cause } }
  }

  #ready(socket: Socket, to: ConnectedServer): void {
    this.#reach('features')
    this.#isOver = true
    this.#socket = undefined
    this.#deadline?.cancel()
    socket.off('error', nothing)
    for (const event of endEvents) socket.off(event, this.#onBroken)
    this.#events.onReady(socket, to)
  }

  #watch(socket: Socket): void {
    for (const event of endEvents) socket.on(event, this.#onBroken)
  }

  readonly #onBroken = (reason?: Error | boolean): void => {
    const cause = typeof reason === 'boolean' ? undefined : reason
    this.#lose({ failure: { step: 'tls', code: 'remote-connection-failed', cause } })
  }

  #expectMore(): void {
    this.#deadline?.cancel()
    const late: LinkEnd = { failure: { step: 'tls', code: 'timeout' } }
    this.#deadline = this.#parts.clock.after(this.#patience * 1000, () => this.#lose(late))
  }

  #reach(next: Step): void {
    this.#step = next
    this.#events.onStep?.(next)
  }

  #end(how: LinkEnd): void {
    if (this.#isOver) return
    this.cancel()
    this.#events.onFailed(how)
  }

  #leave(): void {
    this.#deadline?.cancel()
    if (this.#socket === undefined) return
    ignore(this.#socket)
    this.#socket.destroy()
    this.#socket = undefined
  }
}

/** The caller must check `authorized`. TLS resumption is off, because it changes `tls-unique` (RFC 5929 §3.1). */
function startTls(socket: Socket, domain: string, context: SecureContext, direct: boolean): TLSSocket {
  const secured = connect({
    socket,
    secureContext: context,
    ...(direct ? { ALPNProtocols: ['xmpp-client'] } : {}),
    rejectUnauthorized: false,
    checkServerIdentity: (_host, certificate) =>
      isMadeOutTo(certificate, domain) ? undefined : new Error('the certificate is made out to another name'),
    // The server name is the XMPP domain (RFC 6120 §5.4.3), but must not be an IP address (RFC 6066 §3).
    ...(isIP(domain.replace(/^\[|\]$/g, '')) === 0 ? { servername: domain } : {}),
  })
  secured.getPeerCertificate = certificateAlone
  return secured
}

/** Ignores Node's argument `true`, because parsing the whole certificate chain takes ten times as long. */
function certificateAlone(this: TLSSocket): DetailedPeerCertificate {
  return getPeerCertificate.call(this, false) as DetailedPeerCertificate
}

const { getPeerCertificate } = TLSSocket.prototype
