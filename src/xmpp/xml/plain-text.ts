// Characters as nearly all peers send them: names in ASCII, any text, no carriage returns. All else is `-1` here, and left
// to saxes, which knows all of XML.

const tab = 0x09
const newline = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const ampersand = 0x26
const less = 0x3c
const greater = 0x3e
const bracket = 0x5d

/** By ASCII character: 2 for those that may begin a name without a prefix, 1 for those that may only go on with it. */
const inNames = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const character = String.fromCharCode(code)
  return /[A-Za-z_]/.test(character) ? 2 : /[0-9.-]/.test(character) ? 1 : 0
})

/** Where the name, or the part of one without a colon, ends that begins at `at`. */
export function endOfName(text: string, at: number): number {
  let code = text.charCodeAt(at)
  if (!(code < 0x80 && inNames[code] === 2)) return -1
  do code = text.charCodeAt(++at)
  while (code < 0x80 && inNames[code] !== 0)
  return at
}

/** Where the white space ends that may begin at `at`. */
export function endOfSpace(text: string, at: number): number {
  while (isSpace(text.charCodeAt(at))) at += 1
  return at
}

/** Whether a character is white space in XML (XML 1.0 §2.3). */
export function isSpace(code: number): boolean {
  return code === space || code === newline || code === tab || code === carriageReturn
}

/** Where the tag begins behind the text, perhaps none, that begins at `at`. */
export function endOfText(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === less) return at
    if (code < space && code !== newline && code !== tab) return -1
    if (code === greater && text.charCodeAt(at - 1) === bracket && text.charCodeAt(at - 2) === bracket)
      return -1
    if (code === ampersand) at = endOfReference(text, at)
    else if (code < 0x80) at += 1
    else at = endOfWide(text, at, code)
    if (at < 0) return -1
  }
}

/** Where the attribute value's closing quote is; `at` is the first character of the value. */
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

/** The same for the name of a namespace, which has no white space here, nor anything beyond ASCII. */
export function endOfNamespace(text: string, at: number, quote: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === quote) return at
    if (!(code > space && code < 0x7f) || code === less || code === ampersand) return -1
    at += 1
  }
}

/** Behind a character beyond ASCII, or -1 where XML has none such, or where the text ends (XML 1.0 §2.2). */
function endOfWide(text: string, at: number, code: number): number {
  if (code < 0xd800 || (code >= 0xe000 && code <= 0xfffd)) return at + 1
  const next = text.charCodeAt(at + 1)
  return code < 0xdc00 && next >= 0xdc00 && next < 0xe000 ? at + 2 : -1
}

const reference = /&(?:amp|lt|gt|quot|apos|#([0-9]{1,7}|x[0-9A-Fa-f]{1,6}));/y

/** Behind a reference to a character (XML 1.0 §4.1, §4.6). */
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

/** Whether a part of a text has more bytes in UTF-8. */
export function isLarger(text: string, start: number, end: number, bytes: number): boolean {
  return (end - start) * 3 > bytes && Buffer.byteLength(text.slice(start, end)) > bytes
}
