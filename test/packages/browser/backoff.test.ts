import { expect, jest, test } from '@jest/globals'
import { Backoff } from '../../../src/packages/browser/backoff.js'
import { useFakeTimers } from '../../support/fake-timers.js'

useFakeTimers()

test.each([1_000_000_000, 2_147_484, Number.POSITIVE_INFINITY])(
  'waits for an hour if a backend wants %d seconds',
  seconds => {
    let calls = 0
    const told = new Backoff().next(seconds, () => {
      calls += 1
    })
    expect(told).toBe(3600)
    jest.advanceTimersByTime(3_599_000)
    expect(calls).toBe(0)
    jest.advanceTimersByTime(1000)
    expect(calls).toBe(1)
  },
)

test('waits as long as a backend requests', () => {
  expect(new Backoff().next(90, () => {})).toBe(90)
})
