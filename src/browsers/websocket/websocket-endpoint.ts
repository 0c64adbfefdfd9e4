import type { IncomingMessage, RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { WebSocketServer } from 'ws'
import { browserName } from '../../http/access/browser-name.js'
import {
  clientAddress,
  countedAddress,
  countsAsEncrypted,
  type PublicEndpoint,
} from '../../http/access/client-rules.js'
import { answerEmpty, answerInText, answerPage } from '../../http/answers/node-answers.js'
import { countHosts, type Endpoint } from '../../http/listening/dispatch.js'
import { asksForWebSocket, refuseUpgrade, type Upgrade } from '../../http/listening/upgrades.js'
import type { Counts } from '../../lib/counts.js'
import { onceAMinute } from '../../lib/limits/throttle.js'
import { Attaching, type AttachingParts, type Forwarding } from './attaching.js'
import type { CarriedClient, CarriedSockets } from './carried-sockets.js'
import { type Channel, closeCodes } from './channel.js'
import { OwnLoginStart } from './own-login.js'
import { type ChannelParts, SocketChannel } from './socket-channel.js'
import type { NoteRefusal, StreamStart } from './stream-start.js'

export interface EndpointParts
  extends PublicEndpoint,
    Omit<AttachingParts, 'noteRefusal'>,
    Omit<ChannelParts, 'ponged' | 'traffic'> {
  readonly origins: readonly string[]
  readonly counts: Counts
  readonly log: Logger
  /** See `siteName`. */
  readonly site: string
  readonly carriedSockets?: CarriedSockets | undefined
}

const mostPieces = 4096

/** RFC 7395 §3.1. */
const subprotocol = 'xmpp'

type Refusal = 'address' | 'origin' | 'version' | 'handshake' | 'host' | 'subprotocol' | 'shutdown'

const refusals: Readonly<Record<Refusal, readonly [number, string, (readonly string[])?]>> = {
  address: [403, 'Clients with this address may not connect here.'],
  origin: [403, 'Pages of this origin may not connect here.'],
  // RFC 6455 §4.2.2.
  version: [426, 'The version of WebSocket here is 13.', ['Sec-WebSocket-Version', '13', 'Upgrade', 'websocket']],
  handshake: [400, 'This is not a WebSocket handshake (RFC 6455).'],
  host: [400, 'The header Host is missing, or there are several (RFC 6455).'],
  subprotocol: [400, 'The subprotocol here is "xmpp" (RFC 7395).'],
  shutdown: [503, 'The service is stopping.'],
}

const lostUpgrade = "This is a handshake of WebSocket without 'Upgrade: websocket': does a proxy take that out?"

export interface WebSocketEndpoint {
  readonly ownLogin: Endpoint
  readonly attaching: Endpoint
  shutDown(): void
}

/** XMPP over WebSocket (RFC 7395 §3). */
export function createWebSocketEndpoint(parts: EndpointParts): WebSocketEndpoint {
  const { access, clients, origins, counts, log, site, carriedSockets, registry } = parts
  const isDue = onceAMinute<string>(parts.clock)
  const noteRefusal: NoteRefusal = (reason, address) =>
    log[isDue(reason) ? 'info' : 'debug']({ reason, address }, 'a WebSocket client was refused')
  const starting = new Set<StreamStart>()
  const channelParts: ChannelParts = {
    rules: parts.rules,
    maxStanzaBytes: parts.maxStanzaBytes,
    maxFragments: parts.maxFragments,
    clock: parts.clock,
    bodies: parts.bodies,
    refused: parts.refused,
    traffic: counts.pages.websocket,
    report: parts.report,
    ponged(seconds) {
      counts.pongs.count += 1
      counts.pongs.seconds += seconds
    },
  }
  const startParts: AttachingParts = {
    opener: parts.opener,
    domains: parts.domains,
    registry,
    defaultDomain: parts.defaultDomain,
    requireSecure: parts.requireSecure,
    clock: parts.clock,
    log,
    resumeSeconds: parts.resumeSeconds,
    wrongTokens: parts.wrongTokens,
    refused: parts.refused,
    noteRefusal,
  }
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // A short compressed message could expand to a long text.
    perMessageDeflate: false,
    // Above `maxStanzaBytes`, a stanza gets an XMPP error. Above `maxPayload`, the WebSocket closes.
    maxPayload: 2 * parts.maxStanzaBytes,
    maxFragments: parts.maxFragments,
    maxBufferedChunks: mostPieces,
    handleProtocols: () => subprotocol,
  })
  const refuse = (socket: Duplex, address: string, reason: Refusal) => {
    counts.webSockets.refused += 1
    noteRefusal(reason, address)
    refuseUpgrade(socket, ...refusals[reason])
  }
  server.on('wsClientError', (_error, socket, req) => refuse(socket, clientAddress(req, clients), 'handshake'))
  const mayComeFrom = (origin: string | undefined) =>
    origin === undefined || origins.includes('*') || origins.includes(origin.toLowerCase())

  const begin = (channel: Channel, client: CarriedClient, credentials?: Buffer, forwarding?: Forwarding): void => {
    const { wants, secureUrl, before } = client
    const over = () => void starting.delete(start)
    const start: StreamStart =
      wants === 'login'
        ? new OwnLoginStart(channel, startParts, secureUrl, over)
        : new Attaching(channel, startParts, secureUrl, over, forwarding)
    starting.add(start)
    const mayCome = !registry.isStopping && (wants === 'session' || !registry.isDraining)
    if (!mayCome) start.refuse('system-shutdown', closeCodes.goingAway)
    else if (start instanceof Attaching && before !== undefined) start.continueLogin(before, credentials!)
  }
  carriedSockets?.serve(site, { begin, report: parts.report })
  const beginOrCarry = (channel: SocketChannel, client: CarriedClient, req: IncomingMessage) => {
    const mustGo = client.wants === 'login' && registry.isDraining
    const otherNode = mustGo ? carriedSockets?.nodeForNewSession() : undefined
    const forwarding: Forwarding | undefined = carriedSockets && {
      nodeInUrl: nodeOf(req),
      carry(name, before, credentials) {
        const node = carriedSockets.ownerOf(name)
        if (node !== undefined) carriedSockets.carry(node, site, channel, { ...client, before }, credentials)
        return node !== undefined
      },
      isAwaited: name => carriedSockets.isAwaited(name),
      whenKnown: (name, bytes, then) => carriedSockets.whenKnown(name, bytes, then),
    }
    if (otherNode === undefined) begin(channel, client, undefined, forwarding)
    else carriedSockets!.carry(otherNode, site, channel, client)
  }
  const upgradeTo =
    (wants: CarriedClient['wants']): Upgrade =>
    (req, socket, head) => {
      const address = clientAddress(req, clients)
      if (access?.(address) === false) refuse(socket, address, 'address')
      else if (!mayComeFrom(req.headers.origin)) refuse(socket, address, 'origin')
      else if (req.headers['sec-websocket-version'] !== '13') refuse(socket, address, 'version')
      else if (req.httpVersion !== '1.1') refuse(socket, address, 'handshake')
      else if (countHosts(req) !== 1) refuse(socket, address, 'host')
      else if (!offersXmpp(req)) refuse(socket, address, 'subprotocol')
      else if (registry.isStopping) refuse(socket, address, 'shutdown')
      else {
        const address = countedAddress(req, clients)
        const secure = countsAsEncrypted(req, clients)
        const browser = browserName(req.headers['user-agent'])
        const secureUrl = secure ? undefined : parts.secureUrl(req)
        server.handleUpgrade(req, socket, head, webSocket => {
          counts.webSockets.opened += 1
          const channel = new SocketChannel(webSocket, socket as Socket, { address, secure, browser }, channelParts)
          const { isProbed } = channel
          beginOrCarry(channel, { wants, address, browser, isSecure: secure, isProbed, secureUrl }, req)
        })
      }
    }
  const answerer = (): RequestListener => (req, res) => {
    if (access?.(clientAddress(req, clients)) === false) answerInText(res, ...refusals.address)
    else if (req.method === 'GET' && req.headers['sec-websocket-key'] !== undefined && !asksForWebSocket(req))
      answerInText(res, 426, lostUpgrade, ['Upgrade', 'websocket', 'Connection', 'Upgrade'])
    else if (req.method === 'GET' || req.method === 'HEAD') answerPage(req, res, parts)
    else answerEmpty(res, 405, ['Allow', 'GET, HEAD'])
  }
  return {
    ownLogin: Object.assign(answerer(), { upgrade: upgradeTo('login') }),
    attaching: Object.assign(answerer(), { upgrade: upgradeTo('session') }),
    shutDown() {
      for (const start of starting) start.refuse('system-shutdown', closeCodes.goingAway)
    },
  }
}

const nodeOf = ({ url }: IncomingMessage) => new URLSearchParams(url!.split('?')[1]).get('node') ?? undefined

function offersXmpp({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol']?.split(',') ?? []
  return offered.some(name => name.trim() === subprotocol)
}
