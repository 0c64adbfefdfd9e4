const carriageReturn = 0x0d
const doubleQuote = 0x22
const singleQuote = 0x27
const less = 0x3c
const greater = 0x3e
const reference = Buffer.from('&#13;')
const cdata = Buffer.from('<![CDATA[')
const cdataEnd = Buffer.from(']]>')
/** What a single one may come to, in a section of CDATA. */
const most = cdataEnd.length + reference.length + cdata.length

/**
 * Writes the carriage returns in a well-formed element as references: in text, in the values of attributes, and between two
 * sections where they stand in CDATA. A parser makes line feeds of those that stand for themselves (XML 1.0 §2.11), so a
 * server that has one in a text has read a reference, and not every server writes it as one again. Between attributes they
 * are white space, and stay.
 */
export function referCarriageReturns(text: string): string {
  return text.includes('\r') ? refer(Buffer.from(text)) : text
}

/** By bytes: texts that are put together of many parts take ten times as long, and an attacker may have written them. */
function refer(bytes: Buffer): string {
  let returns = 0
  for (const byte of bytes) if (byte === carriageReturn) returns += 1
  const written = Buffer.allocUnsafe(bytes.length + returns * most)
  let to = 0
  const write = (what: Buffer) => {
    for (const byte of what) written[to++] = byte
  }
  let isTag = false
  /** The quote that ends the value at hand; 0 outside of values. */
  let quote = 0
  /** Where the section of CDATA at hand ends; 0 outside of sections. */
  let sectionEnd = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (at === sectionEnd) sectionEnd = 0
    if (byte === carriageReturn && (!isTag || quote > 0)) {
      const isRun = sectionEnd > 0
      if (isRun && bytes[at - 1] !== carriageReturn) write(cdataEnd)
      write(reference)
      if (isRun && bytes[at + 1] !== carriageReturn) write(cdata)
      continue
    }
    written[to++] = byte
    if (sectionEnd > 0) continue
    if (quote > 0) {
      if (byte === quote) quote = 0
    } else if (isTag) {
      if (byte === greater) isTag = false
      else if (byte === doubleQuote || byte === singleQuote) quote = byte
    } else if (byte === less) {
      if (bytes[at + 1] === cdata[1]) sectionEnd = bytes.indexOf(cdataEnd, at)
      else isTag = true
    }
  }
  return written.toString('utf8', 0, to)
}
