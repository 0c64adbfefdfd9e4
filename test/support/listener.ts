// A server on a free port of 127.0.0.1, which knows its open connections.
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'

export class Listener {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  readonly port: number

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    for (const event of ['connection', 'secureConnection'])
      server.on(event, (socket: Socket) => {
        this.#open.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => this.#open.delete(socket))
      })
  }

  static async start(server: Server, { port = 0, address = '127.0.0.1' } = {}): Promise<Listener> {
    await once(server.listen(port, address), 'listening')
    return new Listener(server)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
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
    const closed = new Promise(resolve => this.#server.close(resolve))
    for (const socket of [...this.#open].reverse()) socket.destroy()
    await closed
  }
}
