import type { IncomingMessage, RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { WebSocketServer } from 'ws'
import { forwardSocket } from '../../forwarding/forward-socket.js'
import { isForwardedByPeer, noteOf, refuseForwarded } from '../../forwarding/peer-listener.js'
import type { Owner } from '../../forwarding/peers.js'
import type { Whereabouts } from '../../forwarding/whereabouts.js'
import { browserName } from '../../http/access/browser-name.js'
import {
  clientAddress,
  countedAddress,
  countsAsEncrypted,
  type PublicEndpoint,
} from '../../http/access/client-rules.js'
import { answerInText, answerPage } from '../../http/answers/node-answers.js'
import { countHosts } from '../../http/listening/dispatch.js'
import { asksForWebSocket, refuseUpgrade, type Upgrade } from '../../http/listening/upgrades.js'
import type { Counts } from '../../lib/counts.js'
import { refusalLog } from '../../lib/limits/refusal-log.js'
import { Attaching, type AttachingParts } from './attaching.js'
import { type ChannelParts, closeCodes, maxFragments, SocketChannel } from './socket-channel.js'
import { type LoginBefore, socketRoutes } from './socket-routes.js'
import { StreamStart } from './stream-start.js'

export interface EndpointParts extends PublicEndpoint, Omit<AttachingParts, 'noteRefusal' | 'starting'>, ChannelParts {
  readonly origins: readonly string[]
  readonly counts: Counts
  readonly log: Logger
  readonly whereabouts?: Whereabouts | undefined
}

const mostPieces = 4096

/** RFC 7395 §3.1. */
const subprotocol = 'xmpp'

type Wish = 'session' | 'login'

/** `setting` decides about the refusal. */
type Refusal = readonly [status: number, sentence: string, setting?: string | undefined, headers?: readonly string[]]

const refusals = {
  address: [403, 'Clients with this address may not connect here.', 'WEBSOCKET_ALLOW'],
  origin: [
    403,
    'Pages of this origin may not connect here. An operator can list the origin in WEBSOCKET_ORIGINS.',
    'WEBSOCKET_ORIGINS',
  ],
  // RFC 6455 §4.2.2.
  version: [
    426,
    'The version of WebSocket here is 13.',
    undefined,
    ['Sec-WebSocket-Version', '13', 'Upgrade', 'websocket'],
  ],
  handshake: [400, 'This is not a WebSocket handshake (RFC 6455).'],
  host: [400, 'The header Host is missing, or there are several (RFC 6455).'],
  subprotocol: [400, 'Offer the subprotocol "xmpp" (RFC 7395), as in new WebSocket(url, "xmpp").'],
  shutdown: [503, 'The service is stopping.'],
  'lost-upgrade': [
    426,
    "This is a handshake of WebSocket without 'Upgrade: websocket': does a proxy take that out?",
    undefined,
    ['Upgrade', 'websocket', 'Connection', 'Upgrade'],
  ],
  method: [405, 'Open a WebSocket here with GET.', undefined, ['Allow', 'GET, HEAD']],
} as const satisfies Record<string, Refusal>

type Reason = keyof typeof refusals

export type WebSocketEndpoint = ReturnType<typeof createWebSocketEndpoint>

/** XMPP over WebSocket (RFC 7395 §3). */
export function createWebSocketEndpoint(parts: EndpointParts) {
  const { access, clients, origins, counts, log, whereabouts, registry } = parts
  const noteRefusal = refusalLog(parts.clock, log, 'a WebSocket client was refused')
  const note = (reason: Reason, req: IncomingMessage, address: string): Refusal => {
    const refusal: Refusal = refusals[reason]
    noteRefusal(reason, address, refusal[2], reason === 'origin' ? req.headers.origin : undefined)
    return refusal
  }
  const startParts: AttachingParts = { ...parts, noteRefusal, starting: new Set() }
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // A short compressed message could expand to a long text.
    perMessageDeflate: false,
    // Above `maxStanzaBytes`, a stanza gets an XMPP error. Above `maxPayload`, the WebSocket closes.
    maxPayload: 2 * parts.maxStanzaBytes,
    maxFragments,
    maxBufferedChunks: mostPieces,
    handleProtocols: () => subprotocol,
  })
  const refuse = (socket: Duplex, req: IncomingMessage, reason: Reason) => {
    counts.webSockets.refused += 1
    const [status, sentence, , headers] = note(reason, req, clientAddress(req, clients))
    refuseUpgrade(socket, status, sentence, headers)
  }
  server.on('wsClientError', (_error, socket, req) => refuse(socket, req, 'handshake'))
  const mayComeFrom = (origin: string | undefined) =>
    origin === undefined || origins.includes('*') || origins.includes(origin.toLowerCase())

  const upgradeTo =
    (wants: Wish): Upgrade =>
    (req, socket, head) => {
      if (access?.(clientAddress(req, clients)) === false) refuse(socket, req, 'address')
      else if (!mayComeFrom(req.headers.origin)) refuse(socket, req, 'origin')
      else if (req.headers['sec-websocket-version'] !== '13') refuse(socket, req, 'version')
      else if (req.httpVersion !== '1.1') refuse(socket, req, 'handshake')
      else if (countHosts(req) !== 1) refuse(socket, req, 'host')
      else if (!isOffered(req)) refuse(socket, req, 'subprotocol')
      else if (isForwardedByPeer(req) && (registry.isStopping || registry.isSettingDown))
        void whereabouts?.whenSetDown().then(() => refuseForwarded(req))
      else if (registry.isStopping) refuse(socket, req, 'shutdown')
      else {
        const mayLeave = wants === 'login' && registry.isDraining && !isForwardedByPeer(req)
        const owner = mayLeave ? whereabouts?.peers.forNewSession() : undefined
        if (owner === undefined) accept(wants, req, socket, head)
        else forwardLogin(owner, req, socket, Buffer.from(head))
      }
    }
  const forwardLogin = (owner: Owner, req: IncomingMessage, socket: Duplex, head: Buffer) =>
    forwardSocket(owner.link, req, socket, head, {
      isAccepted: false,
      onLost() {
        socket.resume()
        accept('login', req, socket, head)
      },
    })
  const accept = (wants: Wish, req: IncomingMessage, socket: Duplex, head: Buffer) => {
    const address = countedAddress(req, clients)
    const secure = countsAsEncrypted(req, clients)
    const browser = browserName(req.headers['user-agent'])
    const secureUrl = secure ? undefined : parts.secureUrl(req)
    const note = noteOf(req)
    const before = note === undefined ? undefined : (JSON.parse(note) as LoginBefore)
    const mayMove = wants === 'session' && whereabouts !== undefined && !isForwardedByPeer(req)
    const routes = mayMove ? socketRoutes(req, socket, whereabouts) : undefined
    server.handleUpgrade(req, socket, head, webSocket => {
      counts.webSockets.opened += 1
      const channel = new SocketChannel(webSocket, socket as Socket, { address, secure, browser, secureUrl }, parts)
      const isLogin = wants === 'login'
      const start = isLogin ? new StreamStart(channel, startParts) : new Attaching(channel, startParts, routes)
      if (registry.isStopping || (isLogin && registry.isDraining)) start.refuse('system-shutdown', closeCodes.goingAway)
      else if (start instanceof Attaching && before !== undefined) start.continueAfter(before)
    })
  }
  const answerer = (): RequestListener => (req, res) => {
    const address = clientAddress(req, clients)
    const isLost = req.method === 'GET' && req.headers['sec-websocket-key'] !== undefined && !asksForWebSocket(req)
    const isLook = req.method === 'GET' || req.method === 'HEAD'
    const reason = access?.(address) === false ? 'address' : isLost ? 'lost-upgrade' : isLook ? undefined : 'method'
    if (reason === undefined) answerPage(req, res, parts)
    else {
      const [status, sentence, , headers] = note(reason, req, address)
      answerInText(res, status, sentence, headers)
    }
  }
  return {
    ownLogin: Object.assign(answerer(), { upgrade: upgradeTo('login') }),
    attaching: Object.assign(answerer(), { upgrade: upgradeTo('session') }),
    shutDown() {
      for (const start of startParts.starting) start.refuse('system-shutdown', closeCodes.goingAway)
    },
  }
}

const isOffered = ({ headers }: IncomingMessage) =>
  headers['sec-websocket-protocol']?.split(',').some(name => name.trim() === subprotocol) === true
