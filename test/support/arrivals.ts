/** What comes, handed out in the order in which it came. */
export class Arrivals<T> {
  readonly #arrived: T[] = []
  #wake: () => void = () => {}

  /** How many wait to be handed out. */
  get size(): number {
    return this.#arrived.length
  }

  add(arrival: T): void {
    this.#arrived.push(arrival)
    this.#wake()
  }

  /** Resolves with the next one, once it has come. */
  async next(): Promise<T> {
    while (this.#arrived.length === 0)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    return this.#arrived.shift()!
  }
}
