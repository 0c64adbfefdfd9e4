/** Milliseconds. Another process of the service continues a session within ten seconds. */
const longestPause = 20_000
const mostShown = 100

/** Characters of each part of a key, so that what others send does not fill the memory. */
const mostOfPart = 300

export function keyOf(...parts: readonly unknown[]): string {
  return parts
    .map(String)
    .map(text => text.slice(0, mostOfPart) + text.length)
    .join('\n')
}

type Shown = readonly [content: string, at: number]

/**
 * Messages without an id that come again after a break of the connection. A server repeats the last messages if a
 * process of the service has died, in their order and before new messages.
 */
export class RepeatedMessages {
  #shown: readonly Shown[] = []
  #expected: readonly Shown[] = []

  broken(): void {
    this.#expected = this.#shown
  }

  isAgain(content: string): boolean {
    const now = Date.now()
    const place = this.#expected.findIndex(([text, at]) => text === content && now - at < longestPause) + 1
    this.#expected = place ? this.#expected.slice(place) : []
    if (!place) this.#shown = [...this.#shown, [content, now] as const].slice(-mostShown)
    return place > 0
  }
}
