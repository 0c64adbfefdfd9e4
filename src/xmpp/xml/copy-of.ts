/** A text of its own: a part of a text keeps the whole in memory, however long that is and for however long it is kept. */
export function copyOf(text: string): string {
  return Buffer.from(text).toString()
}

/** Shorter texts are kept whole by their parts, in UTF-16 units. */
const shortWhole = 4096
/** A part keeps a text in memory that is at most so many times as long. */
const mostKept = 4

/** Whether a part of a text should be copied, because it may be kept for long: 0.3 us for 240 characters. */
export function keepsTooMuch(part: number, whole: number): boolean {
  return whole > shortWhole && part * mostKept < whole
}
