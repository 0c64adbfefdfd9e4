import type { Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'
import { type ProxyHeader, parseProxyHeader } from './proxy-header.js'

/** More than 3 s, because TCP may resend the first segment after 3 s. */
const longestWait = 5_000

/** Calls `then` once, with undefined if no valid header arrives in time. Later bytes stay in the socket. */
export function readProxyHeader(
  socket: Socket,
  clock: Pick<Clock, 'after'>,
  then: (header: ProxyHeader | undefined) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0)
  let isDone = false
  const finish = (header: ProxyHeader | undefined) => {
    if (isDone) return
    isDone = true
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
  const timer = clock.after(longestWait, fail)
  socket.on('error', ignore).on('readable', read).on('end', fail).on('close', fail)
}

const ignore = () => {}
