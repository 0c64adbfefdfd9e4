// A proxy that is the only way outside: opens tunnels by CONNECT, or refuses. It knows no names: a table has the ports.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Listener } from './listener.js'

/** Answers a CONNECT itself. */
export type Refusal = (socket: Socket) => void

export const refusing =
  (status: string): Refusal =>
  socket =>
    void socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`)

export class ConnectProxy {
  /** The requested targets, as `host:port`, in order. */
  readonly asked: string[] = []
  readonly accounts = new Set<string | undefined>()
  /** Requests that were no CONNECT. */
  readonly complaints: string[] = []
  /** If set, answers each CONNECT. */
  refusal: Refusal | undefined
  /** Ports of 127.0.0.1, by target. Other targets get 502. */
  readonly ways = new Map<string, number>()
  readonly #listener: Listener

  private constructor(server: Server, listener: Listener) {
    this.#listener = listener
    server.on('request', (request, response) => {
      this.complaints.push(`${request.method} ${request.url}`)
      response.writeHead(405).end()
    })
    server.on('connect', (request, socket) => this.#connect(request, socket as Socket))
  }

  static async start(ways: Readonly<Record<string, number>> = {}): Promise<ConnectProxy> {
    const server = createServer()
    const proxy = new ConnectProxy(server, await Listener.start(server))
    for (const [target, port] of Object.entries(ways)) proxy.ways.set(target, port)
    return proxy
  }

  get port(): number {
    return this.#listener.port
  }

  get open(): number {
    return this.#listener.open
  }

  stop(): Promise<void> {
    return this.#listener.stop()
  }

  #connect({ url = '', headers }: IncomingMessage, near: Socket): void {
    this.asked.push(url)
    this.accounts.add(headers['proxy-authorization'])
    if (headers.host !== url) this.complaints.push(`Host ${headers.host} for ${url}`)
    const port = this.ways.get(url)
    const refusal = this.refusal ?? (port === undefined ? refusing('502 Bad Gateway') : undefined)
    if (refusal !== undefined) {
      refusal(near)
      near.resume().on('end', () => near.end())
      return
    }
    const far = connect({ host: '127.0.0.1', port: port!, noDelay: true }, () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n')
      near.pipe(far).pipe(near)
    })
    near.on('close', () => far.destroy())
    far.on('error', () => {}).on('close', () => near.destroy())
  }
}
