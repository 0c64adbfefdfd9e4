const carriageReturn = 0x0d
const doubleQuote = 0x22
const singleQuote = 0x27
const less = 0x3c
const greater = 0x3e
const reference = Buffer.from('&#13;')
const cdata = Buffer.from('<![CDATA[')
const cdataEnd = Buffer.from(']]>')
const most = cdataEnd.length + reference.length + cdata.length

/** Some servers send plain carriage returns, which XML parsers turn into line feeds (XML 1.0 §2.11). */
export function escapeCarriageReturns(text: string): string {
  return text.includes('\r') ? withReferences(Buffer.from(text)) : text
}

/** Works on bytes: joining many small strings takes ten times as long. */
function withReferences(bytes: Buffer): string {
  let returns = 0
  for (const byte of bytes) if (byte === carriageReturn) returns += 1
  const written = Buffer.allocUnsafe(bytes.length + returns * most)
  let to = 0
  const write = (what: Buffer) => {
    for (const byte of what) written[to++] = byte
  }
  let isTag = false
  let openQuote = 0
  let sectionEnd = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (at === sectionEnd) sectionEnd = 0
    if (byte === carriageReturn && (!isTag || openQuote > 0)) {
      const isInSection = sectionEnd > 0
      if (isInSection && bytes[at - 1] !== carriageReturn) write(cdataEnd)
      write(reference)
      if (isInSection && bytes[at + 1] !== carriageReturn) write(cdata)
      continue
    }
    written[to++] = byte
    if (sectionEnd > 0) continue
    if (openQuote > 0) {
      if (byte === openQuote) openQuote = 0
    } else if (isTag) {
      if (byte === greater) isTag = false
      else if (byte === doubleQuote || byte === singleQuote) openQuote = byte
    } else if (byte === less) {
      if (bytes[at + 1] === cdata[1]) sectionEnd = bytes.indexOf(cdataEnd, at)
      else isTag = true
    }
  }
  return written.toString('utf8', 0, to)
}
