import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { nextTick } from 'node:process'

/** Time for paced work in a turn of the event loop, in milliseconds. */
const longest = 10

let waiting: (readonly [work: (item: never) => void, item: unknown])[] = []
let done = 0
let begun = 0
let isDue = false

/** Works at once, or in a later turn of the event loop if this turn has lasted for 10 ms. Keeps the order. */
export function paced<T>(item: T, work: (item: T) => void): void {
  if (!isDue) begin()
  if (waiting.length === 0 && performance.now() - begun < longest) work(item)
  else waiting.push([work, item])
}

function begin(): void {
  isDue = true
  begun = performance.now()
  setImmediate(turn)
}

function turn(): void {
  begun = performance.now()
  isDue = waiting.length > 0
  if (isDue) next()
}

/** Each tick does one piece, because the ticks that a piece causes take time too. An error stops no other piece. */
function next(): void {
  if (done < waiting.length && performance.now() - begun < longest) {
    const [work, item] = waiting[done]!
    done += 1
    nextTick(next)
    work(item as never)
  } else {
    waiting = waiting.slice(done)
    done = 0
    begin()
  }
}

/** libuv may report 49,152 ended connections in one turn, and Node takes 30 µs for each. */
export function paceEnds(socket: Socket): void {
  socket.push = push
  socket._destroy = destroy
}

/** Node passes null at the end of the stream. */
function push(this: Socket, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk !== null) return pushNow.call(this, chunk, encoding)
  paced(this, pushEnd)
  return false
}

function pushEnd(socket: Socket): void {
  pushNow.call(socket, null)
  // Node reads here too. Otherwise a socket without a reader would never end.
  socket.read(0)
}

/** The other side has reset the connection if `error` is set, or has ended it. */
function destroy(this: Socket, error: Error | null, callback: (error?: Error | null) => void): void {
  if (error === null && !this.readableEnded) destroyNow.call(this, error, callback)
  else paced(this, socket => destroyNow.call(socket, error, callback))
}

const { push: pushNow, _destroy: destroyNow } = Socket.prototype
