/** V8 copies a shorter substring itself. */
const shortestKeeping = 13

/** Copies the text, because a substring keeps its whole source in memory. */
export function copyOf<Text extends string | undefined>(text: Text): Text {
  return text === undefined || text.length < shortestKeeping ? text : (Buffer.from(text).toString() as Text)
}

const shortWhole = 512
/** A substring is copied if its source exceeds `shortWhole`, and is longer than this many substrings. */
const mostKept = 3

export function keepsTooMuch(part: number, whole: number): boolean {
  return whole > shortWhole && part * mostKept < whole
}
