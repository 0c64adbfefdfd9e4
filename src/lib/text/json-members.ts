/** Includes repeated names. `json` must be valid. */
export function memberNames(json: string): string[] {
  const names: string[] = []
  let depth = 0
  let lastString = ''
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '{':
      case '[':
        depth += 1
        break
      case '}':
      case ']':
        depth -= 1
        break
      case ':':
        if (depth === 1) names.push(JSON.parse(lastString))
        break
      case '"': {
        const start = at
        do at += json[at] === '\\' ? 2 : 1
        while (json[at] !== '"')
        if (depth === 1) lastString = json.slice(start, at + 1)
      }
    }
  }
  return names
}
