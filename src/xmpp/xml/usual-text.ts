// Usual XML: ASCII names, no CDATA sections, no carriage returns in text, no control characters in values. For other
// XML, which saxes reads, functions return -1.

const tab = 0x09
const newline = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const ampersand = 0x26
const less = 0x3c
const greater = 0x3e
const bracket = 0x5d

const inNames = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const character = String.fromCharCode(code)
  return /[A-Za-z_]/.test(character) ? 2 : /[0-9.-]/.test(character) ? 1 : 0
})

export function endOfName(text: string, at: number): number {
  let code = text.charCodeAt(at)
  if (!(code < 0x80 && inNames[code] === 2)) return -1
  do code = text.charCodeAt(++at)
  while (code < 0x80 && inNames[code] !== 0)
  return at
}

export function endOfSpace(text: string, at: number): number {
  while (isSpace(text.charCodeAt(at))) at += 1
  return at
}

export function isSpace(code: number): boolean {
  return code === space || code === newline || code === tab || code === carriageReturn
}

export function endOfText(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === less) return at
    if (code < space && code !== newline && code !== tab) return -1
    if (code === greater && text.charCodeAt(at - 1) === bracket && text.charCodeAt(at - 2) === bracket) return -1
    if (code === ampersand) at = endOfReference(text, at)
    else if (code < 0x80) at += 1
    else at = endOfWide(text, at, code)
    if (at < 0) return -1
  }
}

export function endOfValue(text: string, at: number, quote: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === quote) return at
    if (code === less || code < space) return -1
    if (code === ampersand) at = endOfReference(text, at)
    else if (code < 0x80) at += 1
    else at = endOfWide(text, at, code)
    if (at < 0) return -1
  }
}

/** Usual namespaces are ASCII without white space. */
export function endOfNamespace(text: string, at: number, quote: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === quote) return at
    if (!(code > space && code < 0x7f) || code === less || code === ampersand) return -1
    at += 1
  }
}

/** Returns the offset after a character beyond ASCII. -1 for a forbidden character (XML 1.0 §2.2). */
function endOfWide(text: string, at: number, code: number): number {
  if (code < 0xd800 || (code >= 0xe000 && code <= 0xfffd)) return at + 1
  const next = text.charCodeAt(at + 1)
  return code < 0xdc00 && next >= 0xdc00 && next < 0xe000 ? at + 2 : -1
}

const reference = /&(?:amp|lt|gt|quot|apos|#([0-9]{1,7}|x[0-9A-Fa-f]{1,6}));/y

/** XML 1.0 §4.1, §4.6. */
function endOfReference(text: string, at: number): number {
  reference.lastIndex = at
  const match = reference.exec(text)
  if (match === null) return -1
  const number = match[1]
  if (number !== undefined && !isCharacter(Number(number.startsWith('x') ? `0${number}` : number))) return -1
  return at + match[0].length
}

function isCharacter(code: number): boolean {
  if (code < space) return code === tab || code === newline || code === carriageReturn
  return code < 0xd800 || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff)
}

export function isLarger(text: string, start: number, end: number, bytes: number): boolean {
  return (end - start) * 3 > bytes && Buffer.byteLength(text.slice(start, end)) > bytes
}
