import { isNodeName } from '../node-name.js'

// What two processes of one machine write on a connection: first a greeting, the same from both, then chunks, which begin
// with their kind and the length of what follows.
const version = 'warm-bindings/1 '
const greetingBytes = version.length + 8
const headerBytes = 1 + 4
const kinds = { stream: 1, announcement: 2 } as const

/** Longest announcement, in bytes. */
export const longestAnnouncement = 64 * 1024
/** From this size on, in bytes, chunks are not copied behind their headers. */
const large = 64 * 1024

/** The first bytes on a connection: the version of what follows, and the name of the process. */
export const greetingOf = (name: string): Buffer => Buffer.from(`${version}${name}`, 'latin1')

/** Several pieces of a stream as one chunk: all that is to be written. */
export function streamChunk(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  const header = headerOf(kinds.stream, bytes)
  return bytes >= large ? [header, ...pieces] : [Buffer.concat([header, ...pieces])]
}

/** An announcement as a chunk. */
export const announcementChunk = (frame: Buffer): Buffer =>
  Buffer.concat([headerOf(kinds.announcement, frame.length), frame])

function headerOf(kind: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(headerBytes)
  header[0] = kind
  header.writeUInt32BE(length, 1)
  return header
}

export interface WireEvents {
  /** The process on the other side is called so; whether the connection is to go on. */
  onGreeting(name: string): boolean
  /** More of the stream, cut anywhere. */
  onStream(bytes: Buffer): void
  onAnnouncement(frame: Buffer): void
}

/** Reads what the other side of a connection has written. */
export class WireReader {
  readonly #events: WireEvents
  #isGreeted = false
  /** The beginning of something that has to be whole; empty where there is none. */
  #partial: Buffer = nothing
  /** How many bytes of the stream's chunk are still to come. */
  #streamLeft = 0
  /** The length of the announcement that comes; undefined where none does. */
  #announced: number | undefined

  constructor(events: WireEvents) {
    this.#events = events
  }

  /** Reads on; whether the connection is to go on. What is no greeting, or no chunk, ends it. */
  read(bytes: Buffer): boolean {
    let rest = bytes
    while (rest.length > 0) {
      if (this.#streamLeft > 0) {
        const part = rest.subarray(0, this.#streamLeft)
        rest = rest.subarray(part.length)
        this.#streamLeft -= part.length
        this.#events.onStream(part)
        continue
      }
      const wanted = this.#announced ?? (this.#isGreeted ? headerBytes : greetingBytes)
      const missing = wanted - this.#partial.length
      const part = rest.subarray(0, missing)
      const whole = this.#partial.length === 0 ? part : Buffer.concat([this.#partial, part])
      rest = rest.subarray(part.length)
      if (part.length < missing) {
        this.#partial = whole
        return true
      }
      this.#partial = nothing
      if (!this.#take(whole)) return false
    }
    return true
  }

  #take(whole: Buffer): boolean {
    if (!this.#isGreeted) {
      const text = whole.toString('latin1')
      const name = text.slice(version.length)
      this.#isGreeted = true
      return text.startsWith(version) && isNodeName(name) && this.#events.onGreeting(name)
    }
    if (this.#announced !== undefined) {
      this.#announced = undefined
      this.#events.onAnnouncement(whole)
      return true
    }
    const length = whole.readUInt32BE(1)
    if (whole[0] === kinds.stream) this.#streamLeft = length
    else if (whole[0] !== kinds.announcement || length === 0 || length > longestAnnouncement) return false
    else this.#announced = length
    return true
  }
}

const nothing = Buffer.alloc(0)
