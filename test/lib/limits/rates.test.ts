import { describe, expect, jest, test } from '@jest/globals'
import { Rate } from '../../../src/lib/limits/rates.js'
import { useFakeTimers } from '../../support/fake-timers.js'

useFakeTimers({ hasTurns: true })

const pass = (seconds: number) => jest.advanceTimersByTime(seconds * 1000)

describe('a rate limit', () => {
  test('limits each key separately within its period', async () => {
    const rate = new Rate(2, 60)
    expect([await rate.take('a'), await rate.take('a'), await rate.take('a')]).toEqual([undefined, undefined, 60])
    expect(await rate.take('b')).toBeUndefined()
    pass(20.5)
    expect(await rate.take('a')).toBe(40)
  })

  test('returns the count and the time to wait, without counting', async () => {
    const rate = new Rate(2, 60)
    expect([await rate.count('a'), await rate.wait('a')]).toEqual([0, undefined])
    await rate.take('a')
    expect([await rate.count('a'), await rate.wait('a')]).toEqual([1, undefined])
    await rate.take('a')
    pass(59.5)
    expect([await rate.count('a'), await rate.wait('a')]).toEqual([2, 1])
    pass(0.5)
    expect([await rate.count('a'), await rate.wait('a')]).toEqual([0, undefined])
  })

  test('keeps no client after its period', async () => {
    const rate = new Rate(1, 60)
    for (let client = 0; client < 100; client++) await rate.take(String(client))
    expect(jest.getTimerCount()).toBe(100)
    pass(60)
    expect(jest.getTimerCount()).toBe(0)
  })
})
