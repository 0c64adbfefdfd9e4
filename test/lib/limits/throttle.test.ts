import { expect, test } from '@jest/globals'
import { onceAMinute } from '../../../src/lib/limits/throttle.js'

test('each key is allowed once a minute', () => {
  let now = 0
  const isDue = onceAMinute<string>({ now: () => now })
  expect([isDue('a'), isDue('a'), isDue('b')]).toEqual([true, false, true])
  now = 59_999
  expect(isDue('a')).toBe(false)
  now = 60_000
  expect([isDue('a'), isDue('a')]).toEqual([true, false])
})
