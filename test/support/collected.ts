import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects all garbage; what was looked at in this turn of the event loop may stay. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  // Other threads may still sweep, and what is not swept counts as used. The next collection waits for them.
  collect()
}

/** Resolves with whether nothing keeps an object any more. */
export async function isCollected(reference: WeakRef<object>): Promise<boolean> {
  // What was looked at in a turn of the event loop stays until its end, and a promise takes a few to let go.
  for (let turn = 0; turn < 10 && reference.deref() !== undefined; turn++) {
    await new Promise(resolve => setImmediate(resolve))
    collectGarbage()
  }
  return reference.deref() === undefined
}
