// Frames of RFC 6455 as bytes, right ones and wrong ones. Apart from `ws`, so that both ends cannot make the same
// mistake.

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface FrameOptions {
  readonly fin?: boolean
  /** The three reserved bits, as a number. */
  readonly rsv?: number
  /** What the bytes are masked with; none where it is false. */
  readonly mask?: Buffer | false
  /** In how many bytes the length stands; as few as may be unless said. */
  readonly lengthBytes?: 1 | 2 | 8
  readonly length?: number | bigint
}

const usualMask = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

/** A frame as a client sends it (§5.2). */
export function frame(opcode: number, payload: string | Buffer = '', options: FrameOptions = {}): Buffer {
  const bytes = Buffer.from(payload)
  const { fin = true, rsv = 0, mask = usualMask, length = bytes.length } = options
  const { lengthBytes = length < 126 ? 1 : length < 65_536 ? 2 : 8 } = options
  const head = Buffer.alloc(2 + (lengthBytes === 1 ? 0 : lengthBytes))
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = (mask === false ? 0 : 0x80) | (lengthBytes === 1 ? Number(length) : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(Number(length), 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (mask === false) return Buffer.concat([head, bytes])
  return Buffer.concat([head, mask, bytes.map((byte, at) => byte ^ mask[at % 4]!)])
}

export const text = (message: string | Buffer, options?: FrameOptions) => frame(opcodes.text, message, options)

/** A message in as many frames as there are parts. */
export function fragments(...parts: readonly (string | Buffer)[]): Buffer[] {
  return parts.map((part, at) =>
    frame(at === 0 ? opcodes.text : opcodes.continuation, part, { fin: at === parts.length - 1 }),
  )
}

/** The payload of a frame that closes (§5.5.1). */
export function closing(code: number, reason: string | Buffer = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

export interface ServerFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/** The first frame of a server's bytes, and its length. Undefined if it is incomplete. Throws if it is invalid. */
export function readFrame(bytes: Buffer): { frame: ServerFrame; length: number } | undefined {
  if (bytes.length < 2) return undefined
  const [first, second] = [bytes[0]!, bytes[1]!]
  if ((first & 0x80) === 0 || (first & 0x70) !== 0) throw new Error('a frame of a message that is in parts')
  if ((second & 0x80) !== 0) throw new Error('a server that masks')
  const opcode = first & 0x0f
  const short = second & 0x7f
  if (opcode >= 8 && short > 125) throw new Error('a long frame of control')
  const head = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < head) return undefined
  const length = short < 126 ? short : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if ((head === 4 && length < 126) || (head === 10 && length < 65_536)) throw new Error('a long way to say a length')
  if (bytes.length < head + length) return undefined
  return { frame: { opcode, payload: bytes.subarray(head, head + length) }, length: head + length }
}
