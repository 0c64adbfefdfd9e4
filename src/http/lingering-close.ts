import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../lib/clock.js'

/** How long, in milliseconds, and how much, in bytes, is read on and thrown away. */
const longest = 5_000
const most = 8_000_000

const closing = new WeakSet<object>()

/** Whether a request came behind the last one that is answered on its connection, and is to be ignored (RFC 9112 §9.6). */
export function isTooLate({ socket }: IncomingMessage): boolean {
  return closing.has(socket)
}

/**
 * Closes a connection with its next reply, which is not written yet, while the client may still be sending. To close it at
 * once would reset it, and the client would lose what it has not read of the reply: so the connection is closed in our
 * direction only, and what comes is read and thrown away for a while (RFC 9112 §9.6). The function given back is told how
 * many bytes more have come; too many close the connection at once.
 */
export function closeLingering(res: ServerResponse, clock: Clock): (bytes: number) => void {
  res.shouldKeepAlive = false
  const { socket } = res.req
  closing.add(socket)
  // Node's HTTP server calls this once the last reply has been written.
  socket.destroySoon = () => {
    socket.end()
    const timer = clock.after(longest, () => socket.destroy())
    socket.once('close', () => timer.cancel())
  }
  let discarded = 0
  return bytes => {
    discarded += bytes
    if (discarded > most) socket.destroy()
  }
}
