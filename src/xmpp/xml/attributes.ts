const attribute = /[ \t\r\n]+([^ \t\r\n=/>]+)[ \t\r\n]*=[ \t\r\n]*(?:"[^"]*"|'[^']*')/y

/** Replaces the attributes of the start tag. The text must have been checked. `written` begins with white space. */
export function replaceAttributes(text: string, replace: (name: string, written: string) => string): string {
  let at = /^<[^ \t\r\n/>]+/.exec(text)![0].length
  let changed = text.slice(0, at)
  for (;;) {
    attribute.lastIndex = at
    const match = attribute.exec(text)
    if (match === null) return changed + text.slice(at)
    const [written, name = ''] = match
    changed += replace(name, written)
    at += written.length
  }
}
