// A remote BOSH endpoint whose replies the test writes, one by one. It knows nothing of XML.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { Arrivals } from './arrivals.js'
import { attribute } from './bosh-client.js'
import type { Credentials } from './certificates.js'
import { Listener } from './listener.js'

export class EndpointRequest {
  readonly #response: ServerResponse
  /** Resolves when the request has been answered, or its client is gone. */
  readonly over: Promise<'answered' | 'gone'>

  constructor(
    readonly message: IncomingMessage,
    readonly body: string,
    response: ServerResponse,
  ) {
    this.#response = response
    this.over = new Promise(resolve => {
      response.once('close', () => resolve(response.writableFinished ? 'answered' : 'gone'))
    })
  }

  get rid(): number {
    return Number(this.attribute('rid'))
  }

  attribute(name: string): string | undefined {
    return attribute(this.body, name)
  }

  /** What stands inside of the `<body/>`. */
  get payload(): string {
    return this.body.replace(/^<body[^>]*\/>$/, '').replace(/^<body[^>]*>|<\/body>$/g, '')
  }

  /** Answers with a `<body/>` that has these attributes and this inside. */
  answer(inner = '', attributes = ''): void {
    this.send(200, `<body${attributes} xmlns='http://jabber.org/protocol/httpbind'>${inner}</body>`)
  }

  send(status: number, text: string | Buffer, headers: Record<string, string> = {}): void {
    this.#response.writeHead(status, { 'Content-Type': 'text/xml; charset=utf8', ...headers }).end(text)
  }

  begin(text: string | Buffer, headers: Record<string, string> = {}): void {
    this.#response.writeHead(200, headers).write(text)
  }

  end(text: string): void {
    this.#response.end(text)
  }

  break(): void {
    this.message.socket.destroy()
  }
}

let started = 0

/** Listens on a port of 127.0.0.1 and hands out requests in the order in which they come. */
export class ScriptedEndpoint {
  /** One of its own: a client of an earlier test may ask once more, and the port may be the same (1 of 4000). */
  readonly path = `/bosh/${++started}`
  readonly #listener: Listener
  readonly #secure: boolean
  readonly #arrived = new Arrivals<EndpointRequest>()
  /** Requests that have not been answered, and whose clients wait. */
  open = 0
  /** Most requests that were open at one moment. */
  mostOpen = 0
  connections = 0

  private constructor(server: Server, listener: Listener, secure: boolean) {
    this.#listener = listener
    this.#secure = secure
    server.keepAliveTimeout = 0
    server.on('request', (message, response) => void this.#receive(message, response))
    server.on('connection', () => {
      this.connections += 1
    })
  }

  static async start(certificate?: Credentials): Promise<ScriptedEndpoint> {
    const server = certificate === undefined ? createServer() : createTlsServer(certificate)
    return new ScriptedEndpoint(server, await Listener.start(server), certificate !== undefined)
  }

  get port(): number {
    return this.#listener.port
  }

  /** Its address; `localhost` is the name that certificates are made out to. */
  get url(): string {
    return (this.#secure ? `https://localhost:${this.port}` : this.#listener.url) + this.path
  }

  get isAsked(): boolean {
    return this.#arrived.size > 0
  }

  request(): Promise<EndpointRequest> {
    return this.#arrived.next()
  }

  stop(): Promise<void> {
    return this.#listener.stop()
  }

  async #receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (/^\/bosh\/\d+$/.test(message.url ?? '') && message.url !== this.path) {
      message.socket.destroy()
      return
    }
    this.open += 1
    this.mostOpen = Math.max(this.mostOpen, this.open)
    response.once('close', () => {
      this.open -= 1
    })
    const body = await text(message).catch(() => undefined)
    if (body !== undefined) this.#arrived.add(new EndpointRequest(message, body, response))
  }
}
