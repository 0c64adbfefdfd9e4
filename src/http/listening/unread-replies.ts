import type { Socket } from 'node:net'
import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import type { Clock, Timer } from '../../lib/clock.js'
import type { Limit } from '../../lib/counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { bytesUnderWay } from '../fast/reply-under-way.js'
import { bytesWaiting } from './pipelined-requests.js'

const interval = 5_000
const longestWithoutReading = 60_000
const longestWhenFull = 10_000

interface UnreadParts {
  readonly limits: Pick<Config['limits'], 'unreadMegabytes'>
  readonly connections: () => Iterable<Socket>
  readonly clock: Clock
  readonly refused: OnRefused
}

interface Unread {
  readonly bytes: number
  readonly flushed: number
  readonly underWay: number
  readonly since: number
}

export class UnreadReplies {
  readonly #parts: UnreadParts
  #unread: ReadonlyMap<Socket, Unread> = new Map()
  #timer: Timer | undefined

  constructor(parts: UnreadParts) {
    this.#parts = parts
    this.#watch()
  }

  get #most(): number {
    return this.#parts.limits.unreadMegabytes * 2 ** 20 || Number.POSITIVE_INFINITY
  }

  get bytes(): number {
    let bytes = 0
    for (const socket of this.#parts.connections()) bytes += bytesWaiting(socket)
    return bytes
  }

  close(socket: Socket, limit: Limit): void {
    const { destroyed, remoteAddress } = socket
    if (destroyed) return
    socket.destroy()
    this.#parts.refused(limit, remoteAddress === undefined ? {} : { address: clientOf(remoteAddress) })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #watch(): void {
    this.#timer = this.#parts.clock.after(interval, () => {
      this.#check()
      this.#watch()
    })
  }

  #check(): void {
    const now = this.#parts.clock.now()
    const unread = new Map<Socket, Unread>()
    let all = 0
    for (const socket of this.#parts.connections()) {
      const bytes = bytesWaiting(socket)
      all += bytes
      // An empty socket is not watched: its replies still wait behind a held request.
      if (socket.writableLength === 0) continue
      const flushed = socket.bytesWritten - socket.writableLength
      const underWay = bytesUnderWay(socket)
      const before = this.#unread.get(socket)
      const isSame = before?.flushed === flushed && before.underWay === underWay
      unread.set(socket, { bytes, flushed, underWay, since: isSame ? before.since : now })
    }
    this.#unread = unread
    for (const [socket, { since }] of unread)
      if (now - since >= longestWithoutReading) this.close(socket, 'unread-reply')
    if (all > this.#most) this.#makeRoom(all, now)
  }

  #makeRoom(all: number, now: number): void {
    const stuck = [...this.#unread].filter(([, { since }]) => now - since >= longestWhenFull)
    let left = all
    for (const [socket, { bytes }] of stuck.sort(([, one], [, other]) => other.bytes - one.bytes)) {
      if (left <= this.#most) return
      this.close(socket, 'unread')
      left -= bytes
    }
  }
}
