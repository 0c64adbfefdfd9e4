import { isAscii, isUtf8 } from 'node:buffer'

/** The text of bytes in UTF-8; undefined where they are something else. */
export function readUtf8(bytes: Buffer): string | undefined {
  // Nearly all is ASCII, which is read ten times as fast.
  if (isAscii(bytes)) return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString() : undefined
}
