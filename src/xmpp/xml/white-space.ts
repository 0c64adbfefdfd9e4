import { readUtf8 } from './utf8.js'

const carriageReturn = 0x0d
const lineFeed = 0x0a
const tab = 0x09
const space = 0x20

/**
 * Turns other white space into spaces, as a parser does in attribute values (XML 1.0 §2.11, §3.3.3). Before a parser that
 * joins the value at each of these characters, because 4 MiB of them would take a second.
 */
export function withSpaces(text: string): string {
  if (!/[\t\n\r]/.test(text)) return text
  const bytes = Buffer.from(text)
  let to = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === carriageReturn && bytes[at + 1] === lineFeed) continue
    bytes[to++] = byte === carriageReturn || byte === lineFeed || byte === tab ? space : byte
  }
  return readUtf8(bytes.subarray(0, to))!
}
