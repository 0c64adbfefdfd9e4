import { attempt } from '../../lib/attempt.js'

export const frameKinds = {
  open: 1,
  message: 2,
  end: 3,
  cancel: 4,
  /** The receiver has processed this many bytes. */
  took: 5,
  /** Not part of an exchange. */
  notice: 6,
  /** All exchanges are broken. */
  reset: 7,
} as const

export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds]

export interface Frame {
  readonly kind: FrameKind
  readonly isOpeners: boolean
  readonly exchange: number
  readonly head: unknown
  /** A view of the input buffer. */
  readonly body: Buffer
}

// Format: length (4 bytes), kind (highest bit: the sender began the exchange), exchange number, length of the
// head, head in JSON, body.
const lengthBytes = 4
const headerBytes = lengthBytes + 1 + 4 + 4
const openersBit = 0x80
const longestFrameBytes = 64 * 1024 * 1024

const nothing = Buffer.alloc(0)

export function writeFrame(
  kind: FrameKind,
  isOpeners: boolean,
  exchange: number,
  head?: unknown,
  body: string | Buffer = nothing,
): Buffer {
  const text = head === undefined ? '' : JSON.stringify(head)
  const headLength = Buffer.byteLength(text)
  const bodyLength = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const frame = Buffer.allocUnsafe(headerBytes + headLength + bodyLength)
  frame.writeUInt32BE(frame.length - lengthBytes, 0)
  frame[lengthBytes] = isOpeners ? kind | openersBit : kind
  frame.writeUInt32BE(exchange, lengthBytes + 1)
  frame.writeUInt32BE(headLength, lengthBytes + 5)
  frame.write(text, headerBytes)
  if (typeof body === 'string') frame.write(body, headerBytes + headLength)
  else body.copy(frame, headerBytes + headLength)
  return frame
}

export const bodyBytes = (frame: Buffer): number => frame.length - headerBytes - frame.readUInt32BE(lengthBytes + 5)

export function readFrame(frame: Buffer): Frame | undefined {
  if (frame.length < headerBytes || frame.readUInt32BE(0) !== frame.length - lengthBytes) return undefined
  const type = frame[lengthBytes]!
  const headEnd = headerBytes + frame.readUInt32BE(lengthBytes + 5)
  if (headEnd > frame.length) return undefined
  return {
    kind: (type & ~openersBit) as FrameKind,
    isOpeners: type >= openersBit,
    exchange: frame.readUInt32BE(lengthBytes + 1),
    head:
      headEnd === headerBytes
        ? undefined
        : attempt((): unknown => JSON.parse(frame.toString('utf8', headerBytes, headEnd))),
    body: frame.subarray(headEnd),
  }
}

export class FrameReader {
  #pieces: Buffer[] = []
  #length = 0

  read(bytes: Buffer, take: (frame: Frame) => void): void {
    let rest = bytes
    if (this.#length > 0) {
      this.#pieces.push(bytes)
      this.#length += bytes.length
      if (this.#length < lengthBytes || this.#length < this.#wanted()) return
      rest = Buffer.concat(this.#pieces)
      this.#pieces = []
      this.#length = 0
    }
    while (rest.length >= lengthBytes) {
      const length = lengthOf(rest)
      if (rest.length < length) break
      const frame = readFrame(rest.subarray(0, length))
      if (frame === undefined) throw new RangeError('not a frame')
      rest = rest.subarray(length)
      take(frame)
    }
    if (rest.length > 0) {
      this.#pieces.push(rest)
      this.#length = rest.length
    }
  }

  reset(): void {
    this.#pieces = []
    this.#length = 0
  }

  #wanted(): number {
    if (this.#pieces[0]!.length < lengthBytes) this.#pieces = [Buffer.concat(this.#pieces)]
    return lengthOf(this.#pieces[0]!)
  }
}

function lengthOf(start: Buffer): number {
  const length = lengthBytes + start.readUInt32BE(0)
  if (length > longestFrameBytes) throw new RangeError('a frame is too long')
  return length
}
