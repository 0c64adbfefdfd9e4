// HTTP/1.1 over a bare socket, for a load client that must cost less than the servers it measures. Knows
// POST and `Content-Length`, one request at a time, ASCII text, and nothing else.
import { connect, type Socket } from 'node:net'

/** Where a lane posts to, and the header lines each request carries. */
export interface Route {
  readonly port: number
  readonly path: string
  /** Complete lines, each ending in CRLF; `Host` and `Content-Length` are added. */
  readonly headers: string
}

export const boshRoute = (port: number): Route => ({
  port,
  path: '/http-bind',
  headers: 'Content-Type: text/xml; charset=utf-8\r\n',
})

type Done = (error: Error | undefined, text: string, status: number) => void

/** One keep-alive connection, opened again when the server has closed it between two requests. */
export class Lane {
  readonly #route: Route
  readonly #head: string
  #socket: Socket | undefined
  #received = ''
  /** Length of the whole response in bytes, once its head is there. */
  #expected = 0
  #bodyAt = 0
  #status = 0
  #done: Done | undefined

  constructor(route: Route) {
    this.#route = route
    const host = `127.0.0.1:${route.port}`
    this.#head = `POST ${route.path} HTTP/1.1\r\nHost: ${host}\r\n${route.headers}Content-Length: `
  }

  get busy(): boolean {
    return this.#done !== undefined
  }

  /** Posts and calls `done` once. Throws when a request is still open. */
  post(body: string, done: Done): void {
    if (this.#done) throw new Error('one request at a time')
    this.#done = done
    this.#socket ??= this.#open()
    this.#socket.write(`${this.#head}${body.length}\r\n\r\n${body}`, 'latin1')
  }

  /** The same as a promise of status and text. */
  ask(body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      this.post(body, (error, text, status) => (error ? reject(error) : resolve({ status, text })))
    })
  }

  /** Drops the connection; an open request is never answered. */
  close(): void {
    this.#done = undefined
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #open(): Socket {
    const socket = connect(this.#route.port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
    this.#received = ''
    this.#expected = 0
    socket.on('data', (chunk: unknown) => this.#read(String(chunk)))
    socket.on('error', error => this.#finish(error))
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#finish(new Error(`connection closed by port ${this.#route.port}`))
    })
    return socket
  }

  #read(chunk: string): void {
    this.#received = this.#received === '' ? chunk : this.#received + chunk
    if (this.#expected === 0) {
      const end = this.#received.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#bodyAt = end + 4
      this.#status = Number(this.#received.slice(9, 12))
      const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received.slice(0, end))?.[1]
      if (length === undefined) {
        this.#finish(new Error(`a response without Content-Length: ${this.#received.slice(0, end)}`))
        return
      }
      this.#expected = this.#bodyAt + Number(length)
    }
    if (this.#received.length < this.#expected) return
    const text = this.#received.slice(this.#bodyAt, this.#expected)
    this.#received = ''
    this.#expected = 0
    this.#finish(undefined, text)
  }

  #finish(error: Error | undefined, text = ''): void {
    const done = this.#done
    this.#done = undefined
    done?.(error, text, this.#status)
  }
}
