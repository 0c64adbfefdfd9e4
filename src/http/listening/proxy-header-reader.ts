import type { Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'
import { type ProxyHeader, parseProxyHeader } from './proxy-header.js'

/** More than 3 s, because TCP may resend the first segment after 3 s. */
const longestWait = 5_000

export class ProxyHeaderReader {
  readonly #clock: Clock
  readonly #awaited = new Set<Socket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `then` once, with undefined if no valid header arrives in time. Later bytes stay in the socket. */
  read(socket: Socket, then: (header: ProxyHeader | undefined) => void): void {
    let bytes: Buffer = Buffer.alloc(0)
    const finish = (header: ProxyHeader | undefined) => {
      if (!this.#awaited.delete(socket)) return
      timer.cancel()
      socket.off('readable', read).off('end', fail).off('close', fail)
      if (header !== undefined && bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
      // After a failure, `ignore` stays: the socket may still emit an error.
      if (header !== undefined) socket.off('error', ignore)
      then(header)
    }
    const fail = () => finish(undefined)
    const read = () => {
      const piece: Buffer | null = socket.read()
      if (piece === null) return
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece])
      const header = parseProxyHeader(bytes)
      if (header !== undefined) finish(header ?? undefined)
    }
    this.#awaited.add(socket)
    const timer = this.#clock.after(longestWait, fail)
    socket.on('error', ignore).on('readable', read).on('end', fail).on('close', fail)
  }

  closeAll(): void {
    for (const socket of this.#awaited) socket.destroy()
  }
}

const ignore = () => {}
