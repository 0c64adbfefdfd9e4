import { once } from 'node:events'
import { readdir, rename, unlink } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { systemClock } from '../../lib/clock.js'
import { codeOf } from '../../lib/log.js'
import { connectSharingBuffer } from '../../lib/shared-buffer.js'
import { isNodeName } from '../node-name.js'
import type { Carrier, CarrierEvents, StartCarrier } from './carrier.js'
import { SocketConnection } from './socket-connection.js'
import { longestAnnouncement } from './socket-wire.js'

interface SocketCarrierParts {
  /** A folder that is private to this user, and used for nothing else. */
  readonly folder: string
  readonly log: Logger
}

/** In bytes: 104 on macOS (`sun_path`), less the final NUL. Node 20 truncates longer paths. */
const longestPath = 103
const startMilliseconds = 1_000
const againMilliseconds = 100
const laterMilliseconds = 1_000
const closeMilliseconds = 1_000

/** Each process listens at `NAME.sock`, and dials existing sockets. Rejects if it cannot listen. */
export function socketCarrier({ folder, log }: SocketCarrierParts): StartCarrier {
  return async (self, events) => {
    const carrier = new SocketCarrier(self, events, folder, log)
    try {
      await carrier.start()
      return carrier
    } catch (error) {
      await carrier.close()
      throw error
    }
  }
}

class SocketCarrier implements Carrier {
  readonly isUp = true
  readonly #self: string
  readonly #events: CarrierEvents
  readonly #folder: string
  readonly #log: Logger
  readonly #server: Server
  readonly #joined = new Map<string, SocketConnection>()
  readonly #dialled = new Map<string, SocketConnection>()
  readonly #lost = new Set<string>()
  readonly #strangers = new Set<SocketConnection>()
  #isClosed = false
  #closed: Promise<void> | undefined

  constructor(self: string, events: CarrierEvents, folder: string, log: Logger) {
    this.#self = self
    this.#events = events
    this.#folder = folder
    this.#log = log
    this.#server = createServer(socket => this.#accept(socket))
  }

  async start(): Promise<void> {
    const path = this.#pathOf(this.#self)
    if (Buffer.byteLength(path) > longestPath)
      throw new Error(`the folder for sockets has too long a path: ${this.#folder}`)
    // The socket is renamed once it listens, so a socket that refuses belongs to a dead process.
    const hidden = join(this.#folder, `${this.#self}.new`)
    // Without `exclusive` the cluster's primary would listen.
    await once(this.#server.listen({ path: hidden, exclusive: true }), 'listening')
    this.#server.on('error', error => this.#log.warn({ code: codeOf(error) }, 'a socket cannot be accepted'))
    await rename(hidden, path)
    const others = (await readdir(this.#folder))
      .filter(file => file.endsWith('.sock'))
      .map(file => file.slice(0, -'.sock'.length))
      .filter(name => isNodeName(name) && name !== this.#self)
    await new Promise<void>(resolve => {
      const late = systemClock.after(startMilliseconds, resolve)
      void Promise.all(others.map(name => new Promise<void>(done => this.#dial(name, done)))).then(() => {
        late.cancel()
        resolve()
      })
    })
  }

  send(node: string, frames: Buffer): void {
    this.#joined.get(node)?.send(frames)
  }

  announce(frame: Buffer): void {
    if (frame.length > longestAnnouncement) return
    for (const connection of this.#joined.values()) connection.announce(frame)
  }

  backlog(node: string): number {
    return this.#joined.get(node)?.backlog ?? 0
  }

  restart(node: string): void {
    this.#joined.get(node)?.destroy('not understood')
  }

  /** Empty, because the system closes the connections of a dead process. */
  probe(): void {}

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    const closed = new Promise(resolve => this.#server.close(resolve))
    await unlink(this.#pathOf(this.#self)).catch(() => undefined)
    for (const connection of [...this.#dialled.values(), ...this.#strangers]) connection.destroy('closing')
    const joined = [...this.#joined.values()]
    await Promise.all(joined.map(connection => connection.end(closeMilliseconds, systemClock)))
    await closed
  }

  #pathOf(name: string): string {
    return join(this.#folder, `${name}.sock`)
  }

  #accept(socket: Socket): void {
    let joined: string | undefined
    const connection: SocketConnection = new SocketConnection(socket, false, systemClock, {
      onGreeting: name => {
        this.#strangers.delete(connection)
        if (this.#isClosed || !this.#isWanted(name)) return false
        joined = name
        this.#dialled.get(name)?.destroy('the other way round')
        this.#dialled.delete(name)
        this.#lose(name, this.#joined.get(name), 'replaced')
        connection.greet(this.#self)
        this.#join(name, connection)
        return true
      },
      onStream: bytes => this.#events.onBytes(joined!, bytes),
      onAnnouncement: frame => this.#events.onAnnouncement(joined!, frame),
      onClose: reason => {
        this.#strangers.delete(connection)
        if (joined !== undefined) this.#lose(joined, connection, reason)
      },
    })
    this.#strangers.add(connection)
    if (this.#isClosed) connection.destroy('closing')
  }

  /** If both processes dialled, the connection dialled by the smaller name stays. */
  #isWanted(name: string): boolean {
    if (name === this.#self) return false
    return this.#self > name || !(this.#dialled.has(name) || this.#joined.get(name)?.isOwn === true)
  }

  #dial(name: string, done: () => void = () => undefined): void {
    if (this.#isClosed || this.#joined.has(name) || this.#dialled.has(name)) {
      done()
      return
    }
    const path = this.#pathOf(name)
    let isJoined = false
    const connection = new SocketConnection(connectSharingBuffer({ path }), true, systemClock, {
      onGreeting: told => {
        if (this.#dialled.get(name) !== connection || told !== name) return false
        this.#dialled.delete(name)
        isJoined = true
        this.#join(name, connection)
        done()
        return true
      },
      onStream: bytes => this.#events.onBytes(name, bytes),
      onAnnouncement: frame => this.#events.onAnnouncement(name, frame),
      onClose: reason => {
        done()
        if (isJoined) this.#lose(name, connection, reason)
        else this.#failed(name, connection, reason)
      },
    })
    connection.greet(this.#self)
    this.#dialled.set(name, connection)
  }

  #failed(name: string, connection: SocketConnection, reason: string | undefined): void {
    if (this.#dialled.get(name) === connection) this.#dialled.delete(name)
    if (this.#isClosed) return
    if (reason === 'ENOENT' || reason === 'ECONNREFUSED') {
      if (reason === 'ECONNREFUSED') unlink(this.#pathOf(name)).catch(() => undefined)
      if (this.#lost.delete(name)) this.#events.onLeave(name)
      return
    }
    this.#log.debug({ other: name, reason }, 'a process cannot be connected to yet')
    systemClock.after(laterMilliseconds, () => this.#dial(name))
  }

  #join(name: string, connection: SocketConnection): void {
    this.#joined.set(name, connection)
    if (this.#isClosed) return
    if (this.#lost.delete(name)) this.#events.onBreak(name)
    this.#events.onJoin(name)
  }

  #lose(name: string, connection: SocketConnection | undefined, reason = 'closed'): void {
    if (connection === undefined || this.#joined.get(name) !== connection) return
    this.#joined.delete(name)
    connection.destroy(reason)
    if (this.#isClosed) return
    this.#log.debug({ other: name, reason }, 'the connection to a process is closed')
    this.#lost.add(name)
    // After `replaced`, another connection joins at once.
    if (reason === 'replaced') return
    this.#dial(name)
    systemClock.after(againMilliseconds, () => {
      if (this.#lost.has(name)) this.#events.onBreak(name)
    })
  }
}
