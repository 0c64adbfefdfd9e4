// A network between a client and the service, or the service and a server, that can be lost and come back: a TCP relay.
// It keeps what has gone through it.
import { connect, createServer, type Socket } from 'node:net'
import { Listener } from './listener.js'

export type Relay = Awaited<ReturnType<typeof startRelay>>

/** Who speaks on a connection. */
interface Talk {
  /** How often the client began to speak after the server, or first: its round trips. */
  turns: number
  last: 'nobody' | 'client' | 'server'
  isOpen: boolean
}

/** Listens on a free port of 127.0.0.1. `service`: a URL, or the path of a Unix socket. */
export async function startRelay(service: string) {
  const { hostname: host = '', port = 0 } = service.startsWith('/') ? {} : new URL(service)
  const target = host === '' ? { path: service } : { host, port: Number(port), noDelay: true }
  const pairs = new Map<Socket, Socket>()
  const orphans = new Set<Socket>()
  let isLost = false
  let isStalled = false
  let late: (() => void)[] | undefined
  const chunks: Buffer[] = []
  const talks: Talk[] = []

  const server = createServer({ noDelay: true }, near => {
    if (isLost) {
      near.resetAndDestroy()
      return
    }
    const far = connect(target)
    far.on('error', () => {})
    pairs.set(near, far)
    const talk: Talk = { turns: 0, last: 'nobody', isOpen: true }
    talks.push(talk)
    near.on('data', chunk => {
      chunks.push(chunk)
      if (talk.last !== 'client') talk.turns += 1
      talk.last = 'client'
      if (!isStalled) far.write(chunk)
    })
    far.on('data', chunk => {
      chunks.push(chunk)
      talk.last = 'server'
      const pass = () => void (near.destroyed || near.write(chunk))
      if (late !== undefined) late.push(pass)
      else if (!isStalled) pass()
    })
    near.on('close', () => {
      talk.isOpen = false
      pairs.delete(near)
      if (!orphans.has(far)) far.destroy()
    })
    far.on('close', () => {
      orphans.delete(far)
      near.end()
    })
  })
  const listener = await Listener.start(server)

  const cut = () => {
    for (const near of pairs.keys()) near.resetAndDestroy()
  }
  return {
    url: listener.url,
    port: listener.port,
    /** All bytes of all connections, both directions. */
    heard: () => Buffer.concat(chunks),
    /** Of each connection, in the order in which they came. */
    talks: talks as readonly Readonly<Talk>[],
    cut,
    /** Passes nothing on any more; connections look as if they were alive. */
    stall() {
      isStalled = true
    },
    /** What the service sends waits for `release`. */
    hold() {
      late = []
    },
    release() {
      for (const pass of late ?? []) pass()
      late = undefined
    },
    /** No client gets through any more. Connections of clients break, but the connections of the service stay open. */
    lose() {
      isLost = true
      for (const far of pairs.values()) orphans.add(far)
      cut()
    },
    /** The same, but the service sees its connections break as well. */
    hangUp() {
      isLost = true
      cut()
    },
    /** Clients get through again. What was lost stays so. */
    restore() {
      isLost = false
      isStalled = false
    },
    async stop() {
      await listener.stop()
      for (const far of orphans) far.destroy()
    },
  }
}
