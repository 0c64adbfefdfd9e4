/** What a frame says of its exchange. */
export const frameKinds = {
  /** Begins an exchange. */
  open: 1,
  message: 2,
  /** The last words of its sender. */
  end: 3,
  cancel: 4,
  /** So many bytes of bodies have been taken. */
  took: 5,
  /** Of no exchange: what a process has to say of itself. */
  notice: 6,
  /** Of no exchange: all of them are broken. */
  reset: 7,
} as const

export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds]

export interface Frame {
  readonly kind: FrameKind
  /** Whether it comes from the side that began the exchange. */
  readonly isOpeners: boolean
  readonly exchange: number
  readonly head: unknown
  /** A part of what was read. */
  readonly body: Buffer
}

// A frame has its length behind these four bytes, its kind with the highest bit for the side that began, the number of its
// exchange, the length of its head, its head in JSON, and its body.
const lengthBytes = 4
const headerBytes = lengthBytes + 1 + 4 + 4
const openersBit = 0x80
/** Longest frame, in bytes: far longer than any request or reply. */
const longest = 64 * 1024 * 1024

const nothing = Buffer.alloc(0)

/** Writes a frame. */
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

/** How many bytes of a frame that was written are its body. */
export const bodyBytes = (frame: Buffer): number =>
  frame.length - headerBytes - frame.readUInt32BE(lengthBytes + 5)

/** Reads a whole frame; undefined where it is none. */
export function readFrame(frame: Buffer): Frame | undefined {
  if (frame.length < headerBytes || frame.readUInt32BE(0) !== frame.length - lengthBytes) return undefined
  const type = frame[lengthBytes]!
  const headEnd = headerBytes + frame.readUInt32BE(lengthBytes + 5)
  if (headEnd > frame.length) return undefined
  return {
    kind: (type & ~openersBit) as FrameKind,
    isOpeners: type >= openersBit,
    exchange: frame.readUInt32BE(lengthBytes + 1),
    head: headEnd === headerBytes ? undefined : readJson(frame.toString('utf8', headerBytes, headEnd)),
    body: frame.subarray(headEnd),
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Cuts what another process sends into frames, wherever it is cut off. */
export class FrameReader {
  /** The pieces of a frame that is not whole. */
  #pieces: Buffer[] = []
  #length = 0

  /** Hands on the whole frames that end with these bytes. Throws where there is none, and never will be one. */
  read(bytes: Buffer, take: (frame: Frame) => void): void {
    let rest = bytes
    if (this.#length > 0) {
      this.#pieces.push(bytes)
      this.#length += bytes.length
      // What is large comes in many pieces, and is put together once.
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

  /** What has come of a frame is not followed by its rest. */
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
  if (length > longest) throw new RangeError('a frame is too long')
  return length
}
