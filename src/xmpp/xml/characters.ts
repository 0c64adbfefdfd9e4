import { XmlError } from './xml-error.js'

const tab = 0x09
const newline = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const ampersand = 0x26
const less = 0x3c
const greater = 0x3e
const bracket = 0x5d
const firstSurrogate = 0xd800

/** A longer reference is refused, because what is unfinished is read again with the next chunk. */
const longestReference = 256

/** Characters that need no look at others. */
export const plainBut = (others: string) =>
  Uint8Array.from({ length: 0x80 }, (_, code) => (code < space || others.includes(String.fromCharCode(code)) ? 0 : 1))
const plainInText = plainBut('<>&')

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

/** 0 beyond the end. Without the check, V8 would not inline `charCodeAt` once a text has ended. */
export function codeAt(text: string, at: number): number {
  return at < text.length ? text.charCodeAt(at) : 0
}

export function isSpace(code: number): boolean {
  return code === space || code === newline || code === tab || code === carriageReturn
}

export function endOfSpace(text: string, at: number): number {
  while (isSpace(codeAt(text, at))) at += 1
  return at
}

/** Of what follows the name in an end tag. -1 if the tag is unfinished. */
export function endOfEndTag(text: string, nameEnd: number): number {
  const end = endOfSpace(text, nameEnd)
  if (end >= text.length) return -1
  if (codeAt(text, end) !== greater) throw notWellFormed()
  return end + 1
}

/** Whether a name begins here (XML 1.0 §2.3). Local names do not begin with a colon. */
export function isNameStart(text: string, at: number): boolean {
  const code = codeAt(text, at)
  if (code < 0x80) return inNames[code] === beginsName
  wideStart.lastIndex = at
  return wideStart.test(text)
}

/** The end of an ASCII name without a colon, or `at`. */
export function endOfAsciiName(text: string, at: number): number {
  if (inNames[codeAt(text, at)] !== beginsName) return at
  let end = at + 1
  while (inNames[codeAt(text, end)]! > 0) end += 1
  return end
}

/** The end of characters of names, including colons. */
export function endOfNameCharacters(text: string, at: number): number {
  nameCharacters.lastIndex = at
  return nameCharacters.test(text) ? nameCharacters.lastIndex : at
}

/** The offset of the next `<`, or of what is unfinished at the end of the text. */
export function endOfText(text: string, from: number): number {
  const { length } = text
  for (let at = from; at < length; ) {
    const code = text.charCodeAt(at)
    if (code < 0x80 ? plainInText[code] === 1 : code < firstSurrogate) at += 1
    else if (code === less) return at
    else if (code === ampersand) {
      const end = endOfReference(text, at)
      if (end < 0) return at
      at = end
    } else if (code === greater && text.charCodeAt(at - 1) === bracket && text.charCodeAt(at - 2) === bracket)
      throw notWellFormed()
    else at = endOfCharacter(text, at, code)
  }
  return withoutBrackets(text, from)
}

/** Leaves brackets at the end of the text, because `]]>` may follow. */
export function withoutBrackets(text: string, from: number): number {
  const open = text.endsWith(']]') ? 2 : text.endsWith(']') ? 1 : 0
  return Math.max(from, text.length - open)
}

/** XML 1.0 §2.2. */
export function endOfCharacter(text: string, at: number, code: number): number {
  if (isCharacter(code)) return at + 1
  const next = codeAt(text, at + 1)
  if (code < firstSurrogate || code >= 0xdc00 || !(next >= 0xdc00 && next < 0xe000)) throw notWellFormed()
  return at + 2
}

function isCharacter(code: number): boolean {
  if (code < space) return code === tab || code === newline || code === carriageReturn
  return code < firstSurrogate || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff)
}

const reference = /&(?:amp|lt|gt|quot|apos|#(?:\d+|x[0-9A-Fa-f]+));/y
const unfinished = /&(?:[a-z]{0,4}|#\d*|#x[0-9A-Fa-f]*)$/y

/** XML 1.0 §4.1, §4.6. -1 if the reference is unfinished. */
export function endOfReference(text: string, at: number): number {
  reference.lastIndex = at
  if (reference.test(text)) {
    const end = reference.lastIndex
    if (text[at + 1] === '#' && !isCharacter(numberIn(text.slice(at, end)))) throw notWellFormed()
    return end
  }
  unfinished.lastIndex = at
  if (text.length - at > longestReference || !unfinished.test(text)) throw notWellFormed()
  return -1
}

const numberIn = (written: string) => Number(written.slice(2, -1).replace('x', '0x'))

const meant: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'" }

/** For checked text. */
export function withoutReferences(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&[^;]*;/g, each => meant[each] ?? String.fromCodePoint(numberIn(each)))
}

export function isLarger(text: string, start: number, end: number, bytes: number): boolean {
  return (end - start) * 3 > bytes && Buffer.byteLength(text.slice(start, end)) > bytes
}
