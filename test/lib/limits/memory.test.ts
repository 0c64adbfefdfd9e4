import { describe, expect, test } from '@jest/globals'
import { memoryAllows, memoryMeasure } from '../../../src/lib/limits/memory.js'
import { FakeClock } from '../../support/fake-clock.js'

describe('the memory for sessions', () => {
  let full = 0
  let looks = 0
  const start = () => {
    const clock = new FakeClock()
    const measure = () => {
      looks += 1
      return full
    }
    const bears = memoryAllows(clock, measure)
    /** Asks again after a second. */
    const later = (sessions: number) => {
      clock.advance(1_000)
      return bears(sessions)
    }
    return { clock, bears, later }
  }

  test('allows any number until it is full, and then no more', () => {
    const { later } = start()
    full = 0.99
    expect(later(1_000_000)).toBe(true)
    full = 1
    expect(later(1_000_000)).toBe(false)
  })

  test('allows new sessions in place of many ended sessions, although the heap still looks full', () => {
    const { later } = start()
    full = 1
    expect([later(1_000), later(950), later(900), later(899), later(0)]).toEqual([...[false, false, false, true, true]])
  })

  test('allows any number again when memory is free', () => {
    const { later } = start()
    full = 1.2
    expect(later(1_000)).toBe(false)
    full = 0.5
    expect(later(5_000)).toBe(true)
  })

  test('allows a few more from time to time if the measured size stays the same', () => {
    const { clock, later } = start()
    full = 1.5
    expect([later(100), later(90)]).toEqual([false, false])
    clock.advance(60_000)
    expect([later(98), later(99)]).toEqual([true, false])
    clock.advance(60_000)
    // New sessions have taken more memory.
    full = 1.6
    expect([later(98), later(99)]).toEqual([true, false])
    clock.advance(60_000)
    full = 1.5
    expect([later(108), later(109)]).toEqual([true, false])
  })

  test('allows one session if it was full before the first session', () => {
    const { later } = start()
    full = 1
    expect([later(0), later(1)]).toEqual([true, false])
  })

  test('is measured again after a second, or after twenty sessions', () => {
    const { clock, bears } = start()
    const looksAt = (calls: number, milliseconds: number) => {
      looks = 0
      for (let call = 0; call < calls; call++) {
        bears(call)
        clock.advance(milliseconds)
      }
      return looks
    }
    full = 0
    expect(looksAt(10, 100)).toBe(1)
    expect(looksAt(10, 1_000)).toBe(10)
    expect(looksAt(100, 0)).toBe(5)
  })
})

describe('the memory of this process', () => {
  test.each<[number, (full: number) => boolean]>([
    [0, full => full > 0 && full < 1],
    [1, full => full > 1],
    [1_000_000, full => full > 0 && full < 1],
  ])('is measured against the heap, and against %i MiB if that is set', (megabytes, holds) => {
    const full = memoryMeasure(megabytes)()
    expect([full, holds(full)]).toEqual([full, true])
  })

  test('includes data outside of the heap that waits for clients', () => {
    // Allocated first, because the allocation may cause a collection that frees as much memory.
    const waiting = Buffer.alloc(150 * 2 ** 20, 'x')
    const resident = process.memoryUsage.rss() / 2 ** 20
    expect(memoryMeasure(Math.ceil(resident) + 75)()).toBeLessThan(1)
    expect(memoryMeasure(Math.floor(resident) - 75)()).toBeGreaterThan(1)
    expect(waiting).toHaveLength(150 * 2 ** 20)
  })
})
