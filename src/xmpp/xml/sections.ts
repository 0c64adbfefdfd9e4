export const sectionStart = '<![CDATA['
export const sectionEnd = ']]>'

/** Replaces CDATA sections, and the parts between them. The text must have been checked. */
export function replaceSections(
  text: string,
  between: (part: string) => string,
  inside: (part: string) => string,
): string {
  let replaced = ''
  for (let at = 0; ; ) {
    const section = text.indexOf(sectionStart, at)
    if (section < 0) return replaced + between(text.slice(at))
    const end = text.indexOf(sectionEnd, section)
    replaced += between(text.slice(at, section)) + inside(text.slice(section + sectionStart.length, end))
    at = end + sectionEnd.length
  }
}
