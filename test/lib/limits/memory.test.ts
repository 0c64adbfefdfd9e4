import { describe, expect, jest, test } from '@jest/globals'
import { memoryAllows, memoryMeasure } from '../../../src/lib/limits/memory.js'
import { FakeClock } from '../../support/fake-clock.js'

describe('the memory for sessions', () => {
  let full = 0
  const start = () => {
    const clock = new FakeClock()
    const allows = memoryAllows(clock, () => full)
    return { clock, allows }
  }

  test('allows any number until it is full, and again when memory is free', () => {
    const { allows } = start()
    full = 0.99
    expect(allows(1_000_000)).toBe(true)
    full = 1
    expect(allows(1_000)).toBe(false)
    full = 0.5
    expect(allows(5_000)).toBe(true)
  })

  test('allows new sessions in place of many ended sessions, although the heap still looks full', () => {
    const { allows } = start()
    full = 1
    expect([allows(1_000), allows(950), allows(900), allows(899), allows(0)]).toEqual([false, false, false, true, true])
  })

  test('allows a few more from time to time if the measured size stays the same', () => {
    const { clock, allows } = start()
    full = 1.5
    expect([allows(100), allows(90)]).toEqual([false, false])
    clock.advance(60_000)
    expect([allows(189), allows(190)]).toEqual([true, false])
    clock.advance(60_000)
    // New sessions have taken more memory.
    full = 1.6
    expect([allows(189), allows(190)]).toEqual([true, false])
    clock.advance(60_000)
    full = 1.5
    expect([allows(289), allows(290)]).toEqual([true, false])
    // A tenth more of many.
    const many = start()
    full = 1
    expect(many.allows(10_000)).toBe(false)
    many.clock.advance(60_000)
    expect([many.allows(9_899), many.allows(9_900)]).toEqual([true, false])
  })

  test('allows one session if it was full before the first session', () => {
    const { allows } = start()
    full = 1
    expect([allows(0), allows(1)]).toEqual([true, false])
  })
})

describe('the memory of this process', () => {
  test.each<[number, (full: number) => boolean]>([
    [0, full => full > 0 && full < 1],
    [1, full => full > 1],
    [1_000_000, full => full > 0 && full < 1],
  ])('is measured against the heap, and against %i MiB if that is set', (megabytes, holds) => {
    const full = memoryMeasure(new FakeClock(), megabytes)()
    expect([full, holds(full)]).toEqual([full, true])
  })

  test('is measured at most four times a second, because that reads files', () => {
    const clock = new FakeClock()
    const measure = memoryMeasure(clock, 0)
    const resident = jest.spyOn(process.memoryUsage, 'rss')
    try {
      for (let call = 0; call < 100; call++) {
        measure()
        clock.advance(10)
      }
      expect(resident).toHaveBeenCalledTimes(4)
    } finally {
      resident.mockRestore()
    }
  })

  test('includes data outside of the heap that waits for clients', () => {
    const resident = jest.spyOn(process.memoryUsage, 'rss').mockReturnValue(3_000 * 2 ** 20)
    try {
      expect(memoryMeasure(new FakeClock(), 3_100)()).toBeLessThan(1)
      expect(memoryMeasure(new FakeClock(), 2_900)()).toBeGreaterThan(1)
    } finally {
      resident.mockRestore()
    }
  })
})
