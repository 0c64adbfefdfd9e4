// Random text of any characters: half of them are of ASCII, where markup is.
import fc from 'fast-check'

/** Without halves of surrogate pairs. fast-check's own (`unit: 'binary'`) takes a second to begin with. */
const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff - 0x800 })
  .map(code => String.fromCodePoint(code < 0xd800 ? code : code + 0x800))

export const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0x7f }).map(code => String.fromCharCode(code)),
      anyCharacter,
    ),
  )
  .map(characters => characters.join(''))
