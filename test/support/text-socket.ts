// One end of a TCP connection: a test writes text, right or wrong, and reads up to the text that it expects.
import type { Socket } from 'node:net'

export class TextSocket {
  #socket!: Socket
  #unread = ''
  #hasEnded = false
  #wake: () => void = () => {}
  /** What came, one text for each read. */
  readonly packets: string[] = []

  constructor(
    socket: Socket,
    readonly encoding: BufferEncoding = 'utf8',
  ) {
    this.listen(socket)
  }

  get socket(): Socket {
    return this.#socket
  }

  get unread(): string {
    return this.#unread
  }

  send(text: string | Buffer): this {
    this.#socket.write(text)
    return this
  }

  end(text = ''): void {
    this.#socket.end(text)
  }

  release(): Socket {
    return this.#socket.removeAllListeners('data')
  }

  /** Resolves with everything up to the end of the pattern. Rejects when the connection ends before. */
  until(pattern: string | RegExp): Promise<string> {
    return this.takeTo(unread => endOf(pattern, unread), String(pattern))
  }

  take(length: number): Promise<string> {
    return this.takeTo(unread => (unread.length < length ? undefined : length), `${length} characters`)
  }

  /** Resolves with everything up to the place that `find` finds. */
  async takeTo(find: (unread: string) => number | undefined, what: string): Promise<string> {
    for (;;) {
      const end = find(this.#unread)
      if (end !== undefined) {
        const taken = this.#unread.slice(0, end)
        this.#unread = this.#unread.slice(end)
        return taken
      }
      if (this.#hasEnded) throw new Error(`no ${what}, the connection ended after ${this.#unread.slice(0, 1000)}`)
      await this.#wait()
    }
  }

  /** Resolves with everything that has not been asked for, once the peer sends nothing more. */
  async rest(): Promise<string> {
    while (!this.#hasEnded) await this.#wait()
    return this.#unread
  }

  protected listen(socket: Socket): void {
    this.#socket = socket
    socket.setNoDelay(true).setEncoding(this.encoding)
    socket.on('data', (text: string) => {
      this.packets.push(text)
      this.#unread += text
      this.#wake()
    })
    for (const event of ['end', 'error', 'close'])
      socket.on(event, () => {
        this.#hasEnded = true
        this.#wake()
      })
  }

  #wait(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

function endOf(pattern: string | RegExp, text: string): number | undefined {
  if (typeof pattern === 'string') {
    const at = text.indexOf(pattern)
    return at === -1 ? undefined : at + pattern.length
  }
  const found = pattern.exec(text)
  return found === null ? undefined : found.index + found[0].length
}
