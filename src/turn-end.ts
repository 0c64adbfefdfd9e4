/**
 * Puts things off until the end of this turn of the event loop. What is written together then wakes its reader once and
 * gives it many things to read; each written alone would set it running at once, often in our place.
 */
export class TurnEnd<T> {
  readonly #act: (item: T) => void
  #items: T[] = []

  /** `act` is called once for each thing put off, in their order. One that it fails at does not keep it from the others. */
  constructor(act: (item: T) => void) {
    this.#act = act
  }

  add(item: T): void {
    if (this.#items.length === 0) setImmediate(() => this.#run())
    this.#items.push(item)
  }

  #run(): void {
    const items = this.#items
    this.#items = []
    let done = 0
    try {
      for (; done < items.length; done++) this.#act(items[done]!)
    } finally {
      for (const item of items.slice(done + 1)) this.add(item)
    }
  }
}
