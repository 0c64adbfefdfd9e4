import { type Clock, pause } from '../lib/clock.js'

/** Doubled after each look, in milliseconds. */
const firstPause = 100

/** While another process takes a session up, the store has neither an entry nor a record of it. */
export const looksForMoving = 2

/** Looks up to `most` times, until there is something else than undefined. */
export async function lookAgain<T>(
  look: () => Promise<T | undefined>,
  most: () => number,
  clock: Clock,
): Promise<T | undefined> {
  for (let looks = 1; ; looks++) {
    const found = await look()
    if (found !== undefined || looks >= most()) return found
    await pause(clock, firstPause * 2 ** (looks - 1))
  }
}
