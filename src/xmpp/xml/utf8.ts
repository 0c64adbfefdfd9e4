import { isAscii, isUtf8 } from 'node:buffer'

export function readUtf8(bytes: Buffer): string | undefined {
  // latin1 is ten times as fast for ASCII.
  if (isAscii(bytes)) return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString() : undefined
}

export function unfinishedBytes(bytes: Buffer): number {
  const last = bytes.length - 1
  for (let back = 0; back < 3 && back <= last; back++) {
    const byte = bytes[last - back]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return back + 1 < length ? back + 1 : 0
    }
  }
  return 0
}
