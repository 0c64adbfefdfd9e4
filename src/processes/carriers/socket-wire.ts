import { isNodeName } from '../node-name.js'

// Format: a greeting from both sides, then chunks with kind and length.
const version = 'warm-bindings/1 '
const greetingBytes = version.length + 8
const headerBytes = 1 + 4
const kinds = { stream: 1, announcement: 2 } as const

export const longestAnnouncement = 64 * 1024
const leastUncopied = 64 * 1024

export const greetingOf = (name: string): Buffer => Buffer.from(`${version}${name}`, 'latin1')

export function streamChunk(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  const header = headerOf(kinds.stream, bytes)
  return bytes >= leastUncopied ? [header, ...pieces] : [Buffer.concat([header, ...pieces])]
}

export const announcementChunk = (frame: Buffer): Buffer =>
  Buffer.concat([headerOf(kinds.announcement, frame.length), frame])

function headerOf(kind: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(headerBytes)
  header[0] = kind
  header.writeUInt32BE(length, 1)
  return header
}

export interface WireEvents {
  onGreeting(name: string): boolean
  onStream(bytes: Buffer): void
  onAnnouncement(frame: Buffer): void
}

export class WireReader {
  readonly #events: WireEvents
  #isGreeted = false
  #partial: Buffer = nothing
  #streamLeft = 0
  #announced: number | undefined

  constructor(events: WireEvents) {
    this.#events = events
  }

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
