/** Names a character for messages: `é (U+00E9)`, or `U+200B` if it is not visible. */
export function namedCharacter(character: string): string {
  const hex = character.codePointAt(0)!.toString(16)
  const code = `U+${hex.toUpperCase().padStart(4, '0')}`
  const isVisible = !/[\p{C}\p{M}\p{Z}]/u.test(character)
  if (isVisible) return `${character} (${code})`
  return character === ' ' ? `space (${code})` : code
}
