import type { Duplex } from 'node:stream'

/** In bytes. A client that logs in with a token sends less. */
const longestRead = 64 * 1024

/** With listeners of `ws` and the channel. */
const events = ['data', 'drain', 'end', 'close', 'error'] as const

/**
 * Copies what a client sends since the handshake, so that its connection can be taken back from `ws` until the client
 * has shown its token.
 */
export class SocketTap {
  readonly #socket: Duplex
  /** Of others, for each of `events`. */
  readonly #listeners: readonly (readonly unknown[])[]
  #read: Buffer[] | undefined = []
  #length = 0

  /** Must be made before `ws` gets the socket, because `ws` unmasks messages in place. */
  constructor(socket: Duplex) {
    this.#socket = socket
    this.#listeners = events.map(event => socket.listeners(event))
    socket.on('data', this.#copy)
  }

  /** The connection stays with `ws`. */
  forget(): void {
    this.#read = undefined
    this.#socket.off('data', this.#copy)
  }

  /** Returns what was read, and takes the connection back. Returns undefined if the client has sent too much. */
  leave(): Buffer | undefined {
    if (this.#read === undefined) return undefined
    const socket = this.#socket.pause()
    for (const [index, event] of events.entries())
      for (const listener of socket.listeners(event) as (() => void)[])
        if (!this.#listeners[index]!.includes(listener)) socket.off(event, listener)
    return Buffer.concat(this.#read)
  }

  readonly #copy = (chunk: Buffer): void => {
    this.#length += chunk.length
    if (this.#length > longestRead) this.forget()
    else this.#read!.push(Buffer.from(chunk))
  }
}
