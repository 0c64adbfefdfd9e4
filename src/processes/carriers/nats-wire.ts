/** The first byte of a message. An empty message only checks for a subscriber. */
const kinds = { data: 1, restart: 2, announcement: 3, farewell: 4 } as const

const nameBytes = 8
const dataHeaderBytes = 1 + 4 + 4
const restartBytes = 1 + 4

export type NatsMessage =
  | { readonly kind: 'data'; readonly stream: number; readonly piece: number; readonly bytes: Buffer }
  | { readonly kind: 'restart'; readonly stream: number }
  | { readonly kind: 'announcement'; readonly frame: Buffer }
  | { readonly kind: 'farewell' }

export function readMessage(bytes: Buffer): NatsMessage | undefined {
  switch (bytes[0]) {
    case kinds.data:
      if (bytes.length < dataHeaderBytes) return undefined
      return {
        kind: 'data',
        stream: bytes.readUInt32BE(1),
        piece: bytes.readUInt32BE(5),
        bytes: bytes.subarray(dataHeaderBytes),
      }
    case kinds.restart:
      return bytes.length === restartBytes ? { kind: 'restart', stream: bytes.readUInt32BE(1) } : undefined
    case kinds.announcement:
      return { kind: 'announcement', frame: bytes.subarray(1) }
    case kinds.farewell:
      return { kind: 'farewell' }
    default:
      return undefined
  }
}

export function readHello(bytes: Buffer): { readonly name: string; readonly message: NatsMessage } | undefined {
  const name = bytes.toString('latin1', 1, 1 + nameBytes)
  const frame = bytes.subarray(1 + nameBytes)
  if (bytes[0] === kinds.announcement) return { name, message: { kind: 'announcement', frame } }
  if (bytes[0] === kinds.farewell) return { name, message: { kind: 'farewell' } }
  return undefined
}

/** Splits `waiting` into messages of at most `longest` bytes. `piece` is the number of the first message. */
export function dataMessages(
  stream: number,
  piece: number,
  waiting: readonly Buffer[],
  bytes: number,
  longest: number,
): Buffer[] {
  const room = Math.max(1, longest - dataHeaderBytes)
  const messages: Buffer[] = []
  let left = bytes
  let at = 0
  let within = 0
  while (left > 0) {
    const length = Math.min(left, room)
    const message = Buffer.allocUnsafe(dataHeaderBytes + length)
    message[0] = kinds.data
    message.writeUInt32BE(stream, 1)
    message.writeUInt32BE((piece + messages.length) >>> 0, 5)
    let filled = dataHeaderBytes
    while (filled < message.length) {
      const taken = waiting[at]!.copy(message, filled, within)
      filled += taken
      within += taken
      if (within === waiting[at]!.length) {
        at += 1
        within = 0
      }
    }
    messages.push(message)
    left -= length
  }
  return messages
}

export function restartMessage(stream: number): Buffer {
  const message = Buffer.allocUnsafe(restartBytes)
  message[0] = kinds.restart
  message.writeUInt32BE(stream, 1)
  return message
}

export const announcementTo = (frame: Buffer): Buffer => Buffer.concat([Buffer.from([kinds.announcement]), frame])

export const hello = (name: string, frame: Buffer): Buffer =>
  Buffer.concat([Buffer.from([kinds.announcement]), Buffer.from(name, 'latin1'), frame])

export const farewell = (name: string): Buffer =>
  Buffer.concat([Buffer.from([kinds.farewell]), Buffer.from(name, 'latin1')])

export const announcementOverheadBytes = 1 + nameBytes
