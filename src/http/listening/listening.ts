import { createServer, type Server as HttpServer, type RequestListener, type ServerOptions } from 'node:http'
import { createServer as createTlsServer, type Server as HttpsServer } from 'node:https'
import { Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
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
import { peerOf, setPeer } from '../access/socket-peers.js'
import { install } from '../fast/install.js'
import { rawSocket } from '../fast/raw-socket.js'
import { replyUnderWay } from '../fast/reply-under-way.js'
import { Certificates } from './certificates.js'
import { createConnectionLimits, shareOfCallers } from './connection-limits.js'
import type { Dispatcher } from './dispatch.js'
import { LastReplies } from './last-replies.js'
import { listenAt, urlOf } from './listen-at.js'
import { inTurn, mayWait, mostBehindHeld, mostWaiting } from './pipelined-requests.js'
import { isTooLate, leaveContinue, refuseExpectation } from './take-body.js'
import { UnreadReplies } from './unread-replies.js'
import { type Detached, takeUpgrades } from './upgrades.js'

const reserveOfConnections = 8

export type Listening = Awaited<ReturnType<typeof listen>>

export interface ListeningParts {
  readonly config: Pick<Config, 'listen' | 'https' | 'http' | 'trustedProxies' | 'limits' | 'access'>
  readonly log: Logger
  readonly clock: Clock
  readonly refused: OnRefused
  readonly descriptors: Descriptors
  /** Descriptors of open sockets, by address. */
  readonly sockets?: ReadonlyMap<string, number>
  /** Called before the servers close. */
  readonly leave?: (() => Promise<void>) | undefined
}

/** If it rejects, nothing stays open. An invalid certificate rejects with a `ConfigError`. */
export async function listen(
  dispatcher: Dispatcher,
  { config, log, clock, refused, descriptors, sockets = new Map(), leave }: ListeningParts,
) {
  const { listen: settings, https } = config
  const areLeft = descriptors.room(reserveOfConnections)
  // Some descriptors stay free for warm calls.
  const areLeftForOthers = descriptors.room(undefined, shareOfCallers)
  const limits = createConnectionLimits({
    config,
    refused,
    descriptorsAreLeft: mayCall => (mayCall ? areLeft() : areLeftForOthers()),
    mayCall: address => accessBy(config.access.warm)?.(address) ?? true,
    clock,
  })
  const options = { ...times, noDelay: true, ...install(config.http.fast) }
  let lastReplies: LastReplies | undefined
  const inOrder =
    (listener: RequestListener): RequestListener =>
    (req, res) => {
      const isHeld = res.socket === null && dispatcher.holds(req)
      if (!mayWait(res, isHeld ? mostBehindHeld : mostWaiting)) unread.close(req.socket, 'requests-ahead')
      else if (isTooLate(req) || lastReplies?.take(res) === false) req.resume()
      else if (isHeld || res.socket !== null) listener(req, res)
      else inTurn(res, () => listener(req, res))
    }
  const answer = inOrder(dispatcher)
  const refuse = inOrder(refuseExpectation)
  const certificates = https && new Certificates(https)
  const servers: HttpServer[] = []
  const secureServers: HttpsServer[] = []
  const urls: string[] = []
  const detached = new Map<Duplex, Detached>()
  const encrypted = new Set<TLSSocket>()
  function* connections(): Iterable<Socket> {
    // Over TLS, replies wait on the `TLSSocket`.
    for (const connection of limits.connections) if (detached.get(connection) !== 'upgraded') yield connection
    for (const connection of encrypted) if (detached.get(connection) !== 'upgraded') yield connection
  }
  const unread = new UnreadReplies({ limits: config.limits, connections, clock, refused })
  const bind = async (server: HttpServer, place: Place, places: readonly Place[], from: Name) => {
    servers.push(server)
    // Above a limit, Node would drop headers, even the client's address.
    server.maxHeadersCount = 0
    limits.guard(server)
    leaveContinue(server, answer, refuse)
    takeUpgrades(server, req => (isTooLate(req) ? undefined : dispatcher.upgradeFor(req)), detached)
    await listenAt(server, place, {
      backlog: settings.backlog,
      // `::` leaves IPv4 to other addresses, if there are any.
      ipv6Only: !isAlone(place.host, places),
      socketMode: settings.socketMode,
      setting: from,
      descriptor: sockets.get(written(place)),
    })
    const scheme = places === settings.places ? 'http' : 'https'
    urls.push(socketPath(place.host) === undefined ? urlOf(server, scheme) : place.host)
    server.on('error', cause => log.warn({ code: codeOf(cause) }, 'a connection was not accepted'))
  }
  let areAuthoritiesReduced = false
  const fromBefore = new WeakSet<Socket>()
  /** If a client's CA was removed, the connection ends with the reply under way. */
  const checkAgain = (socket: TLSSocket) => {
    if (!socket.authorized || certificates!.clientAuthorities.issued(socket)) return
    socket.authorized = false
    const reply = replyUnderWay(socket)
    const isUpgraded = detached.get(socket) === 'upgraded'
    if (https!.clientAuth === 'all' || (reply === undefined && !isUpgraded)) socket.destroy()
    else if (reply !== undefined) reply.shouldKeepAlive = false
  }
  const closedBy = async (close: (server: HttpServer, done: () => void) => void) => {
    if (leave !== undefined) await leave()
    await Promise.all(servers.map(server => new Promise<void>(resolve => close(server, resolve))))
  }
  let closed: Promise<unknown> | undefined
  const close = async () => {
    closed ??= closedBy((server, done) => server.close(done))
    await closed
    unread.stop()
  }
  try {
    for (const place of settings.places) await bind(createServer(options, answer), place, settings.places, 'HOST')
    for (const place of https?.places ?? []) {
      const server = createSecureServer(options, certificates!, https!.clientAuth, answer)
      secureServers.push(server)
      server.on('secureConnection', socket => {
        // The event is emitted again after each refused upgrade.
        if (encrypted.has(socket)) return
        const peer = peerOf(rawSocket(socket))
        if (peer !== undefined) setPeer(socket, peer)
        encrypted.add(socket)
        paceEnds(socket)
        socket.once('close', () => encrypted.delete(socket))
        // The handshake may have begun before the reload.
        const isOld = !socket.isSessionReused() || fromBefore.has(rawSocket(socket))
        if (areAuthoritiesReduced && isOld) checkAgain(socket)
      })
      await bind(server, place, https!.places, https!.placesFrom)
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    urls: urls as readonly string[],
    get connections() {
      return limits.connections.size
    },
    get unreadBytes() {
      return unread.bytes
    },
    get certificateExpiries(): ReadonlyMap<string, number> {
      return certificates?.expiries ?? new Map()
    },
    /** Returns false if the certificates are not usable. */
    reload(next?: Pick<Config, 'https'>): boolean {
      if (certificates === undefined) return true
      try {
        const { clientAuthorities: before } = certificates
        const amiss = certificates.reload(next?.https)
        for (const server of secureServers) server.setSecureContext(certificates.usual)
        if (https!.clientAuth !== 'off' && before.isReducedBy(certificates.clientAuthorities)) {
          areAuthoritiesReduced = true
          for (const connection of limits.connections) fromBefore.add(connection)
          encrypted.forEach(checkAgain)
        }
        log.info({ certificates: certificates.files }, 'certificates reloaded')
        for (const sentence of amiss) log.warn(sentence)
        return true
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        log.error({ problems: error.problems }, 'the certificates are not usable: the previous certificates stay')
        return false
      }
    },
    retire() {
      if (lastReplies !== undefined) return
      lastReplies = new LastReplies()
      for (const connection of [...limits.connections, ...encrypted]) lastReplies.takeOver(connection)
      // Node's `close` would also close connections with an arriving request.
      closed = closedBy((server, done) => NetServer.prototype.close.call(server, done))
    },
    close,
    closeIdleConnections() {
      for (const server of servers) server.closeIdleConnections()
      limits.closeUnknown()
    },
    closeAllConnections() {
      for (const server of servers) server.closeAllConnections()
      limits.closeUnknown()
      for (const connection of detached.keys()) connection.destroy()
    },
  }
}

const times = {
  // Longer than timeouts of common proxies.
  keepAliveTimeout: 75_000,
  // Time to read a request. Held replies are not limited here.
  headersTimeout: 20_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
} satisfies ServerOptions

function createSecureServer(
  options: ServerOptions,
  certificates: Certificates,
  clientAuth: NonNullable<Config['https']>['clientAuth'],
  listener: RequestListener,
): HttpsServer {
  return createTlsServer(
    {
      ...options,
      ...certificates.usual,
      requestCert: clientAuth !== 'off',
      rejectUnauthorized: clientAuth === 'all',
      handshakeTimeout: times.headersTimeout,
      SNICallback: (name, choose) => choose(null, certificates.contextFor(name)),
    },
    listener,
  )
}
