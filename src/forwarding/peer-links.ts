import type { KeyObject } from 'node:crypto'
import { lstatSync, realpathSync } from 'node:fs'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { type Address, socketPath, written } from '../config/kinds/listen-addresses.js'
import { attempt } from '../lib/attempt.js'
import type { Clock, Timer } from '../lib/clock.js'
import { connectionWindow, linkOptions, preSharedKey, pskOptions } from './link-settings.js'

/** In milliseconds. */
const pingInterval = 2_000
const longestIdle = 60_000
/** Five intervals are 10 s. A count, because a process that was stopped itself must not blame its peers. */
const mostUnanswered = 5
/** Half of the streams that a connection can have (RFC 9113 §5.1.1). */
const mostRequests = 2 ** 29

/**
 * `gone`: there is no process at the address. `unreachable`: nothing was sent, but the peer may live. `broken`: the peer
 * may have served it. `silent`: the peer hangs. `refused`: see 421.
 */
export type Lost = 'gone' | 'unreachable' | 'broken' | 'silent' | 'refused'

/** Errors of a dial that only the peer's machine causes. */
const absences: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTDIR'])

interface PeerLinksParts {
  /** For TCP. A link uses the first key, and a listener accepts each. */
  readonly keys: () => readonly KeyObject[]
  readonly clock: Clock
}

interface PeerLinkParts extends PeerLinksParts {
  readonly onDialed: (isOpen: boolean) => void
  readonly onClose: () => void
}

/** Connections to other processes, which are kept for the next requests. */
export class PeerLinks {
  /** Called when a link opens, or fails before. */
  onDialed: (address: Address, isOpen: boolean) => void = ignore
  readonly #parts: PeerLinksParts
  // One for each peer, so that the requests of a client stay in order.
  readonly #newest = new Map<string, PeerLink>()
  /** Also those that take no more requests, until their last request has ended. */
  readonly #links = new Set<PeerLink>()

  constructor(parts: PeerLinksParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#links.size
  }

  /** Requests and WebSockets under way. */
  get streams(): number {
    let streams = 0
    for (const link of this.#links) streams += link.streams
    return streams
  }

  to(address: Address): PeerLink {
    const name = written(address)
    const before = this.#newest.get(name)
    if (before?.isUsable === true) return before
    const onDialed = (isOpen: boolean) => this.onDialed(address, isOpen)
    const onClose = () => {
      this.#links.delete(link)
      if (this.#newest.get(name) === link) this.#newest.delete(name)
    }
    const { keys, clock } = this.#parts
    const link = new PeerLink(address, { keys, clock, onDialed, onClose })
    this.#links.add(link)
    this.#newest.set(name, link)
    return link
  }

  /** This process stops: the peers answer what they hold for it. */
  retire(): void {
    for (const link of this.#links) link.retire()
  }

  close(): void {
    for (const link of this.#links) link.destroy()
  }
}

export class PeerLink {
  /** Requests and WebSockets under way. */
  streams = 0
  /** Why a request without an answer is lost, once its stream has closed. */
  lost: Lost = 'unreachable'
  readonly clock: Clock
  readonly #session: ClientHttp2Session
  readonly #onDialed: PeerLinkParts['onDialed']
  #timer: Timer | undefined
  #unanswered = 0
  #requests = 0
  #idleSince: number

  constructor(address: Address, { keys, clock, onDialed, onClose }: PeerLinkParts) {
    this.clock = clock
    this.#onDialed = onDialed
    this.#idleSince = clock.now()
    const createConnection = () =>
      dial(address, keys).once('error', ({ code }: NodeJS.ErrnoException) => {
        if (this.lost === 'unreachable' && absences.has(code)) this.lost = 'gone'
      })
    this.#session = connect('http://peer', { ...linkOptions, createConnection })
    this.#session
      .once('connect', () => {
        this.lost = 'broken'
        onDialed(true)
        if (!this.#session.destroyed) this.#session.setLocalWindowSize(connectionWindow)
      })
      .on('error', () => this.#fail())
      .once('close', () => {
        this.#timer?.cancel()
        onClose()
      })
    this.#watch()
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed
  }

  /** False from a ping to its answer. */
  get isAnswering(): boolean {
    return this.#unanswered === 0
  }

  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers, { endStream: false })
    this.streams += 1
    this.#requests += 1
    // Requests under way can finish.
    if (this.#requests >= mostRequests) this.#session.close()
    stream.on('error', ignore).once('close', () => {
      this.streams -= 1
      this.#idleSince = this.clock.now()
    })
    return stream
  }

  /** Takes no more requests. */
  retire(): void {
    this.#session.close()
  }

  destroy(): void {
    this.#session.destroy(undefined, constants.NGHTTP2_CANCEL)
  }

  /** A process without a listener (`gone`) has ended, or `Peers` reports it later. */
  #fail(): void {
    if (this.lost === 'unreachable') this.#onDialed(false)
  }

  #watch(): void {
    this.#timer = this.clock.after(pingInterval, () => {
      if (this.#session.destroyed) return
      if (this.#unanswered >= mostUnanswered) {
        // If no packet arrives, the socket closes two minutes later.
        this.#fail()
        this.lost = 'silent'
        this.destroy()
      } else if (this.streams === 0 && this.clock.now() - this.#idleSince >= longestIdle) this.#session.close()
      else {
        this.#unanswered += 1
        // Before the connection is open, the ping waits.
        if (this.#unanswered === 1) this.#session.ping(this.#answered)
        this.#watch()
      }
    })
  }

  readonly #answered = (error: Error | null): void => {
    if (error === null) this.#unanswered = 0
  }
}

const ignore = () => {}

/** No socket: ENOTDIR. */
const nowhere = '/dev/null/'

/** Who can write to the store can name any path. In a private folder of this user, nobody else can listen. */
function ownSocket(path: string): string {
  const folder = attempt(() => realpathSync(dirname(path))) ?? ''
  const stats = attempt(() => lstatSync(folder))
  const isOwn = stats?.uid === process.getuid?.() && ((stats?.mode ?? 0o77) & 0o77) === 0
  return isOwn ? join(folder, basename(path)) : nowhere
}

function dial({ host, port }: Address, keys: PeerLinksParts['keys']) {
  const path = socketPath(host)
  if (path !== undefined) return connectTcp(ownSocket(path))
  // The key has proven the peer. There is no certificate.
  const checkServerIdentity = () => undefined
  const pskCallback = () => preSharedKey(keys()[0]!)
  const socket = connectTls({ host, port, ...pskOptions, checkServerIdentity, pskCallback })
  return socket.setNoDelay(true)
}
