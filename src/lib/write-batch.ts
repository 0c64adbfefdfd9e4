// The global is looked up by a getter each time.
import { nextTick } from 'node:process'

/**
 * Puts things off until the end of this turn of the event loop, or until as many of them wait as are done at once. What
 * is written together wakes its reader once and gives it many things to read; each written alone would set it running at
 * once, often in our place. All of a busy turn at once would leave it idle until then, and us while it works.
 */
export class WriteBatch<T> {
  readonly #most: number
  readonly #act: (item: T) => void
  #items: T[] = []
  /** Whether the end of this turn is waited for. */
  #isDue = false

  /**
   * `act` is called once for each thing put off, in their order; one that it fails at does not keep it from the others.
   * As soon as `most` of them wait they are done when what runs now has come to its end.
   */
  constructor(most: number, act: (item: T) => void) {
    this.#most = most
    this.#act = act
  }

  add(item: T): void {
    this.#items.push(item)
    if (!this.#isDue) {
      this.#isDue = true
      setImmediate(() => {
        this.#isDue = false
        this.#run()
      })
    }
    if (this.#items.length === this.#most) nextTick(() => this.#run())
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
