import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../lib/clock.js'

/** How long, in milliseconds, and how much, in bytes, is read on and thrown away. */
const longest = 5_000
const most = 8_000_000

const closing = new WeakSet<object>()

/** Whether a request came behind the last one that is answered on its connection (RFC 9112 §9.6). */
export function isTooLate({ socket }: IncomingMessage): boolean {
  return closing.has(socket)
}

/**
 * Closes a connection with its next reply while the client may still be sending. To close it at once would reset it, and
 * the reply would be lost with what the client has yet to read: so we say that nothing more comes from us, and read on
 * for a while (RFC 9112 §9.6).
 */
export class LingeringClose {
  readonly #res: ServerResponse
  #discarded = 0

  /** To be made before the reply is written. */
  constructor(res: ServerResponse, clock: Clock) {
    this.#res = res
    res.shouldKeepAlive = false
    const { socket } = res.req
    closing.add(socket)
    // Node calls this when the last reply has been handed over.
    socket.destroySoon = () => {
      socket.end()
      const timer = clock.after(longest, () => socket.destroy())
      socket.once('close', () => timer.cancel())
    }
  }

  /** So many bytes more have come. */
  discard(bytes: number): void {
    this.#discarded += bytes
    if (this.#discarded > most) this.#res.req.socket.destroy()
  }
}
