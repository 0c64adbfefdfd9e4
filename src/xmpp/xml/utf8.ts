import { isAscii, isUtf8 } from 'node:buffer'

/** The text of bytes in UTF-8; undefined where they are something else. */
export function readUtf8(bytes: Buffer): string | undefined {
  // Nearly all is ASCII, which is read ten times as fast.
  if (isAscii(bytes)) return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString() : undefined
}

/** Number of bytes at the end that begin a character without ending it. */
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
