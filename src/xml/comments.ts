/**
 * XML without its comments; one that has no end stays, to be refused. A regular expression would look for that end from
 * each beginning anew.
 */
export function withoutComments(text: string): string {
  let rest = ''
  let at = 0
  for (;;) {
    const start = text.indexOf('<!--', at)
    const end = start === -1 ? -1 : text.indexOf('-->', start + 4)
    if (end === -1) return rest + text.slice(at)
    rest += text.slice(at, start)
    at = end + 3
  }
}
