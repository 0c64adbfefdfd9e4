// An XMPP server's side of a connection, said line by line. It knows nothing of XML.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { TLSSocket, type TLSSocketOptions } from 'node:tls'
import { Arrivals } from './arrivals.js'
import { ListeningServer } from './listener.js'
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
export class ScriptedServer extends ListeningServer {
  readonly #arrived = new Arrivals<ScriptedConnection>()

  private constructor() {
    super(createServer())
    this.server.on('connection', socket => this.#arrived.add(new ScriptedConnection(socket)))
  }

  static start(address?: string): Promise<ScriptedServer> {
    return new ScriptedServer().listen({ address })
  }

  connection(): Promise<ScriptedConnection> {
    return this.#arrived.next()
  }
}
