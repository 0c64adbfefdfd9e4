/** Keeps the first `most` items. Sorts seldom, so the cost is linear. */
export class FirstOf<T> {
  readonly #most: number
  readonly #compare: (a: T, b: T) => number
  #items: T[] = []
  #last: T | undefined

  constructor(most: number, compare: (a: T, b: T) => number) {
    this.#most = most
    this.#compare = compare
  }

  add(item: T): void {
    if (this.#last !== undefined && this.#compare(item, this.#last) > 0) return
    this.#items.push(item)
    if (this.#items.length >= 2 * this.#most + slack) this.#shorten()
  }

  get items(): readonly T[] {
    this.#shorten()
    return this.#items
  }

  #shorten(): void {
    this.#items.sort(this.#compare)
    if (this.#items.length <= this.#most) return
    this.#items.length = this.#most
    this.#last = this.#items.at(-1)
  }
}

const slack = 64
