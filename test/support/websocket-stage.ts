// A service with a WebSocket endpoint, and the XMPP server behind it, whose lines a test says.
import { expect } from '@jest/globals'
import { declareStream } from '../../src/browsers/websocket/framing.js'
import { writeStreamError } from '../../src/xmpp/stream-errors.js'
import { eventually } from './eventually.js'
import { type ScriptedConnection, ScriptedServer } from './scripted-server.js'
import { startTestService, type TestService, type TestServiceOptions } from './start-service.js'
import { WebSocketWire, type WireOptions } from './websocket-wire.js'

export const framing = 'urn:ietf:params:xml:ns:xmpp-framing'
export const streams = 'http://etherx.jabber.org/streams'
export const open = (attributes = "to='localhost' version='1.0'") => `<open xmlns='${framing}' ${attributes}/>`
/** To the character as Strophe compares it. */
export const close = `<close xmlns="${framing}" />`

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
export const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>=</auth>`
export const success = `<success xmlns='${sasl}'/>`
export const bind = "<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
const bound =
  "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@localhost/balcony</jid></bind></iq>"

export const mechanisms = (...names: readonly string[]) =>
  `<mechanisms xmlns='${sasl}'>${names.map(name => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`

export const header = (id = 's1') =>
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${streams}' id='${id}' from='localhost' version='1.0'>`
export const features = (inner = mechanisms('SCRAM-SHA-1')) => `<stream:features>${inner}</stream:features>`

export const message = (body: string, more = '') =>
  `<message xmlns='jabber:client' to='romeo@localhost'${more}><body>${body}</body></message>`

export const faultOf = (condition: string) => declareStream(writeStreamError(condition))

export interface Pair {
  readonly wire: WebSocketWire
  readonly link: ScriptedConnection
}

export class Stage {
  readonly #wires: WebSocketWire[] = []

  private constructor(
    readonly server: ScriptedServer,
    readonly service: TestService,
  ) {}

  static async set(options: TestServiceOptions = {}): Promise<Stage> {
    const server = await ScriptedServer.start()
    const servers = `*=xmpp://127.0.0.1:${server.port}?tls=none&plain=on`
    return new Stage(server, await startTestService({ servers, ...options }))
  }

  get secureUrl(): string {
    return this.service.service.urls.find(url => url.startsWith('https:'))!
  }

  async wire(options: WireOptions = {}): Promise<WebSocketWire> {
    const wire = await WebSocketWire.open(this.service.url, options)
    this.#wires.push(wire)
    return wire
  }

  async connect(url = this.service.url): Promise<WebSocketWire> {
    const wire = await WebSocketWire.connect(url)
    this.#wires.push(wire)
    return wire
  }

  /** A client that opens its stream, and what its server has got of it. */
  async opening(first = open(), options: WireOptions = {}): Promise<Pair> {
    const wire = await this.wire(options)
    wire.send(first)
    const link = await this.server.connection()
    await link.until("xmlns:stream='http://etherx.jabber.org/streams'>")
    return { wire, link }
  }

  /** A client whose stream is open, up to the features of its server. */
  async pair(options: WireOptions = {}): Promise<Pair> {
    const { wire, link } = await this.opening(undefined, options)
    link.send(header() + features())
    expect(await wire.message()).toContain('<open ')
    expect(await wire.message()).toContain('<mechanism>SCRAM-SHA-1</mechanism>')
    return { wire, link }
  }

  async loggedIn(): Promise<Pair> {
    const { wire, link } = await this.pair()
    wire.send(auth)
    await link.until('</auth>')
    link.send(success)
    expect(await wire.message()).toBe(success)
    wire.send(open())
    await link.until("xmlns:stream='http://etherx.jabber.org/streams'>")
    link.send(header('s2') + features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"))
    expect(await wire.message()).toContain("id='s2'")
    expect(await wire.message()).toContain('xmpp-bind')
    wire.send(bind)
    await link.until('</iq>')
    link.send(bound)
    expect(await wire.message()).toContain("type='result'")
    return { wire, link }
  }

  get sessions(): number {
    return this.service.service.counts().sessions
  }

  isOver(): Promise<void> {
    return eventually('its session has ended', () => this.sessions === 0)
  }

  /** Ends everything. Nothing unforeseen has occurred. */
  async strike(): Promise<void> {
    const incidents = this.service.lines.filter(line => line.includes('incident'))
    for (const wire of this.#wires) wire.drop()
    this.server.stop()
    await this.service.stop()
    expect(incidents).toEqual([])
  }
}

/** What the server reads up to the end of the stream, which it closes as well. */
export async function goodbye(link: ScriptedConnection): Promise<string> {
  const last = await link.until('</stream:stream>')
  link.end('</stream:stream>')
  return last
}
