import { XmlError } from './xml-error.js'

const tab = 0x09
const newline = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const ampersand = 0x26
const less = 0x3c
const greater = 0x3e
const firstSurrogate = 0xd800

const isPlain = Uint8Array.from({ length: 0x80 }, (_, code) =>
  code < space || `&<>"'`.includes(String.fromCharCode(code)) ? 0 : 1,
)

const beginsName = 2
const inNames = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const character = String.fromCharCode(code)
  return /[A-Za-z_]/.test(character) ? beginsName : /[0-9.-]/.test(character) ? 1 : 0
})
const begins =
  '\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff' +
  '\uf900-\ufdcf\ufdf0-\ufffd\u{10000}-\u{effff}'
const wideStart = new RegExp(`[${begins}]`, 'uy')
const nameCharacters = new RegExp(`[:\\w.\\-${begins}\u00b7\u0300-\u036f\u203f\u2040]+`, 'uy')

export const notWellFormed = () => new XmlError('not-well-formed', 'the XML is not well-formed')

/**
 * 0 beyond the end. Without the check, V8 would not inline `charCodeAt` once a text has ended. The caller knows the length,
 * because V8 looks it up slowly for texts of many representations.
 */
export function codeAt(text: string, at: number, length: number): number {
  return at < length ? text.charCodeAt(at) : 0
}

export function isSpace(code: number): boolean {
  return code === space || code === newline || code === tab || code === carriageReturn
}

export function endOfSpace(text: string, at: number, length: number): number {
  while (isSpace(codeAt(text, at, length))) at += 1
  return at
}

/** Of what follows the name in an end tag. -1 if the tag is unfinished. */
export function endOfEndTag(text: string, nameEnd: number, length: number): number {
  const end = endOfSpace(text, nameEnd, length)
  if (end >= length) return -1
  if (text.charCodeAt(end) !== greater) throw notWellFormed()
  return end + 1
}

/** Whether a name begins here (XML 1.0 §2.3). Local names do not begin with a colon. */
export function isNameStart(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if (code < 0x80) return inNames[code] === beginsName
  wideStart.lastIndex = at
  return wideStart.test(text)
}

/** The end of an ASCII name without a colon, or `at`. */
export function endOfAsciiName(text: string, at: number, length: number): number {
  if (inNames[codeAt(text, at, length)] !== beginsName) return at
  let end = at + 1
  while (inNames[codeAt(text, end, length)]! > 0) end += 1
  return end
}

/** The end of characters of names, including colons. */
export function endOfNameCharacters(text: string, at: number): number {
  nameCharacters.lastIndex = at
  return nameCharacters.test(text) ? nameCharacters.lastIndex : at
}

/** `odd`: `endOfCharacters` met a reference, or white space other than spaces. */
export const met = { odd: false }

/** The offset of the next `end`, which is `<` or a quote, or of what is unfinished at the end of the text. */
export function endOfCharacters(text: string, from: number, end: number, length: number): number {
  for (let at = from; at < length; ) {
    const code = text.charCodeAt(at)
    if (code < 0x80 ? isPlain[code] === 1 : code < firstSurrogate) at += 1
    else if (code === end) return at
    else if (code === less || (code === greater && end === less && text.slice(Math.max(at - 2, 0), at) === ']]'))
      throw notWellFormed()
    else if (code === ampersand) {
      const behind = endOfReference(text, at)
      if (behind < 0) return at
      at = behind
      met.odd = true
    } else {
      at = endOfCharacter(text, at, code)
      if (code < space) met.odd = true
    }
  }
  return end === less ? withoutBrackets(text, from) : length
}

/** Leaves brackets at the end of the text, because `]]>` may follow. */
export function withoutBrackets(text: string, from: number): number {
  const open = text.endsWith(']]') ? 2 : text.endsWith(']') ? 1 : 0
  return Math.max(from, text.length - open)
}

/** XML 1.0 §2.2. */
function endOfCharacter(text: string, at: number, code: number): number {
  if (isCharacter(code)) return at + 1
  const next = text.charCodeAt(at + 1)
  if (code < firstSurrogate || code >= 0xdc00 || !(next >= 0xdc00 && next < 0xe000)) throw notWellFormed()
  return at + 2
}

function isCharacter(code: number): boolean {
  if (code < space) return code === tab || code === newline || code === carriageReturn
  return code < firstSurrogate || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff)
}

const reference = /&(?:amp|lt|gt|quot|apos|#(?:\d{1,30}|x[0-9A-Fa-f]{1,30}));/y
/** References with more digits are refused, because what is unfinished is read again with the next chunk. */
const unfinished = /&(?:[a-z]{0,4}|#\d{0,30}|#x[0-9A-Fa-f]{0,30})$/y

/** XML 1.0 §4.1, §4.6. -1 if the reference is unfinished. */
function endOfReference(text: string, at: number): number {
  reference.lastIndex = at
  if (reference.test(text)) {
    const end = reference.lastIndex
    if (text[at + 1] === '#' && !isCharacter(numberIn(text.slice(at, end)))) throw notWellFormed()
    return end
  }
  unfinished.lastIndex = at
  if (!unfinished.test(text)) throw notWellFormed()
  return -1
}

const numberIn = (written: string) => Number(written.slice(2, -1).replace('x', '0x'))

const meant: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'" }

/** For checked text. */
export function withoutReferences(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&[^;]{2,32};/g, each => meant[each] ?? String.fromCodePoint(numberIn(each)))
}

/** The value of an attribute, with spaces for other white space (XML 1.0 §2.11, §3.3.3). */
export function readValue(written: string): string {
  return withoutReferences(withSpaces(written))
}

/** Works on bytes, because 4 MiB of line feeds would take a second with `replace`. */
function withSpaces(text: string): string {
  const bytes = Buffer.from(text)
  let to = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === carriageReturn && bytes[at + 1] === newline) continue
    bytes[to++] = byte < space ? space : byte
  }
  return bytes.toString('utf8', 0, to)
}

export function isLarger(text: string, start: number, end: number, bytes: number): boolean {
  return (end - start) * 3 > bytes && Buffer.byteLength(text.slice(start, end)) > bytes
}
