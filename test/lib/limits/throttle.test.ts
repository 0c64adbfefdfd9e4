import { expect, test } from '@jest/globals'
import { countedOnceAMinute, onceAMinute } from '../../../src/lib/limits/throttle.js'

test('each thing is due once a minute', () => {
  let now = 0
  const isDue = onceAMinute<string>({ now: () => now })
  expect([isDue('a'), isDue('a'), isDue('b')]).toEqual([true, false, true])
  now = 59_999
  expect(isDue('a')).toBe(false)
  now = 60_000
  expect([isDue('a'), isDue('a')]).toEqual([true, false])
})

test('each thing is due once a minute, with how often it was', () => {
  let now = 0
  const due = countedOnceAMinute<string>({ now: () => now })
  expect([due('a'), due('a'), due('b'), due('a')]).toEqual([1, undefined, 1, undefined])
  now = 60_000
  expect([due('a'), due('b'), due('a')]).toEqual([3, 1, undefined])
})
