// What can be seen of an XMPP server from outside of it, and of its links from inside the service.
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { Listener } from '../support/listener.js'
import type { TestService } from '../support/start-service.js'

/** TCP connections that the port of 127.0.0.1 has on its side, those on their way out included; Linux only. */
export function connectionsOf(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const finished = new Set(['06', '0A'])
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, address, , state = '']) => address === local && !finished.has(state)).length
}

/** Who speaks on a connection. */
export interface Talk {
  /** How often the client began to speak after the server, or first: its round trips. */
  turns: number
  last: 'nobody' | 'client' | 'server'
  isOpen: boolean
}

/** Passes connections on to a port of 127.0.0.1 and keeps what went through them. */
export interface Wiretap {
  readonly port: number
  /** All bytes of all connections, both directions. */
  heard(): Buffer
  /** Of each connection, in the order in which they came. */
  readonly talks: readonly Talk[]
  stop(): Promise<void>
}

export async function tapWire(target: number): Promise<Wiretap> {
  const chunks: Buffer[] = []
  const talks: Talk[] = []
  const server = createServer({ allowHalfOpen: true }, near => {
    const talk: Talk = { turns: 0, last: 'nobody', isOpen: true }
    talks.push(talk)
    near.on('data', () => {
      if (talk.last !== 'client') talk.turns += 1
      talk.last = 'client'
    })
    near.on('close', () => {
      talk.isOpen = false
      far.destroy()
    })
    const far = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', chunk => chunks.push(chunk))
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
    far.on('data', () => {
      talk.last = 'server'
    })
  })
  const listener = await Listener.start(server)
  return {
    port: listener.port,
    talks,
    heard: () => Buffer.concat(chunks),
    stop: () => listener.stop(),
  }
}

/** Whether it has no session, no link and no forwarded request. */
export const isIdle = ({ service }: TestService) => Object.values(service.counts()).every(count => count === 0)
