// A way to Redis that one process uses alone, and that can be cut.
import { connect, createServer, type Socket } from 'node:net'
import { Listener } from '../listener.js'

export interface RedisCut {
  /** For REDIS_URL. */
  readonly url: string
  cut(): void
  restore(): void
  stop(): Promise<void>
}

/** `path`: of the socket of Redis. */
export async function wayToRedis(path: string): Promise<RedisCut> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer(near => {
    if (isCut) {
      near.resetAndDestroy()
      return
    }
    const far = connect(path)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  const listener = await Listener.start(server)
  const cut = () => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: listener.url.replace('http:', 'redis:'),
    cut,
    restore() {
      isCut = false
    },
    async stop() {
      cut()
      await listener.stop()
    },
  }
}
