import { readUtf8 } from './utf8.js'

const carriageReturn = 0x0d
const doubleQuote = 0x22
const singleQuote = 0x27
const less = 0x3c
const greater = 0x3e
const cdata = Buffer.from('<![CDATA[')
const cdataEnd = Buffer.from(']]>')

const reference = Buffer.from('&#13;')
const inSections: (Buffer | undefined)[] = []
for (const [character, written] of [
  ['\r', '&#13;'],
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  [']', '&#93;'],
] as const)
  inSections[character.charCodeAt(0)] = Buffer.from(written)

/**
 * Some servers send plain carriage returns, which XML parsers turn into line feeds (XML 1.0 §2.11). In the same text,
 * CDATA sections become plain text, because they cannot contain references.
 */
export function escapeCarriageReturns(text: string): string {
  return text.includes('\r') ? withReferences(Buffer.from(text), text.includes('<![CDATA[')) : text
}

/**
 * Works on bytes, because joining many small strings takes ten times as long. So would the iterators of buffers: the loops
 * count.
 */
function withReferences(bytes: Buffer, hasSections: boolean): string {
  let longer = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === carriageReturn || (hasSections && inSections[byte] !== undefined)) longer += reference.length - 1
  }
  const written = Buffer.allocUnsafe(bytes.length + longer)
  let to = 0
  let isTag = false
  let openQuote = 0
  let sectionEnd = -1
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (at === sectionEnd) {
      sectionEnd = -1
      at += cdataEnd.length - 1
      continue
    }
    const isInSection = sectionEnd >= 0
    const escaped = isInSection
      ? inSections[byte]
      : byte === carriageReturn && (!isTag || openQuote > 0)
        ? reference
        : undefined
    if (escaped !== undefined) {
      for (let from = 0; from < escaped.length; from++) written[to++] = escaped[from]!
      continue
    }
    if (byte === less && !isTag && !isInSection && bytes[at + 1] === cdata[1]) {
      sectionEnd = bytes.indexOf(cdataEnd, at)
      at += cdata.length - 1
      continue
    }
    written[to++] = byte
    if (isInSection) continue
    if (openQuote > 0) {
      if (byte === openQuote) openQuote = 0
    } else if (isTag) {
      if (byte === greater) isTag = false
      else if (byte === doubleQuote || byte === singleQuote) openQuote = byte
    } else if (byte === less) isTag = true
  }
  return readUtf8(written.subarray(0, to))!
}
