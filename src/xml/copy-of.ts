/** A text of its own: a part of a text keeps the whole in memory, however long that is and for however long it is kept. */
export function copyOf(text: string): string {
  return Buffer.from(text).toString()
}
