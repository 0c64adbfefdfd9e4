import type { KeyObject } from 'node:crypto'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock, Timer } from '../lib/clock.js'
import { connectionWindow, linkOptions, type PeerAddress, pskOptions } from './link-settings.js'

/** In milliseconds. */
const pingInterval = 2_000
const longestIdle = 60_000
/** Five intervals are 10 s. A count, because a process that was stopped itself must not blame its peers. */
const mostUnanswered = 5
const linksOfPeer = 2

/** `gone`: nothing was sent. `broken`: the peer may have served it. `silent`: the peer hangs. `refused`: see 421. */
export type Lost = 'gone' | 'broken' | 'silent' | 'refused'

interface PeerLinksParts {
  readonly key?: KeyObject | undefined
  readonly clock: Clock
}

/** Connections to other processes, which are kept for the next requests. */
export class PeerLinks {
  readonly #parts: PeerLinksParts
  readonly #links = new Map<string, PeerLink[]>()

  constructor(parts: PeerLinksParts) {
    this.#parts = parts
  }

  get size(): number {
    return [...this.#links.values()].flat().length
  }

  /** The link to the peer with the fewest requests. */
  to(address: PeerAddress): PeerLink {
    const name = nameOf(address)
    const links = (this.#links.get(name) ?? []).filter(link => link.isUsable)
    this.#links.set(name, links)
    const best = links.toSorted((one, other) => one.streams - other.streams)[0]
    if (best !== undefined && (best.streams === 0 || links.length >= linksOfPeer)) return best
    const link = new PeerLink(address, this.#parts, () => this.#remove(name, link))
    links.push(link)
    return link
  }

  /** Ends all requests to the peer. */
  forget(address: PeerAddress): void {
    for (const link of this.#links.get(nameOf(address)) ?? []) link.destroy()
  }

  close(): void {
    for (const links of this.#links.values()) for (const link of links) link.destroy()
  }

  #remove(name: string, link: PeerLink): void {
    const links = (this.#links.get(name) ?? []).filter(each => each !== link)
    if (links.length === 0) this.#links.delete(name)
    else this.#links.set(name, links)
  }
}

const nameOf = (address: PeerAddress) => ('path' in address ? address.path : `${address.host} ${address.port}`)

export class PeerLink {
  /** Requests and WebSockets under way. */
  streams = 0
  /** Why a request without an answer is lost, once its stream has closed. */
  lost: Lost = 'gone'
  readonly #clock: Clock
  readonly #session: ClientHttp2Session
  #timer: Timer | undefined
  #unanswered = 0
  #idleSince: number

  constructor(address: PeerAddress, { key, clock }: PeerLinksParts, onClose: () => void) {
    this.#clock = clock
    this.#idleSince = clock.now()
    this.#session = connect('http://peer', { ...linkOptions, createConnection: () => dial(address, key) })
    this.#session
      .once('connect', () => {
        this.lost = 'broken'
        this.#session.setLocalWindowSize(connectionWindow)
      })
      .on('error', ignore)
      .once('close', () => {
        this.#timer?.cancel()
        onClose()
      })
    this.#watch()
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed
  }

  request(headers: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    const stream = this.#session.request(headers, { endStream })
    this.streams += 1
    stream.on('error', ignore).once('close', () => {
      this.streams -= 1
      this.#idleSince = this.#clock.now()
    })
    return stream
  }

  destroy(): void {
    this.#session.destroy(undefined, constants.NGHTTP2_CANCEL)
  }

  #watch(): void {
    this.#timer = this.#clock.after(pingInterval, () => {
      if (this.#unanswered >= mostUnanswered) {
        this.lost = 'silent'
        this.destroy()
      } else if (this.streams === 0 && this.#clock.now() - this.#idleSince >= longestIdle) this.#session.close()
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

function dial(address: PeerAddress, key: KeyObject | undefined) {
  if ('path' in address) return connectTcp(address.path)
  const { psk, identity, ...options } = pskOptions(key!)
  // The key has proven the peer. There is no certificate.
  const checkServerIdentity = () => undefined
  const socket = connectTls({ ...address, ...options, checkServerIdentity, pskCallback: () => ({ psk, identity }) })
  return socket.setNoDelay(true)
}
