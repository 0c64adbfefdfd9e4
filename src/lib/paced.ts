import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { nextTick } from 'node:process'

const turnMilliseconds = 10

type Paced = <T>(item: T, work: (item: T) => void) => void

function createPace(): Paced {
  let waiting: (readonly [work: (item: never) => void, item: unknown])[] = []
  let done = 0
  let begun = 0
  let isDue = false

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

  /** Not a loop, so that the 10 ms include the `nextTick` callbacks of each item. */
  function next(): void {
    if (done < waiting.length && performance.now() - begun < turnMilliseconds) {
      const [work, item] = waiting[done]!
      done += 1
      // Before `work`, which may throw.
      nextTick(next)
      work(item as never)
    } else {
      waiting = waiting.slice(done)
      done = 0
      begin()
    }
  }

  return (item, work) => {
    if (!isDue) begin()
    if (waiting.length === 0 && performance.now() - begun < turnMilliseconds) work(item)
    else waiting.push([work, item])
  }
}

/** Runs `work` at once, or in a later turn of the event loop if this turn has lasted for 10 ms. Keeps the order. */
export const paced = createPace()

/** The same for stanzas, which do not wait for ends and spaces. */
export const pacedDelivery = createPace()

/** Spreads ended connections over turns, because libuv may report 49,152 at once (30 µs each). */
export function paceEnds(socket: Socket): void {
  socket.push = push
  socket._destroy = destroy
}

function push(this: Socket, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk !== null) return pushNow.call(this, chunk, encoding)
  paced(this, pushEnd)
  return false
}

function pushEnd(socket: Socket): void {
  pushNow.call(socket, null)
  // Node calls `read(0)` here too. Otherwise, a socket without a reader would never end.
  socket.read(0)
}

/**
 * Runs at once if the other side has neither ended nor reset the connection: Node throws an error that ends the process
 * if a destroyed socket gets data.
 */
function destroy(this: Socket, error: NodeJS.ErrnoException | null, callback: (error?: Error | null) => void): void {
  if (error?.syscall !== 'read' && !this.readableEnded) destroyNow.call(this, error, callback)
  else paced(this, socket => destroyNow.call(socket, error, callback))
}

const { push: pushNow, _destroy: destroyNow } = Socket.prototype
