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
import type { NoteRequest } from '../access/refused-requests.js'
import { peerOf, setPeer } from '../access/socket-peers.js'
import { refuseExpectation } from '../answers/node-answers.js'
import { isAfterLastReply } from '../bodies/lingering-close.js'
import { install } from '../fast/install.js'
import { rawSocket, replyUnderWay } from '../fast/reply-under-way.js'
import { readAbsoluteForm } from './absolute-form.js'
import { Certificates } from './certificates.js'
import { createConnectionLimits, shareOfCallers } from './connection-limits.js'
import type { Dispatcher } from './dispatch.js'
import { listenAt, urlOf } from './listen-at.js'
import { inTurn, mayWait, mostBehindHeld, mostWaiting } from './pipelined-requests.js'
import { UnreadReplies } from './unread-replies.js'
import { refuseUnreadable } from './unreadable-requests.js'
import { endAfterUpgrade, takeUpgrades, upgradeOptions } from './upgrades.js'

const reserveOfConnections = 8

export type Listening = Awaited<ReturnType<typeof listen>>

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
export async function listen(
  dispatcher: Dispatcher,
  { config, log, clock, refused, note, descriptors, sockets = new Map() }: ListeningParts,
) {
  const { listen: settings, https } = config
  const areLeft = descriptors.room(reserveOfConnections)
  const areLeftForOthers = descriptors.room(undefined, shareOfCallers)
  const limits = createConnectionLimits({
    config,
    refused,
    descriptorsAreLeft: mayCall => (mayCall ? areLeft() : areLeftForOthers()),
    mayCall: address => accessBy(config.access.warm)?.(address) ?? true,
    clock,
  })
  const options = { ...times, noDelay: true, ...upgradeOptions, ...install(config.http.fast) }
  let isRetired = false
  const inOrder =
    (listener: RequestListener): RequestListener =>
    (req, res) => {
      readAbsoluteForm(req)
      endAfterUpgrade(req, res)
      if (isRetired) res.shouldKeepAlive = false
      const isHeld = res.socket === null && dispatcher.holds(req)
      if (!mayWait(res, isHeld ? mostBehindHeld : mostWaiting)) unread.close(req.socket, 'requests-ahead')
      else if (isAfterLastReply(req)) req.resume()
      else if (isHeld || res.socket !== null) listener(req, res)
      else inTurn(res, () => listener(req, res))
    }
  const answer = inOrder(dispatcher)
  const refuse = inOrder((req, res) => {
    note(req, 'expectation')
    refuseExpectation(req, res)
  })
  const certificates = https && new Certificates(https)
  const servers: HttpServer[] = []
  const secureServers: HttpsServer[] = []
  const urls: string[] = []
  const upgraded = new Set<Duplex>()
  const encrypted = new Set<TLSSocket>()
  function* connections(): Iterable<Socket> {
    // Over TLS, replies wait in the `TLSSocket`, not in the TCP socket below it.
    for (const connection of limits.connections) if (!upgraded.has(connection)) yield connection
    for (const connection of encrypted) if (!upgraded.has(connection)) yield connection
  }
  const unread = new UnreadReplies({ limits: config.limits, connections, clock, refused })
  const bind = async (server: HttpServer, place: Place, places: readonly Place[], from: Name) => {
    servers.push(server)
    // 0 means no limit. A limit would drop headers such as `X-Forwarded-For`.
    server.maxHeadersCount = 0
    limits.guard(server)
    refuseUnreadable(server, note)
    server.on('checkExpectation', refuse)
    takeUpgrades(server, req => (isAfterLastReply(req) ? undefined : dispatcher.upgradeFor(req)), upgraded, note)
    await listenAt(server, place, {
      // If other addresses are listed, `::` must not take IPv4 too.
      ipv6Only: !isAlone(place.host, places),
      socketMode: settings.socketMode,
      setting: from,
      descriptor: sockets.get(written(place)),
    })
    const scheme = places === settings.places ? 'http' : 'https'
    urls.push(socketPath(place.host) === undefined ? urlOf(server, scheme) : place.host)
    server.on('error', cause => log.warn({ code: codeOf(cause) }, 'a connection was not accepted'))
  }
  const closedBy = (close: (server: HttpServer, done: () => void) => void) =>
    Promise.all(servers.map(server => new Promise<void>(resolve => close(server, resolve))))
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
        // After an ignored upgrade, `upgrades.ts` emits `secureConnection` again for the same socket.
        if (encrypted.has(socket)) return
        const peer = peerOf(rawSocket(socket))
        if (peer !== undefined) setPeer(socket, peer)
        encrypted.add(socket)
        paceEnds(socket)
        socket.once('close', () => encrypted.delete(socket))
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
    reload(next?: Pick<Config, 'https'>): boolean {
      if (certificates === undefined) return true
      try {
        const amiss = certificates.reload(next?.https)
        for (const server of secureServers) server.setSecureContext(certificates.usual)
        log.info({ certificates: certificates.files }, 'certificates reloaded')
        for (const sentence of amiss) log.warn(sentence)
        return true
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        log.error({ problems: error.problems }, 'the certificates are not usable: the previous certificates stay')
        return false
      }
    },
    /** Closes each connection after its next reply. Requests that were sent before this reply are lost. */
    retire() {
      if (isRetired) return
      isRetired = true
      for (const connection of [...limits.connections, ...encrypted]) {
        const reply = replyUnderWay(connection)
        if (reply?.headersSent === false) reply.shouldKeepAlive = false
      }
      // Node's `close` would also close connections whose request is still arriving.
      closed = closedBy((server, done) => NetServer.prototype.close.call(server, done))
    },
    close,
    closeIdleConnections() {
      for (const server of servers) server.closeIdleConnections()
      limits.closeAwaitingHeader()
    },
    closeAllConnections() {
      for (const connection of limits.connections) connection.destroy()
    },
  }
}

const times = {
  // Longer than in common proxies, which should close first.
  keepAliveTimeout: 75_000,
  // `headersTimeout` and `requestTimeout` limit the time to receive a request, not to reply.
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
