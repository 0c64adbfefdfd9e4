export class RecentLines {
  readonly #most: number
  readonly #lines: string[] = []
  #count = 0

  constructor(most: number) {
    this.#most = most
  }

  add(line: string): void {
    this.#lines[this.#count % this.#most] = line
    this.#count += 1
  }

  *newestFirst(): Iterable<readonly [number: number, line: string]> {
    for (let number = this.#count - 1; number >= Math.max(0, this.#count - this.#most); number--)
      yield [number, this.#lines[number % this.#most]!]
  }
}
