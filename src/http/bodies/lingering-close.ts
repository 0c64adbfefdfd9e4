// RFC 9112 §9.6.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../lib/clock.js'

/** In milliseconds. */
const longestLinger = 5_000
const mostDiscardedBytes = 8_000_000

const closing = new WeakSet<object>()

export function isAfterLastReply({ socket }: IncomingMessage): boolean {
  return closing.has(socket)
}

/**
 * Closes the connection after the reply. Until then, the caller must read and discard all input, because a reset would
 * lose the reply. The caller passes the length of each discarded piece to the returned function.
 */
export function closeLingering(res: ServerResponse, clock: Clock): (bytes: number) => void {
  res.shouldKeepAlive = false
  const { socket } = res.req
  closing.add(socket)
  // Node calls this after the last reply.
  socket.destroySoon = () => {
    socket.end()
    const timer = clock.after(longestLinger, () => socket.destroy())
    socket.once('close', () => timer.cancel())
  }
  let discarded = 0
  return bytes => {
    discarded += bytes
    if (discarded > mostDiscardedBytes) socket.destroy()
  }
}
