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
import { type TlsRules, tlsContext } from '../net/tls-context.js'
import type { Destination, Dialer } from './dial.js'
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
  readonly tls: TlsRules
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

export type Connection = ReturnType<typeof openConnection>

const endEvents = ['error', 'end', 'close'] as const

/** Connects, with TLS (STARTTLS, XEP-0368) or without. Tries the next server after failures except stream errors. */
export function openConnection(
  to: ConnectionOptions,
  { dialer, clock, tls: rules, stepSeconds, certificates }: ConnectionParts,
  events: ConnectionEvents,
) {
  const { domain, lang, certificate } = to
  const trust = to.server ?? usualTrust
  const search = dialer(to)
  let current: Socket | undefined
  let deadline: Timer | undefined
  const longest = Math.max(secureSeconds, stepSeconds)
  let patience = longest
  let lose: (end: LinkEnd) => void = () => {}
  let step: Step = 'resolve'
  let isOver = false

  async function make(): Promise<void> {
    for await (const { socket, tls, to, isLast } of search.connections(() => reach('connect'))) {
      current = socket
      if (isOver) return leave()
      patience = isLast ? longest : nextServerSeconds
      const made = tls === 'none' ? socket : await secure(socket, tls === 'direct', to)
      if (isOver) return
      if (made instanceof Socket) return ready(made, to)
      if (made.streamError !== undefined) return end(made)
      leave()
      search.fail(made.failure)
    }
    end({ failure: search.failure })
  }

  async function secure(connection: Socket, direct: boolean, to: ConnectedServer): Promise<Socket | LinkEnd> {
    const lost = new Promise<LinkEnd>(resolve => {
      lose = resolve
    })
    reach('tls')
    expectMore()
    if (!direct) {
      watch(connection)
      const header = writeHeader(domain, lang, undefined)
      const answer = await Promise.race([lost, negotiateTls(connection, header, expectMore)])
      if (answer !== 'proceed') return answer
      if (isOver) return lost
      ignore(connection)
    }
    const socket = startTls(connection, domain, tlsContext(trust, rules, certificate), direct)
    current = socket
    watch(socket)
    const handshake = new Promise<undefined>(resolve => socket.once('secureConnect', () => resolve(undefined)))
    const ended = await Promise.race([lost, handshake])
    if (ended !== undefined) return ended
    if (trust.verify) certificates.note(domain, to.name, socket)
    if (!trust.verify || socket.authorized) return socket
    const reported = String(socket.authorizationError)
    const cause = new CertificateFault(reported, socket.getPeerCertificate(), domain)
    return { failure: { step: 'tls', code: 'certificate-invalid', cause } }
  }

  function ready(socket: Socket, to: ConnectedServer): void {
    reach('features')
    isOver = true
    current = undefined
    deadline?.cancel()
    socket.off('error', nothing)
    for (const event of endEvents) socket.off(event, onBroken)
    events.onReady(socket, to)
  }

  function watch(socket: Socket): void {
    for (const event of endEvents) socket.on(event, onBroken)
  }

  function onBroken(reason?: Error | boolean): void {
    const cause = typeof reason === 'boolean' ? undefined : reason
    lose({ failure: { step: 'tls', code: 'remote-connection-failed', cause } })
  }

  function expectMore(): void {
    deadline?.cancel()
    deadline = clock.after(patience * 1000, () => lose({ failure: { step: 'tls', code: 'timeout' } }))
  }

  function reach(next: Step): void {
    step = next
    events.onStep?.(step)
  }

  function end(how: LinkEnd): void {
    if (isOver) return
    cancel()
    events.onFailed(how)
  }

  function cancel(): void {
    isOver = true
    search.cancel()
    leave()
  }

  function leave(): void {
    deadline?.cancel()
    if (current === undefined) return
    ignore(current)
    current.destroy()
    current = undefined
  }

  make().catch(cause => end({ failure: { step, code: 'internal-error', cause } }))
  return {
    get server() {
      return search.server
    },
    /** No event follows. */
    cancel,
    /** Counts as a failure of the server. No event follows. */
    timeOut(): void {
      if (!isOver && step !== 'resolve') search.fail({ step, code: 'timeout' })
      cancel()
    },
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
