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

/** Stores audit lines in JSON, of at most 4 KiB each. */
export class RecentAudit {
  readonly all = new RecentLines(500)
  readonly failures = new RecentLines(200)

  add(line: string): void {
    this.all.add(line)
    const isOfLogin = /"msg":"(?:warm|connect|client login)"/.test(line)
    if (isOfLogin && !/"code":"(?:ok|client-gone)"/.test(line)) this.failures.add(line)
  }
}
