/** A substring keeps its whole source in memory. */
export function copyOf(text: string): string
export function copyOf(text: string | undefined): string | undefined
export function copyOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text).toString()
}

/** Substrings of shorter sources are not copied. */
const shortWhole = 4096
/** Most memory of a substring, as a multiple of its length. */
const mostKept = 4

export function keepsTooMuch(part: number, whole: number): boolean {
  return whole > shortWhole && part * mostKept < whole
}
