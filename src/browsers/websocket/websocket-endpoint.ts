import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
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
import { countHosts, type Endpoint } from '../../http/listening/dispatch.js'
import { asksForWebSocket, refuseUpgrade, type Upgrade } from '../../http/listening/upgrades.js'
import { Attaching } from './attaching.js'
import { type ChannelParts, closeCodes, maxFragments, SocketChannel } from './socket-channel.js'
import { type LoginBefore, socketRoutes } from './socket-routes.js'
import { type StreamParts, StreamStart } from './stream-start.js'

export interface WebSocketParts {
  readonly endpoint: PublicEndpoint
  readonly channels: ChannelParts
  readonly streams: StreamParts
  readonly origins: readonly string[]
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

/** XMPP over WebSocket (RFC 7395 §3). */
export class WebSocketEndpoint {
  readonly #parts: WebSocketParts
  readonly #server: WebSocketServer

  constructor(parts: WebSocketParts) {
    this.#parts = parts
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // A short compressed message could expand to a long text.
      perMessageDeflate: false,
      // Above `maxStanzaBytes`, a stanza gets an XMPP error. Above `maxPayload`, the WebSocket closes.
      maxPayload: 2 * parts.channels.transport.maxStanzaBytes,
      maxFragments,
      maxBufferedChunks: mostPieces,
      handleProtocols: () => subprotocol,
    })
    this.#server.on('wsClientError', (_error, socket, req) => this.#refuse(socket, req, 'handshake'))
  }

  /** `login`: for clients that log in themselves. `session`: for pages with tokens. */
  for(wants: Wish): Endpoint {
    const answer: RequestListener = (req, res) => this.#answer(req, res)
    const upgrade: Upgrade = (req, socket, head) => this.#upgrade(wants, req, socket, head)
    return Object.assign(answer, { upgrade })
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const { access, clients } = this.#parts.endpoint
    const address = clientAddress(req, clients)
    const isLost = req.method === 'GET' && req.headers['sec-websocket-key'] !== undefined && !asksForWebSocket(req)
    const isLook = req.method === 'GET' || req.method === 'HEAD'
    const reason = access?.(address) === false ? 'address' : isLost ? 'lost-upgrade' : isLook ? undefined : 'method'
    if (reason === undefined) answerPage(req, res, this.#parts.endpoint)
    else {
      const [status, sentence, , headers] = this.#note(reason, req)
      answerInText(res, status, sentence, headers)
    }
  }

  #note(reason: Reason, req: IncomingMessage): Refusal {
    const refusal: Refusal = refusals[reason]
    const address = clientAddress(req, this.#parts.endpoint.clients)
    this.#parts.streams.noteRefusal(reason, address, refusal[2], reason === 'origin' ? req.headers.origin : undefined)
    return refusal
  }

  #refuse(socket: Duplex, req: IncomingMessage, reason: Reason): void {
    this.#parts.channels.transport.counts.webSockets.refused += 1
    const [status, sentence, , headers] = this.#note(reason, req)
    refuseUpgrade(socket, status, sentence, headers)
  }

  #upgrade(wants: Wish, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { streams, whereabouts } = this.#parts
    const { phase } = streams.common.registry
    const reason = this.#refusalOf(req)
    if (reason !== undefined) this.#refuse(socket, req, reason)
    else if (isForwardedByPeer(req) && phase.has('setting-down'))
      void whereabouts?.whenSetDown().then(() => refuseForwarded(req))
    else if (phase.has('ending')) this.#refuse(socket, req, 'shutdown')
    else {
      const mayLeave = wants === 'login' && phase.has('draining') && !isForwardedByPeer(req)
      const owner = mayLeave ? whereabouts?.peers.forNewSession() : undefined
      if (owner === undefined) this.#accept(wants, req, socket, head)
      else this.#forwardLogin(owner, req, socket, Buffer.from(head))
    }
  }

  #refusalOf(req: IncomingMessage): Reason | undefined {
    const { access, clients } = this.#parts.endpoint
    if (access?.(clientAddress(req, clients)) === false) return 'address'
    if (!this.#mayComeFrom(req.headers.origin)) return 'origin'
    if (req.headers['sec-websocket-version'] !== '13') return 'version'
    if (req.httpVersion !== '1.1') return 'handshake'
    if (countHosts(req) !== 1) return 'host'
    return isOffered(req) ? undefined : 'subprotocol'
  }

  #mayComeFrom(origin: string | undefined): boolean {
    const { origins } = this.#parts
    return origin === undefined || origins.includes('*') || origins.includes(origin.toLowerCase())
  }

  #forwardLogin(owner: Owner, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const onLost = () => {
      socket.resume()
      this.#accept('login', req, socket, head)
    }
    forwardSocket(owner.link, req, socket, head, { isAccepted: false, onLost })
  }

  #accept(wants: Wish, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { endpoint, channels, streams, whereabouts } = this.#parts
    const { clients } = endpoint
    const { phase } = streams.common.registry
    const secure = countsAsEncrypted(req, clients)
    const client = {
      address: countedAddress(req, clients),
      secure,
      browser: browserName(req.headers['user-agent']),
      secureUrl: secure ? undefined : endpoint.secureUrl(req),
    }
    const note = noteOf(req)
    const before = note === undefined ? undefined : (JSON.parse(note) as LoginBefore)
    const mayMove = wants === 'session' && whereabouts !== undefined && !isForwardedByPeer(req)
    const routes = mayMove ? socketRoutes(req, socket, whereabouts) : undefined
    this.#server.handleUpgrade(req, socket, head, webSocket => {
      channels.transport.counts.webSockets.opened += 1
      const channel = new SocketChannel(webSocket, socket as Socket, client, channels)
      const isLogin = wants === 'login'
      const start = isLogin ? new StreamStart(channel, streams) : new Attaching(channel, streams, routes)
      if (phase.has(isLogin ? 'draining' : 'ending')) start.refuse('system-shutdown', closeCodes.goingAway)
      else if (start instanceof Attaching && before !== undefined) start.continueAfter(before)
    })
  }
}

const isOffered = ({ headers }: IncomingMessage) =>
  headers['sec-websocket-protocol']?.split(',').some(name => name.trim() === subprotocol) === true
