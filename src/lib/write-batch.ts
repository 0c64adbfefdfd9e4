// `nextTick` is imported, because the global `process` is a slow getter.
import { nextTick } from 'node:process'

/**
 * Acts on the items at the end of this turn of the event loop, or as soon as there are `most` items. An error does not
 * stop the other items. 8 to 16 items were fastest.
 */
export function writeBatch<T>(most: number, act: (item: T) => void): (item: T) => void {
  let items: T[] = []
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
