// An XMPP server's side of a connection, said line by line. It knows nothing of XML.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { TLSSocket, type TLSSocketOptions } from 'node:tls'

/** One connection, seen from the server. */
export class ScriptedConnection {
  #socket: Socket
  #unread = ''
  #ended = false
  #wake: () => void = () => {}
  /** What came, one text for each read. */
  readonly packets: string[] = []
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>

  constructor(readonly raw: Socket) {
    this.#socket = raw
    this.gone = new Promise(resolve => raw.once('close', () => resolve()))
    this.#listen()
  }

  /** What came and has not been asked for. */
  get unread(): string {
    return this.#unread
  }

  /** Resolves with everything up to the end of `text`, once it has come. Rejects when the connection ends before. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.#unread.indexOf(text)
      if (at >= 0) {
        const end = at + text.length
        const read = this.#unread.slice(0, end)
        this.#unread = this.#unread.slice(end)
        return read
      }
      if (this.#ended) throw new Error(`no ${text}, the connection ended after ${this.#unread}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Resolves with everything that has not been asked for, once the peer sends nothing more. */
  async rest(): Promise<string> {
    while (!this.#ended)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    return this.#unread
  }

  send(text: string | Buffer): void {
    this.#socket.write(text)
  }

  /** Becomes the server's side of TLS. Rejects when the handshake fails. */
  async secure(options: TLSSocketOptions): Promise<TLSSocket> {
    this.#socket.removeAllListeners('data')
    const secured = new TLSSocket(this.#socket, { ...options, isServer: true })
    this.#socket = secured
    this.#listen()
    const closed = once(secured, 'close').then(() => {
      throw new Error('the connection ended in the handshake')
    })
    await Promise.race([once(secured, 'secure'), closed])
    closed.catch(() => {})
    return secured
  }

  end(text = ''): void {
    this.#socket.end(text)
  }

  /** Hangs up without a word. */
  reset(): void {
    this.raw.resetAndDestroy()
  }

  #listen(): void {
    const finish = () => {
      this.#ended = true
      this.#wake()
    }
    this.#socket.setNoDelay(true)
    this.#socket.on('data', chunk => {
      this.packets.push(chunk.toString())
      this.#unread += chunk.toString()
      this.#wake()
    })
    this.#socket.on('error', finish)
    this.#socket.once('end', finish)
    this.#socket.once('close', finish)
  }
}

/** Listens on a port of its own and hands out its connections in the order in which they come. */
export class ScriptedServer {
  readonly #server: Server
  readonly #arrived: ScriptedConnection[] = []
  readonly #sockets = new Set<Socket>()
  #wake: () => void = () => {}

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', socket => {
      this.#sockets.add(socket)
      this.#arrived.push(new ScriptedConnection(socket))
      this.#wake()
    })
  }

  static async start(address = '127.0.0.1', port = 0): Promise<ScriptedServer> {
    const server = createServer().listen(port, address)
    await once(server, 'listening')
    return new ScriptedServer(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async connection(): Promise<ScriptedConnection> {
    while (this.#arrived.length === 0)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    return this.#arrived.shift()!
  }

  /** Stops listening and closes all connections. */
  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
