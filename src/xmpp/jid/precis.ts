// RFC 8264 §4, §8, §9, for text that was mapped and composed before. The Bidi Rule is left to XMPP servers.

/** Exceptions (RFC 8264 §9.6, RFC 5892 §2.6). */
const valid = '\u00df\u03c2\u06fd\u06fe\u0f0b\u3007'
const invalid = '\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b'
const inContext = '\u200c\u200d\u00b7\u0375\u05f3\u05f4\u30fb\u0660-\u0669\u06f0-\u06f9'
/** RFC 8264 §9.9. */
const oldHangulJamo = '\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb'
const letterDigits = '\\p{Ll}\\p{Lu}\\p{Lo}\\p{Nd}\\p{Lm}\\p{Mn}\\p{Mc}'

/** Disallowed in IdentifierClass and FreeformClass (RFC 8264 §9.6, §9.9, §9.10, §9.12, §9.13). */
const neither = new RegExp(
  `(?![${valid}${inContext}])[${invalid}${oldHangulJamo}\\p{Cn}\\p{Cc}\\p{Cs}\\p{Co}\\p{Default_Ignorable_Code_Point}]`,
  'u',
)
const noIdentifier = new RegExp(`[^\\x21-\\x7e${valid}${inContext}${letterDigits}]`, 'u')

/** Combining class 9 (RFC 5892 A.1, A.2). */
const viramas =
  '\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1715' +
  '\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed\u{10a3f}\u{11046}' +
  '\u{11070}\u{1107f}\u{110b9}\u{11133}\u{11134}\u{111c0}\u{11235}\u{112ea}\u{1134d}\u{11442}\u{114c2}\u{115bf}\u{1163f}' +
  '\u{116b6}\u{1172b}\u{11839}\u{1193d}\u{1193e}\u{119e0}\u{11a34}\u{11a47}\u{11a99}\u{11c3f}\u{11d44}\u{11d45}\u{11d97}'
/** All letters of these scripts count as joining, because JavaScript lacks `Joining_Type`. */
const joined = 'Arab Syrc Mand Nkoo Mong Phag Mani Phlp Rohg Sogd Adlm Ougr Chrs'.replace(/(\w+) ?/g, '\\p{Script=$1}')

/** RFC 5892 Appendix A. */
const outOfContext = [
  new RegExp(`(?<![${viramas}])\\u200d`, 'u'),
  new RegExp(`(?<![${viramas}])(?<![${joined}]\\p{Mn}*)\\u200c|(?<![${viramas}])\\u200c(?!\\p{Mn}*[${joined}])`, 'u'),
  /(?<!l)\u00b7|\u00b7(?!l)/u,
  /\u0375(?!\p{Script=Grek})/u,
  /(?<!\p{Script=Hebr})[\u05f3\u05f4]/u,
]
const digits = [/[\u0660-\u0669]/, /[\u06f0-\u06f9]/]

/** Whether IdentifierClass (RFC 8264 §4.2) can contain these characters, without their context. */
export function isInIdentifiers(text: string): boolean {
  return !neither.test(text) && !noIdentifier.test(text) && text.normalize('NFKC') === text
}

/** Whether FreeformClass (RFC 8264 §4.3) can contain these characters, without their context. */
export const isInFreeforms = (text: string): boolean => !neither.test(text)

export function fitsContext(text: string): boolean {
  if (outOfContext.some(misplaced => misplaced.test(text))) return false
  if (text.includes('\u30fb') && !/[\p{Script=Hira}\p{Script=Kana}\p{Script=Hani}]/u.test(text)) return false
  return !digits.every(kind => kind.test(text))
}
