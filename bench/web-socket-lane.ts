// RFC 6455 over a plain socket, without fragments.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { frame, opcodes, readFrame, type ServerFrame } from '../test/support/frames.js'

const noMask = { mask: Buffer.alloc(4) }

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

  send(message: string): void {
    this.#socket.write(frame(opcodes.text, message, noMask))
  }

  /** Resolves with what comes, as soon as it matches. */
  readonly ask = (message: string, expected: RegExp): Promise<string> =>
    new Promise(resolve => {
      let received = ''
      this.onMessage = more => {
        received += more
        if (expected.test(received)) resolve(received)
      }
      this.send(message)
    })

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
    for (let read = readFrame(this.#received); read !== undefined; read = readFrame(this.#received)) {
      this.#received = this.#received.subarray(read.length)
      this.#take(read.frame)
    }
  }

  #take({ opcode, payload }: ServerFrame): void {
    if (opcode === opcodes.text) this.onMessage(payload.toString('latin1'))
    else if (opcode === opcodes.close) this.#socket.end()
    else if (opcode === opcodes.ping) this.#socket.write(frame(opcodes.pong, payload, noMask))
  }
}
