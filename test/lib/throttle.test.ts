import { expect, test } from '@jest/globals'
import { Throttle } from '../../src/lib/throttle.js'

test('each thing is due once a minute', () => {
  let now = 0
  const throttle = new Throttle<string>({ now: () => now })
  expect([throttle.isDue('a'), throttle.isDue('a'), throttle.isDue('b')]).toEqual([true, false, true])
  now = 59_999
  expect(throttle.isDue('a')).toBe(false)
  now = 60_000
  expect([throttle.isDue('a'), throttle.isDue('a')]).toEqual([true, false])
})
