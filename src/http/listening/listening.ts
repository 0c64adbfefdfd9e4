import { createServer, type Server as HttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer, Server as HttpsServer } from 'node:https'
import { Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket, TlsOptions } from 'node:tls'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { isAlone, type Place, socketPath, written } from '../../config/kinds/listen-addresses.js'
import { ConfigError } from '../../config/load.js'
import type { Name } from '../../config/settings.js'
import type { Clock } from '../../lib/clock.js'
import type { Descriptors } from '../../lib/limits/descriptors.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { codeOf } from '../../lib/log.js'
import { paceEnds } from '../../lib/paced.js'
import { accessBy } from '../access/client-rules.js'
import type { NoteRequest } from '../access/refused-requests.js'
import { peerOf, setPeer } from '../access/socket-peers.js'
import { isAfterLastReply } from '../bodies/lingering-close.js'
import { install } from '../fast/install.js'
import { rawSocket, readNoMore, replyUnderWay } from '../fast/reply-under-way.js'
import { readAbsoluteForm } from './absolute-form.js'
import { Certificates } from './certificates.js'
import { ConnectionLimits, connectionTimes, shareOfCallers } from './connection-limits.js'
import type { Dispatcher } from './dispatch.js'
import { listenAt, urlOf } from './listen-at.js'
import { inTurn, mayWait, mostBehindHeld, mostWaiting } from './pipelined-requests.js'
import { UnreadReplies } from './unread-replies.js'
import { refuseExpectation, refuseUnreadable } from './unreadable-requests.js'
import { endAfterUpgrade, refuseTunnels, takeUpgrades, upgradeOptions } from './upgrades.js'

const reserveOfConnections = 8
/** Time for a request that is on its way, in milliseconds. */
const longestUnused = 1_000

export interface ListeningParts {
  readonly config: Pick<Config, 'listen' | 'https' | 'http' | 'trustedProxies' | 'limits' | 'access'>
  readonly log: Logger
  readonly clock: Clock
  readonly refused: OnRefused
  readonly note: NoteRequest
  readonly descriptors: Descriptors
  /** File descriptors of sockets that are already open, by address. */
  readonly sockets?: ReadonlyMap<string, number>
}

/** Rejects with a `ConfigError` for an unusable address or certificate, and then leaves nothing open. */
export async function listen(dispatcher: Dispatcher, parts: ListeningParts): Promise<Listening> {
  const listening = new Listening(dispatcher, parts)
  try {
    await listening.open()
  } catch (error) {
    await listening.close()
    throw error
  }
  return listening
}

export class Listening {
  readonly urls: string[] = []
  readonly #dispatcher: Dispatcher
  readonly #parts: ListeningParts
  readonly #limits: ConnectionLimits
  readonly #unread: UnreadReplies
  readonly #certificates: Certificates | undefined
  readonly #servers: HttpServer[] = []
  readonly #upgraded = new WeakSet<Duplex>()
  readonly #encrypted = new Set<TLSSocket>()
  #closesUnusedAt: number | undefined
  #closed: Promise<unknown> | undefined

  constructor(dispatcher: Dispatcher, parts: ListeningParts) {
    const { config, clock, refused, descriptors } = parts
    const areLeft = descriptors.room(reserveOfConnections)
    const areLeftForOthers = descriptors.room(undefined, shareOfCallers)
    this.#dispatcher = dispatcher
    this.#parts = parts
    this.#limits = new ConnectionLimits({
      config,
      refused,
      descriptorsAreLeft: mayCall => (mayCall ? areLeft() : areLeftForOthers()),
      mayCall: address => accessBy(config.access.warm)?.(address) ?? true,
      clock,
    })
    this.#certificates = config.https && new Certificates(config.https)
    this.#unread = new UnreadReplies({ limits: config.limits, connections: () => this.#sockets(), clock, refused })
  }

  readonly #isUnused = (connection: Socket) => this.#limits.isUnused(connection)

  get connections(): number {
    return this.#limits.connections.size
  }

  get unreadBytes(): number {
    return this.#unread.bytes
  }

  get certificateExpiries(): ReadonlyMap<string, number> {
    return this.#certificates?.expiries ?? new Map()
  }

  async open(): Promise<void> {
    const { http, https, listen } = this.#parts.config
    // Node would refuse requests without a Host header itself, without a word.
    const shared = { noDelay: true, requireHostHeader: false }
    const options = { ...connectionTimes, ...shared, ...upgradeOptions, ...install(http.fast) }
    const answer = this.#inOrder(this.#dispatcher)
    for (const place of listen.places) await this.#bind(createServer(options, answer), place, listen.places, 'HOST')
    for (const place of https?.places ?? []) {
      const server = createTlsServer({ ...options, ...tlsOptions(this.#certificates!, https!) }, answer)
      server.on('secureConnection', socket => this.#encrypts(socket))
      await this.#bind(server, place, https!.places, https!.placesFrom)
    }
  }

  reload(next?: Pick<Config, 'https'>): boolean {
    const { log } = this.#parts
    if (this.#certificates === undefined) return true
    try {
      const amiss = this.#certificates.reload(next?.https)
      for (const server of this.#servers)
        if (server instanceof HttpsServer) server.setSecureContext(this.#certificates.usual)
      log.info({ certificates: this.#certificates.files }, 'certificates reloaded')
      for (const sentence of amiss) log.warn(sentence)
      return true
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      log.error({ problems: error.problems }, 'the certificates are not usable: the previous certificates stay')
      return false
    }
  }

  /** Closes each connection after its next reply. Requests that were sent before this reply are lost. */
  retire(): void {
    if (this.#closed !== undefined) return
    for (const connection of [...this.#limits.connections, ...this.#encrypted]) {
      const reply = replyUnderWay(connection)
      if (reply?.headersSent === false) reply.shouldKeepAlive = false
    }
    // Node's `close` would also close connections whose request is still arriving.
    this.#closed = this.#closedBy((server, done) => NetServer.prototype.close.call(server, done))
  }

  async close(): Promise<void> {
    this.#closed ??= this.#closedBy((server, done) => server.close(done))
    await this.#closed
    // After `retire`, this stops the timers in which Node looks for slow requests.
    for (const server of this.#servers) server.close()
    this.#unread.stop()
  }

  /** To be called repeatedly, without new connections. */
  closeIdleConnections(): void {
    for (const server of this.#servers) server.closeIdleConnections()
    this.#limits.closeAwaitingHeader()
    const now = this.#parts.clock.now()
    this.#closesUnusedAt ??= now + longestUnused
    if (now < this.#closesUnusedAt) return
    // Browsers open connections ahead, which Node does not count as idle.
    for (const connection of this.#sockets()) if (this.#isUnused(connection)) connection.destroy()
  }

  closeAllConnections(): void {
    for (const connection of this.#limits.connections) connection.destroy()
  }

  async #closedBy(close: (server: HttpServer, done: () => void) => void): Promise<void> {
    await Promise.all(this.#servers.map(server => new Promise<void>(resolve => close(server, resolve))))
  }

  async #bind(server: HttpServer, place: Place, places: readonly Place[], from: Name): Promise<void> {
    const { config, log, note, sockets } = this.#parts
    this.#servers.push(server)
    // 0 means no limit. A limit would drop headers such as `X-Forwarded-For`.
    server.maxHeadersCount = 0
    this.#limits.guard(server)
    refuseUnreadable(server, note, this.#isUnused)
    refuseTunnels(server, note)
    server.on('checkExpectation', this.#inOrder(refuseExpectation(note)))
    const upgradeFor = (req: IncomingMessage) => (isAfterLastReply(req) ? undefined : this.#dispatcher.upgradeFor(req))
    takeUpgrades(server, upgradeFor, this.#upgraded, note)
    await listenAt(server, place, {
      // If other addresses are listed, `::` must not take IPv4 too.
      ipv6Only: !isAlone(place.host, places),
      socketMode: config.listen.socketMode,
      setting: from,
      descriptor: sockets?.get(written(place)),
    })
    const scheme = places === config.listen.places ? 'http' : 'https'
    this.urls.push(socketPath(place.host) === undefined ? urlOf(server, scheme) : place.host)
    server.on('error', cause => log.warn({ code: codeOf(cause) }, 'a connection was not accepted'))
  }

  #encrypts(socket: TLSSocket): void {
    // After an ignored upgrade, `upgrades.ts` emits `secureConnection` again for the same socket.
    if (this.#encrypted.has(socket)) return
    const peer = peerOf(rawSocket(socket))
    if (peer !== undefined) setPeer(socket, peer)
    this.#encrypted.add(socket)
    paceEnds(socket)
    socket.once('close', () => this.#encrypted.delete(socket))
  }

  #inOrder(listener: RequestListener): RequestListener {
    return (req, res) => {
      readAbsoluteForm(req)
      endAfterUpgrade(req, res)
      if (this.#closed !== undefined) res.shouldKeepAlive = false
      const waits = res.socket === null
      const isHeld = waits && this.#dispatcher.holds(req)
      if (!mayWait(res, isHeld ? mostBehindHeld : mostWaiting)) {
        this.#unread.close(req.socket, 'requests-ahead')
        readNoMore(req.socket)
      } else if (isAfterLastReply(req)) req.resume()
      else if (waits && !isHeld) inTurn(res, () => listener(req, res))
      else {
        listener(req, res)
        // Refused before its body was read. Node would read the body when the reply has its turn.
        if (isHeld && res.writableEnded) req.resume()
      }
    }
  }

  *#sockets(): Iterable<Socket> {
    // Over TLS, replies wait in the `TLSSocket`, not in the TCP socket below it.
    for (const connection of this.#limits.connections) if (!this.#upgraded.has(connection)) yield connection
    for (const connection of this.#encrypted) if (!this.#upgraded.has(connection)) yield connection
  }
}

const tlsOptions = (certificates: Certificates, { clientAuth }: NonNullable<Config['https']>): TlsOptions => ({
  ...certificates.usual,
  requestCert: clientAuth !== 'off',
  rejectUnauthorized: clientAuth === 'all',
  handshakeTimeout: connectionTimes.headersTimeout,
  SNICallback: (name, choose) => choose(null, certificates.contextFor(name)),
})
