// A WebSocket without a network: the test speaks for the page, and says what the network does.
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Attaching } from '../../src/browsers/websocket/attaching.js'
import { SocketChannel } from '../../src/browsers/websocket/socket-channel.js'
import type { SocketRoutes } from '../../src/browsers/websocket/socket-routes.js'
import type { StreamStart } from '../../src/browsers/websocket/stream-start.js'
import type { Config } from '../../src/config/config.js'
import type { UnfinishedBodies } from '../../src/http/bodies/unfinished-bodies.js'
import { Counts } from '../../src/lib/counts.js'
import { Rate } from '../../src/lib/limits/rates.js'
import { framingNamespace } from '../../src/xmpp/namespaces.js'
import type { BoshBench } from './bosh-bench.js'
import { bodiesOf } from './unlimited.js'

class FakeConnection extends EventEmitter {
  writableLength = 0
  destroySoon = () => {}
  cork(): void {}
  uncork(): void {}
}

/** One end of a WebSocket, as `ws` has it. */
export class FakeWebSocket extends EventEmitter {
  readonly connection = new FakeConnection()
  readonly sent: string[] = []
  /** What waits for the page to read it, in bytes. */
  bufferedAmount = 0
  isPaused = false
  isGone = false
  closedWith: number | undefined
  /** Whether the page still gets what is written to it: it answers pings then. */
  isConnected = true

  constructor() {
    super()
    this.connection.destroySoon = () => this.leave()
  }

  send(message: string | Buffer): void {
    this.sent.push(message.toString())
  }

  ping(data: string): void {
    const answer = () => this.emit('pong', Buffer.from(data))
    if (this.isConnected) queueMicrotask(answer)
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  close(code: number): void {
    this.closedWith ??= code
  }

  terminate(): void {
    this.leave()
  }

  receive(message: string): void {
    if (!this.isGone) this.emit('message', Buffer.from(message), false)
  }

  drain(): void {
    this.bufferedAmount = 0
    this.connection.emit('drain')
  }

  leave(): void {
    if (this.isGone) return
    this.isGone = true
    this.emit('close')
  }
}

export interface AttachOptions {
  readonly secure?: boolean
  readonly address?: string
  /** How long sessions wait for their page, in seconds. */
  readonly resumeSeconds?: number
  readonly pings?: boolean
  /** How many wrong tokens a client may show in a minute; 0 is any number. */
  readonly wrongTokens?: Rate
  readonly routes?: SocketRoutes
}

/** A page's connection to the address where sessions are taken over. */
export function connectPage(bench: BoshBench, options: AttachOptions = {}): FakeWebSocket {
  const { secure = true, address = '192.0.2.7', pings = false, resumeSeconds = 90 } = options
  const { clock, common, opener, domains, refused } = bench
  const socket = new FakeWebSocket()
  const channel = new SocketChannel(
    socket as unknown as WebSocket,
    socket.connection as unknown as Socket,
    { address, secure },
    {
      pingInterval: pings ? 3600 : 0,
      transport: {
        ...{ clock, refused, report: error => common.log.report(error) },
        ...{ bodies: unlimitedBodies(), maxStanzaBytes: 262_144, counts: new Counts() },
      },
    },
  )
  const config = { bosh: {}, domains, requireSecure: false, websocket: { resumeSeconds } } as Config
  const parts = {
    ...{ common, opener, config },
    wrongTokens: options.wrongTokens ?? new Rate(0, 60),
    noteRefusal: () => {},
    starting: new Set<StreamStart>(),
  }
  new Attaching(channel, parts, options.routes)
  return socket
}

export const unlimitedBodies = (): UnfinishedBodies => bodiesOf(0)

export const open = (to = 'chat.example') => `<open xmlns='${framingNamespace}' to='${to}' version='1.0'/>`
export const close = `<close xmlns="${framingNamespace}" />`
