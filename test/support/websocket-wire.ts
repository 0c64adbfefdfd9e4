// A WebSocket client without manners: writes the bytes of a test, over TCP or TLS, and reads the server's frames.
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type FrameOptions, frame, opcodes, readFrame, type ServerFrame, text } from './frames.js'
import { TextSocket } from './text-socket.js'

/** The nonce of the example in RFC 6455 §1.2. */
const usualKey = 'dGhlIHNhbXBsZSBub25jZQ=='

export interface WireOptions {
  readonly path?: string
  /** They win over the usual ones; one without a value is left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Whether pings are answered; they are, unless said. */
  readonly answersPings?: boolean
}

export interface HttpHead {
  readonly status: number
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

export function handshake({ path = '/xmpp-websocket', headers = {} }: WireOptions = {}): string {
  const all = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': usualKey,
    'Sec-WebSocket-Protocol': 'xmpp',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : `${name}: ${value}`))
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}

export class WebSocketWire {
  /** One character for each byte. */
  readonly #bytes: TextSocket
  readonly #answersPings: boolean
  /** What the server has sent of pings and pongs. */
  readonly controls: ServerFrame[] = []
  answer: HttpHead | undefined

  private constructor(
    readonly socket: Socket,
    { answersPings = true }: WireOptions,
  ) {
    this.#bytes = new TextSocket(socket, 'latin1')
    this.#answersPings = answersPings
  }

  /** Connects, and asks for nothing. A URL with https trusts any certificate. */
  static async connect(url: string, options: WireOptions = {}): Promise<WebSocketWire> {
    const { protocol, hostname, port } = new URL(url)
    const place = { host: hostname, port: Number(port), allowHalfOpen: true }
    const isSecure = protocol === 'https:'
    const socket = isSecure ? connectTls({ ...place, rejectUnauthorized: false }) : connect(place)
    const wire = new WebSocketWire(socket, options)
    await new Promise<void>((resolve, reject) => {
      socket.once(isSecure ? 'secureConnect' : 'connect', resolve)
      socket.once('error', reject)
    })
    return wire
  }

  /** Opens a WebSocket. Rejects with the status if the server does not. */
  static async open(url: string, options: WireOptions = {}): Promise<WebSocketWire> {
    const wire = await WebSocketWire.connect(url, options)
    wire.write(handshake(options))
    const { status, headers } = await wire.head()
    if (status !== 101) {
      wire.drop()
      throw new Error(`no WebSocket but HTTP ${status}`)
    }
    const expected = createHash('sha1')
      .update(`${options.headers?.['Sec-WebSocket-Key'] ?? usualKey}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    if (headers['sec-websocket-accept'] !== expected) throw new Error('another key was accepted')
    return wire
  }

  async head(): Promise<HttpHead> {
    const text = await this.#bytes.until('\r\n\r\n')
    const [line = '', ...rest] = text.trimEnd().split('\r\n')
    const pairs = rest.map(one => {
      const colon = one.indexOf(':')
      return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()] as const
    })
    this.answer = { status: Number(line.split(' ')[1]), headers: Object.fromEntries(pairs) }
    return this.answer
  }

  async body(length: number): Promise<string> {
    return Buffer.from(await this.#bytes.take(length), 'latin1').toString()
  }

  write(...pieces: readonly (string | Buffer)[]): this {
    for (const piece of pieces) this.socket.write(piece)
    return this
  }

  send(...messages: readonly string[]): this {
    return this.write(Buffer.concat(messages.map(message => text(message))))
  }

  frame(opcode: number, payload?: string | Buffer, options?: FrameOptions): this {
    return this.write(frame(opcode, payload, options))
  }

  /** The next frame that is neither ping nor pong. Rejects where the connection ends before. */
  async next(): Promise<ServerFrame> {
    for (;;) {
      const frame = await this.#frame()
      if (frame.opcode !== opcodes.ping && frame.opcode !== opcodes.pong) return frame
      this.controls.push(frame)
      if (frame.opcode === opcodes.ping && this.#answersPings) this.frame(opcodes.pong, frame.payload)
    }
  }

  /** The next control frame. Rejects if another frame comes first. */
  async control(): Promise<ServerFrame> {
    const frame = this.controls.shift() ?? (await this.#frame())
    if (frame.opcode < opcodes.ping) throw new Error(`no control but ${frame.payload}`)
    return frame
  }

  async #frame(): Promise<ServerFrame> {
    let read: ReturnType<typeof readFrame>
    await this.#bytes.takeTo(unread => {
      read = readFrame(Buffer.from(unread, 'latin1'))
      return read?.length
    }, 'frame')
    return read!.frame
  }

  /** The next message. Rejects where something else comes. */
  async message(): Promise<string> {
    const { opcode, payload } = await this.next()
    if (opcode === opcodes.text) return payload.toString()
    throw new Error(`no message but ${opcode === opcodes.close ? `a close with ${codeOf(payload)}` : opcode}`)
  }

  /** All messages up to the close of the WebSocket, and the code of that; 1006 where there is none (§7.1.5). */
  async rest(onMessage: (message: string) => void = () => {}): Promise<{ messages: string[]; code: number }> {
    const messages: string[] = []
    for (;;) {
      const frame = await this.next().catch(() => undefined)
      if (frame === undefined) return { messages, code: 1006 }
      if (frame.opcode === opcodes.close) return { messages, code: codeOf(frame.payload) }
      const message = frame.payload.toString()
      messages.push(message)
      onMessage(message)
    }
  }

  /** Reads all messages, answers `<close/>` and the close frame, and hangs up. */
  async leave(): Promise<{ messages: string[]; code: number }> {
    const { messages, code } = await this.rest(message => {
      if (message.startsWith('<close ')) this.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
    })
    if (code !== 1006) this.frame(opcodes.close, Buffer.from([code >> 8, code & 0xff]))
    await this.ended()
    this.drop()
    return { messages, code }
  }

  /** Resolves once the server has closed its side of the connection. */
  async ended(): Promise<void> {
    await this.#bytes.rest()
  }

  halfClose(): void {
    this.socket.end()
  }

  drop(): void {
    this.socket.destroy()
  }
}

/** 1005 where there is none (§7.1.5). */
function codeOf(payload: Buffer): number {
  return payload.length < 2 ? 1005 : payload.readUInt16BE(0)
}
