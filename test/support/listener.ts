// A server on a free port of 127.0.0.1, which knows its open connections.
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'

export class ListeningServer {
  readonly #open = new Set<Socket>()
  port = 0

  constructor(readonly server: Server) {
    for (const event of ['connection', 'secureConnection'])
      server.on(event, (socket: Socket) => {
        this.#open.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => this.#open.delete(socket))
      })
  }

  async listen({ port = 0, address = '127.0.0.1' } = {}): Promise<this> {
    await once(this.server.listen(port, address), 'listening')
    this.port = (this.server.address() as AddressInfo).port
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get sockets(): Iterable<Socket> {
    return this.#open
  }

  /** Connections that are open; each of TLS counts twice. */
  get open(): number {
    return this.#open.size
  }

  /**
   * Stops listening, and breaks all connections: TLS before the socket below it, because Node.js 20 crashes the other way
   * round (SIGSEGV, just after a handshake).
   */
  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.server.close(resolve))
    for (const socket of [...this.#open].reverse()) socket.destroy()
    await closed
  }
}

export class Listener extends ListeningServer {
  static start(server: Server): Promise<Listener> {
    return new Listener(server).listen()
  }
}
