import { copyOf, keepsTooMuch } from './copy-of.js'

/** Beyond this length, joined pieces are copied to a flat string, because V8's joined strings take more memory. */
const longestJoined = 1024
/** Bytes of memory per UTF-16 unit of joined pieces, in the worst case. */
const joinedBytes = 32
const unitBytes = 2

/** A text that arrives in pieces. */
export class Pieces {
  #flat = ''
  #joined = ''

  get length(): number {
    return this.#flat.length + this.#joined.length
  }

  get bytes(): number {
    return unitBytes * this.#flat.length + joinedBytes * this.#joined.length
  }

  add(text: string, start = 0, end = text.length): void {
    if (start === end) return
    const piece = text.slice(start, end)
    this.#joined += keepsTooMuch(piece.length, text.length) ? copyOf(piece) : piece
    if (this.#joined.length <= longestJoined) return
    this.#flat += copyOf(this.#joined)
    this.#joined = ''
  }

  read(): string {
    return this.#flat + this.#joined
  }

  clear(): void {
    this.#flat = ''
    this.#joined = ''
  }
}
