// An XMPP server's side of a connection, said line by line. It knows nothing of XML.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { TLSSocket, type TLSSocketOptions } from 'node:tls'
import { Arrivals } from './arrivals.js'
import { Listener } from './listener.js'
import { TextSocket } from './text-socket.js'

export class ScriptedConnection extends TextSocket {
  readonly gone: Promise<void>

  constructor(readonly raw: Socket) {
    super(raw)
    this.gone = new Promise(resolve => raw.once('close', () => resolve()))
  }

  /** Becomes the server's side of TLS. Rejects when the handshake fails. */
  async secure(options: TLSSocketOptions): Promise<TLSSocket> {
    const secured = new TLSSocket(this.release(), { ...options, isServer: true })
    this.listen(secured)
    const closed = once(secured, 'close').then(() => {
      throw new Error('the connection ended in the handshake')
    })
    await Promise.race([once(secured, 'secure'), closed])
    closed.catch(() => {})
    return secured
  }

  reset(): void {
    this.raw.resetAndDestroy()
  }
}

/** Listens on a port of its own and hands out its connections in the order in which they come. */
export class ScriptedServer {
  readonly #listener: Listener
  readonly #arrived: Arrivals<ScriptedConnection>

  private constructor(listener: Listener, arrived: Arrivals<ScriptedConnection>) {
    this.#listener = listener
    this.#arrived = arrived
  }

  static async start(address = '127.0.0.1', port = 0): Promise<ScriptedServer> {
    const arrived = new Arrivals<ScriptedConnection>()
    const server = createServer(socket => arrived.add(new ScriptedConnection(socket)))
    return new ScriptedServer(await Listener.start(server, { port, address }), arrived)
  }

  get port(): number {
    return this.#listener.port
  }

  connection(): Promise<ScriptedConnection> {
    return this.#arrived.next()
  }

  stop(): void {
    void this.#listener.stop()
  }
}
