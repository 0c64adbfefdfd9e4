// Which characters the parts of a JID may have: the string classes of PRECIS (RFC 8264 §4, §8, §9), by the properties that
// Unicode gives them. Of a text that is mapped and composed already; the Bidi Rule is the XMPP server's to apply.

/** Those that are decided one by one (RFC 8264 §9.6, RFC 5892 §2.6). */
const valid = '\u00df\u03c2\u06fd\u06fe\u0f0b\u3007'
const invalid = '\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b'
/** What is valid beside certain others only, and looked at by `fitsContext`. */
const inContext = '\u200c\u200d\u00b7\u0375\u05f3\u05f4\u30fb\u0660-\u0669\u06f0-\u06f9'
/** The parts of syllables that old texts are written with (RFC 8264 §9.9). */
const oldHangulJamo = '\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb'
const letterDigits = '\\p{Ll}\\p{Lu}\\p{Lo}\\p{Nd}\\p{Lm}\\p{Mn}\\p{Mc}'

/** What neither class has (RFC 8264 §9.11, §9.12); a character of these takes precedence over what else it is. */
const neither = new RegExp(
  `(?![${valid}${inContext}])[${invalid}${oldHangulJamo}\\p{Cn}\\p{Cc}\\p{Cs}\\p{Co}\\p{Default_Ignorable_Code_Point}]`,
  'u',
)
const noIdentifier = new RegExp(`[^\\x21-\\x7e${valid}${inContext}${letterDigits}]`, 'u')

/** Of combining class 9: they join consonants (RFC 5892 A.1, A.2). */
const viramas =
  '\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1715' +
  '\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed\u{10a3f}\u{11046}' +
  '\u{11070}\u{1107f}\u{110b9}\u{11133}\u{11134}\u{111c0}\u{11235}\u{112ea}\u{1134d}\u{11442}\u{114c2}\u{115bf}\u{1163f}' +
  '\u{116b6}\u{1172b}\u{11839}\u{1193d}\u{1193e}\u{119e0}\u{11a34}\u{11a47}\u{11a99}\u{11c3f}\u{11d44}\u{11d45}\u{11d97}'
/** Scripts whose letters are joined; which of them are joined on which side is not looked at. */
const joined = 'Arab Syrc Mand Nkoo Mong Phag Mani Phlp Rohg Sogd Adlm Ougr Chrs'.replace(
  /(\w+) ?/g,
  '\\p{Script=$1}',
)

/** What stands where it may not (RFC 5892 Appendix A). */
const outOfContext = [
  new RegExp(`(?<![${viramas}])\\u200d`, 'u'),
  new RegExp(
    `(?<![${viramas}])(?<![${joined}]\\p{Mn}*)\\u200c|(?<![${viramas}])\\u200c(?!\\p{Mn}*[${joined}])`,
    'u',
  ),
  /(?<!l)\u00b7|\u00b7(?!l)/u,
  /\u0375(?!\p{Script=Grek})/u,
  /(?<!\p{Script=Hebr})[\u05f3\u05f4]/u,
]
const digits = [/[\u0660-\u0669]/, /[\u06f0-\u06f9]/]

/** Whether a text consists of characters that names have (RFC 8264 §4.2): letters and digits of any script, and ASCII. */
export function isIdentifier(text: string): boolean {
  // A character that is only another form of others is no identifier's; a composed text has none that are the same.
  return (
    !neither.test(text) && !noIdentifier.test(text) && text.normalize('NFKC') === text && fitsContext(text)
  )
}

/** Whether a text consists of characters that may be in any (RFC 8264 §4.3): symbols, punctuation and spaces as well. */
export function isFreeform(text: string): boolean {
  return !neither.test(text) && fitsContext(text)
}

function fitsContext(text: string): boolean {
  if (outOfContext.some(misplaced => misplaced.test(text))) return false
  if (text.includes('\u30fb') && !/[\p{Script=Hira}\p{Script=Kana}\p{Script=Hani}]/u.test(text)) return false
  return !digits.every(kind => kind.test(text))
}
