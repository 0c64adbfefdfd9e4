// RFC 6455 over a plain socket, without fragments.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const masked = 0x80
const noMask = Buffer.alloc(4)

const opcodes = { text: 0x81, close: 0x88, ping: 0x89, pong: 0x8a }

export class WebSocketLane {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isOpen = false
  #opened: () => void = () => {}
  #failed: (error: Error) => void
  onMessage: (message: string) => void = () => {}

  static open(port: number, path: string, failed: (error: Error) => void): Promise<WebSocketLane> {
    return new Promise((resolve, reject) => {
      const lane = new WebSocketLane(port, path, reject)
      lane.#opened = () => {
        lane.#failed = failed
        resolve(lane)
      }
    })
  }

  private constructor(port: number, path: string, failed: (error: Error) => void) {
    this.#failed = failed
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true)
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d2FybSBiaW5kaW5ncyA6KQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n',
    )
    this.#socket.on('data', chunk => this.#read(chunk as Buffer))
    this.#socket.on('error', error => this.#failed(error))
    this.#socket.on('close', () => this.#failed(new Error(`connection closed by port ${port}`)))
  }

  /** `message` is ASCII. */
  send(message: string): void {
    const { length } = message
    const head =
      length < 126
        ? Buffer.from([opcodes.text, masked | length])
        : Buffer.from([opcodes.text, masked | 126, length >> 8, length & 255])
    this.#socket.write(Buffer.concat([head, noMask, Buffer.from(message, 'latin1')]))
  }

  async leave(message: string): Promise<void> {
    this.#failed = () => {}
    const closed = once(this.#socket, 'close')
    this.send(message)
    await closed
  }

  close(): void {
    this.#failed = () => {}
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    if (!this.#isOpen) {
      const end = this.#received.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.#received.toString('latin1', 0, end)
      if (!head.startsWith('HTTP/1.1 101')) {
        this.#failed(new Error(`no WebSocket: ${head}`))
        return
      }
      this.#received = this.#received.subarray(end + 4)
      this.#isOpen = true
      this.#opened()
    }
    while (this.#readFrame()) {}
  }

  #readFrame(): boolean {
    const bytes = this.#received
    if (bytes.length < 2) return false
    const short = bytes[1]! & 127
    const at = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < at) return false
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (bytes.length < at + length) return false
    this.#received = bytes.subarray(at + length)
    if (bytes[0] === opcodes.text) this.onMessage(bytes.toString('latin1', at, at + length))
    else if (bytes[0] === opcodes.close) this.#socket.end()
    else if (bytes[0] === opcodes.ping) this.#pong(bytes.subarray(at, at + length))
    return true
  }

  #pong(payload: Buffer): void {
    this.#socket.write(Buffer.concat([Buffer.from([opcodes.pong, masked | payload.length]), noMask, payload]))
  }
}
