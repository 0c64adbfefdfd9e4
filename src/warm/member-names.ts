const quote = 0x22
const backslash = 0x5c

/**
 * The names of an object's own members, in order and as often as they stand there. The text must have passed
 * `JSON.parse`, which hides repetitions. Each character is looked at once.
 */
export function memberNames(text: string): string[] {
  const names: string[] = []
  let depth = 0
  /** Where the last string begins, and ends: a name where a colon follows. */
  let start = 0
  let end = 0
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
      case '[':
        depth += 1
        break
      case '}':
      case ']':
        depth -= 1
        break
      case ':':
        if (depth === 1) names.push(JSON.parse(text.slice(start, end)))
        break
      case '"':
        start = at
        at = endOfString(text, at)
        end = at + 1
    }
  }
  return names
}

/** Where the quote is that ends the string which begins here. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1
  return at
}
