// A proxy that is the only way outside: opens tunnels by CONNECT, or refuses. It knows no names: a table has the ports.
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { ListeningServer } from './listener.js'

export type Refusal = (socket: Socket) => void

export const refusing =
  (status: string): Refusal =>
  socket =>
    void socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`)

export class ConnectProxy extends ListeningServer {
  /** The requested targets, as `host:port`, in order. */
  readonly asked: string[] = []
  readonly accounts = new Set<string | undefined>()
  /** Requests that were no CONNECT. */
  readonly complaints: string[] = []
  refusal: Refusal | undefined
  /** Ports of 127.0.0.1, by target. Other targets get 502. */
  readonly ways: Map<string, number>

  private constructor(ways: Readonly<Record<string, number>>) {
    super(createServer())
    this.ways = new Map(Object.entries(ways))
    this.server.on('request', (request, response) => {
      this.complaints.push(`${request.method} ${request.url}`)
      response.writeHead(405).end()
    })
    this.server.on('connect', (request, socket) => this.#connect(request, socket as Socket))
  }

  static start(ways: Readonly<Record<string, number>> = {}): Promise<ConnectProxy> {
    return new ConnectProxy(ways).listen()
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
