/** A comment without an end stays, and is refused later. */
export function withoutComments(text: string): string {
  return replaceParts(text, '<!--', '-->', () => '')
}

/** A regular expression would take quadratic time if `closing` is missing. */
export function replaceParts(
  text: string,
  opening: string,
  closing: string,
  replacement: (part: string) => string,
): string {
  let replaced = ''
  let at = 0
  for (;;) {
    const start = text.indexOf(opening, at)
    const end = start < 0 ? -1 : text.indexOf(closing, start + opening.length)
    if (end < 0) return replaced + text.slice(at)
    const behind = end + closing.length
    replaced += text.slice(at, start) + replacement(text.slice(start, behind))
    at = behind
  }
}
