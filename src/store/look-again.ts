import { type Clock, pause } from '../lib/clock.js'

/** In milliseconds. Doubled after each look. */
const firstPause = 100
const longestPause = 800

/** While another process takes a session up, the store has no entry of it. */
export const looksForMoving = 2

/** In six seconds: longer than the entry of a dead process lives. */
export const looksForDead = 11

/** Looks up to `most` times, until there is something else than undefined. */
export async function lookAgain<T>(
  look: () => Promise<T | undefined>,
  most: () => number,
  clock: Clock,
): Promise<T | undefined> {
  for (let looks = 1; ; looks++) {
    const found = await look()
    if (found !== undefined || looks >= most()) return found
    await pause(clock, Math.min(longestPause, firstPause * 2 ** (looks - 1)))
  }
}
