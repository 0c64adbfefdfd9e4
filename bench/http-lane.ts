// HTTP/1.1 over a plain socket, so that the load client needs less CPU time than any server.
import { connect, type Socket } from 'node:net'

export interface Route {
  readonly port: number
  readonly host?: string | undefined
  readonly path: string
  readonly headers: string
}

export const xmlRoute = (port: number, path = '/http-bind'): Route => ({
  ...{ port, path, headers: 'Content-Type: text/xml; charset=utf-8\r\n' },
})

type Done = (error: Error | undefined, text: string, status: number) => void

export class HttpLane {
  readonly #port: number
  readonly #host: string
  readonly #head: string
  #socket: Socket | undefined
  #received = ''
  #expected = 0
  #bodyAt = 0
  #status = 0
  #done: Done | undefined

  constructor({ port, host = '127.0.0.1', path, headers }: Route) {
    this.#port = port
    this.#host = host
    this.#head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}Content-Length: `
  }

  get busy(): boolean {
    return this.#done !== undefined
  }

  post(body: string, done: Done): void {
    if (this.#done) throw new Error('one request at a time')
    this.#done = done
    this.#socket ??= this.#open()
    this.#socket.write(`${this.#head}${body.length}\r\n\r\n${body}`, 'latin1')
  }

  ask(body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      this.post(body, (error, text, status) => (error ? reject(error) : resolve({ status, text })))
    })
  }

  close(): void {
    this.#done = undefined
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: this.#host }).setNoDelay(true).setEncoding('latin1')
    this.#received = ''
    this.#expected = 0
    socket.on('data', (chunk: unknown) => this.#read(String(chunk)))
    socket.on('error', error => this.#finish(error))
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#finish(new Error(`connection closed by port ${this.#port}`))
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
      const head = this.#received.slice(0, end)
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      if (length === undefined) {
        this.#finish(new Error(`a response without Content-Length: ${head}`))
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
