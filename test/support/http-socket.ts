// An HTTP client without manners: writes what a test says over TCP, and reads replies by their length.
import { connect, type Socket } from 'node:net'
import { TextSocket } from './text-socket.js'

export const post = (body: string, ...headers: string[]) =>
  ['POST / HTTP/1.1', 'Host: a', ...headers, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n')

export class HttpSocket extends TextSocket {
  constructor(to: number | Socket) {
    const socket = typeof to === 'number' ? connect({ port: to, host: '127.0.0.1', allowHalfOpen: true }) : to
    // One character for each byte.
    super(socket, 'latin1')
  }

  /** The next reply, as `head` and `body`; one without a length has no body. */
  async reply(): Promise<{ head: string; body: string }> {
    const head = await this.until('\r\n\r\n')
    const body = await this.take(Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0))
    return { head, body: Buffer.from(body, 'latin1').toString() }
  }
}
