import type { Socket } from 'node:net'
import type { Config } from '../config/config.js'
import type { Limit } from '../counts.js'
import { clientOf } from '../lib/client-network.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { OnRefused } from '../reached-limits.js'
import { bytesUnderWay } from './fast/reply-under-way.js'
import { bytesWaiting } from './pipelined-requests.js'

/** How often connections are looked at, in milliseconds. */
const interval = 5_000
/** How long a client may take nothing of a reply that waits for it, in milliseconds. */
const patience = 60_000
/** The same where there is no room for more of these. */
const patienceWhenFull = 10_000

export interface UnreadParts {
  readonly limits: Pick<Config['limits'], 'unreadMegabytes'>
  /** The connections of HTTP, which are not WebSockets by now. */
  readonly connections: () => Iterable<Socket>
  readonly clock: Clock
  readonly refused: OnRefused
}

/** A reply that has not left as a whole. */
interface Unread {
  readonly socket: Socket
  readonly bytes: number
  /** Bytes of the writes that are done, and those of the last write that are not: both stay as long as nothing is read. */
  readonly done: number
  readonly left: number
  /** Since when they have stayed, in milliseconds of the clock. */
  readonly since: number
}

/** Closes the connections of clients that do not read the replies to their requests. */
export class UnreadReplies {
  readonly #parts: UnreadParts
  readonly #most: number
  #unread: ReadonlyMap<Socket, Unread> = new Map()
  #timer: Timer | undefined

  constructor(parts: UnreadParts) {
    this.#parts = parts
    this.#most = parts.limits.unreadMegabytes * 2 ** 20 || Number.POSITIVE_INFINITY
    this.#watch()
  }

  /** How many bytes of replies wait, on all connections. */
  get bytes(): number {
    let bytes = 0
    for (const socket of this.#parts.connections()) bytes += bytesWaiting(socket)
    return bytes
  }

  /** Closes a connection at a limit. */
  close(socket: Socket, limit: Limit): void {
    const { destroyed, remoteAddress } = socket
    // What came with one request too many is still handed on.
    if (destroyed) return
    socket.destroy()
    this.#parts.refused(limit, remoteAddress === undefined ? {} : { address: clientOf(remoteAddress) })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #watch(): void {
    this.#timer = this.#parts.clock.after(interval, () => {
      this.#look()
      this.#watch()
    })
  }

  #look(): void {
    const now = this.#parts.clock.now()
    const unread = new Map<Socket, Unread>()
    let all = 0
    for (const socket of this.#parts.connections()) {
      const bytes = bytesWaiting(socket)
      all += bytes
      // What waits behind a held request is not the client's to read yet.
      if (socket.writableLength === 0) continue
      const done = socket.bytesWritten - socket.writableLength
      const left = bytesUnderWay(socket)
      const before = this.#unread.get(socket)
      const isSame = before?.done === done && before.left === left
      unread.set(socket, { socket, bytes, done, left, since: isSame ? before.since : now })
    }
    this.#unread = unread
    for (const { socket, since } of unread.values())
      if (now - since >= patience) this.close(socket, 'unread-reply')
    if (all > this.#most) this.#makeRoom(all, now)
  }

  /** Closes the connections on which most waits. */
  #makeRoom(all: number, now: number): void {
    const stuck = [...this.#unread.values()].filter(({ since }) => now - since >= patienceWhenFull)
    let left = all
    for (const { socket, bytes } of stuck.sort((one, other) => other.bytes - one.bytes)) {
      if (left <= this.#most) return
      this.close(socket, 'unread')
      left -= bytes
    }
  }
}
