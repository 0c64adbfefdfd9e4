import { jest } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'

/** From now on, what is due after exactly `ms` milliseconds of the system's clock waits for the returned function. */
export function holdTimers(ms: number): () => void {
  const { after } = systemClock
  const waiting = new Set<() => void>()
  const spy = jest.spyOn(systemClock, 'after').mockImplementation((delay, callback) => {
    if (delay !== ms) return after(delay, callback)
    waiting.add(callback)
    return { cancel: () => void waiting.delete(callback) }
  })
  return () => {
    spy.mockRestore()
    for (const callback of waiting) callback()
    waiting.clear()
  }
}
