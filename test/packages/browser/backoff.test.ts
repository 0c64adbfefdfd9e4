import { expect, jest, test } from '@jest/globals'
import { Backoff } from '../../../src/packages/browser/backoff.js'
import { useFakeTimers } from '../../support/fake-timers.js'

useFakeTimers()

test.each([
  [90, 90],
  [2_147_484, 3600],
  [1_000_000_000, 3600],
  [Number.POSITIVE_INFINITY, 3600],
])('if a backend wants a pause of %d seconds, it has %d seconds', (wanted, seconds) => {
  const call = jest.fn()
  expect(new Backoff().next(wanted, call)).toBe(seconds)
  jest.advanceTimersByTime(seconds * 1000 - 1)
  expect(call).not.toHaveBeenCalled()
  jest.advanceTimersByTime(1)
  expect(call).toHaveBeenCalledTimes(1)
})
