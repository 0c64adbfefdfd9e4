// A remote BOSH endpoint whose replies the test writes, one by one. It knows nothing of XML.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { Arrivals } from './arrivals.js'
import { attribute } from './bosh-client.js'
import type { Credentials } from './certificates.js'
import { ListeningServer } from './listener.js'

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
export class ScriptedEndpoint extends ListeningServer {
  /** One of its own: a client of an earlier test may ask once more, and the port may be the same (1 of 4000). */
  readonly path = `/bosh/${++started}`
  readonly #arrived = new Arrivals<EndpointRequest>()
  #unanswered = 0
  mostOpen = 0
  connections = 0

  private constructor(readonly certificate: Credentials | undefined) {
    const server = certificate === undefined ? createServer() : createTlsServer(certificate)
    super(server)
    server.keepAliveTimeout = 0
    server.on('request', (message, response) => void this.#receive(message, response))
    server.on('connection', () => {
      this.connections += 1
    })
  }

  static start(certificate?: Credentials): Promise<ScriptedEndpoint> {
    return new ScriptedEndpoint(certificate).listen()
  }

  /** Requests that have not been answered, and whose clients wait. */
  override get open(): number {
    return this.#unanswered
  }

  /** Its address; `localhost` is the name that certificates are made out to. */
  override get url(): string {
    return (this.certificate === undefined ? super.url : `https://localhost:${this.port}`) + this.path
  }

  get isAsked(): boolean {
    return this.#arrived.size > 0
  }

  request(): Promise<EndpointRequest> {
    return this.#arrived.next()
  }

  async #receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (/^\/bosh\/\d+$/.test(message.url ?? '') && message.url !== this.path) {
      message.socket.destroy()
      return
    }
    this.#unanswered += 1
    this.mostOpen = Math.max(this.mostOpen, this.#unanswered)
    response.once('close', () => {
      this.#unanswered -= 1
    })
    const body = await text(message).catch(() => undefined)
    if (body !== undefined) this.#arrived.add(new EndpointRequest(message, body, response))
  }
}
