// An HTTP client without manners: writes what a test says over TCP, and reads replies by their length.
import { connect, type Socket } from 'node:net'

export const post = (body: string, ...headers: string[]) =>
  ['POST / HTTP/1.1', 'Host: a', ...headers, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n')

export class HttpSocket {
  readonly socket: Socket
  /** One character for each byte. */
  #unread = ''
  #isClosed = false
  #changed = () => {}

  /** Connects to a port, or uses an open connection. */
  constructor(to: number | Socket) {
    this.socket =
      typeof to === 'number' ? connect({ port: to, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }) : to
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => {
      this.#unread += text
      this.#changed()
    })
    for (const event of ['end', 'error', 'close'])
      this.socket.on(event, () => {
        this.#isClosed = true
        this.#changed()
      })
  }

  send(text: string): this {
    this.socket.write(text)
    return this
  }

  /** The next reply, as `head` and `body`; one without a length has no body. */
  async reply(): Promise<{ head: string; body: string }> {
    let end = 1
    for (;;) {
      if (this.#unread.length >= end) {
        const start = this.#unread.indexOf('\r\n\r\n') + 4
        const head = this.#unread.slice(0, start)
        end = start + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
        if (start > 3 && this.#unread.length >= end) {
          const body = Buffer.from(this.#unread.slice(start, end), 'latin1').toString()
          this.#unread = this.#unread.slice(end)
          return { head, body }
        }
        if (start === 3) end = this.#unread.length + 1
      }
      if (this.#isClosed) throw new Error(`closed after ${this.#unread.slice(0, 1000)}`)
      await this.#more()
    }
  }

  /** What else came, once the server has hung up. */
  async rest(): Promise<string> {
    while (!this.#isClosed) await this.#more()
    return this.#unread
  }

  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#changed = resolve
    })
  }
}
