import { replaceSections } from './sections.js'

const carriageReturn = 0x0d
const doubleQuote = 0x22
const singleQuote = 0x27
const less = 0x3c
const greater = 0x3e
const reference = Buffer.from('&#13;')
/** By byte of a CDATA section. */
const inText = Array.from({ length: 256 }, (_, byte) => {
  const written = { '&': '&amp;', '<': '&lt;', '>': '&gt;', ']': '&#93;' }[String.fromCharCode(byte)]
  return written === undefined ? undefined : Buffer.from(written)
})
const longestInText = 5

/**
 * Some servers send plain carriage returns, which XML parsers turn into line feeds (XML 1.0 §2.11). In the same text,
 * CDATA sections become plain text, because they cannot contain references.
 */
export function escapeCarriageReturns(text: string): string {
  return text.includes('\r') ? withReferences(Buffer.from(replaceSections(text, part => part, asText))) : text
}

/** Works on bytes, because joining many small strings takes ten times as long. So would the iterators of buffers. */
function withReferences(bytes: Buffer): string {
  let returns = 0
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === carriageReturn) returns += 1
  const written = Buffer.allocUnsafe(bytes.length + returns * (reference.length - 1))
  let to = 0
  let isTag = false
  let openQuote = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (openQuote > 0) {
      if (byte === openQuote) openQuote = 0
    } else if (isTag) {
      if (byte === greater) isTag = false
      else if (byte === doubleQuote || byte === singleQuote) openQuote = byte
    } else if (byte === less) isTag = true
    // Between attributes, a reference is not allowed.
    if (byte !== carriageReturn || (isTag && openQuote === 0)) written[to++] = byte
    else for (let from = 0; from < reference.length; from++) written[to++] = reference[from]!
  }
  return written.toString('utf8', 0, to)
}

/** Works on bytes too: millions of short pieces between these characters would take half a second. */
function asText(section: string): string {
  const bytes = Buffer.from(section)
  const written = Buffer.allocUnsafe(bytes.length * longestInText)
  let to = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    const escaped = inText[byte]
    if (escaped === undefined) written[to++] = byte
    else for (let from = 0; from < escaped.length; from++) written[to++] = escaped[from]!
  }
  return written.toString('utf8', 0, to)
}
