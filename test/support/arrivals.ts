/** What comes, handed out in the order in which it came. */
export class Arrivals<T> {
  readonly #arrived: T[] = []
  #wake: () => void = () => {}

  get size(): number {
    return this.#arrived.length
  }

  add(arrival: T): void {
    this.#arrived.push(arrival)
    this.#wake()
  }

  async next(): Promise<T> {
    while (this.#arrived.length === 0)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    return this.#arrived.shift()!
  }
}
