// The global is looked up by a getter each time.
import { nextTick } from 'node:process'

/**
 * Puts things off until the end of this turn of the event loop, or until `most` of them wait: then they are done when what
 * runs now has come to its end. What is written together wakes its reader once and gives it many things to read; each
 * written alone would set it running at once, often in our place. All of a busy turn at once would leave it idle until
 * then, and us while it works.
 *
 * `act` is called once for each thing put off, in their order; one that it fails at does not keep it from the others.
 */
export function writeBatch<T>(most: number, act: (item: T) => void): (item: T) => void {
  let items: T[] = []
  /** Whether the end of this turn is waited for. */
  let isDue = false

  function add(item: T): void {
    items.push(item)
    if (!isDue) {
      isDue = true
      setImmediate(() => {
        isDue = false
        run()
      })
    }
    if (items.length === most) nextTick(run)
  }

  function run(): void {
    const due = items
    items = []
    let done = 0
    try {
      for (; done < due.length; done++) act(due[done]!)
    } finally {
      for (const item of due.slice(done + 1)) add(item)
    }
  }

  return add
}
