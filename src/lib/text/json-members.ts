/** A string with the colon after it, or a bracket. */
const tokens = /("(?:[^"\\]|\\.)*")\s*(:?)|[{}[\]]/g

/** Includes repeated names. `json` must be valid. */
export function memberNames(json: string): string[] {
  const names: string[] = []
  let depth = 0
  for (const [token, text, colon] of json.matchAll(tokens)) {
    if (text === undefined) depth += token === '{' || token === '[' ? 1 : -1
    else if (colon && depth === 1) names.push(JSON.parse(text))
  }
  return names
}
