import { describe, expect, test } from '@jest/globals'
import { countedOnceAMinute, onceAMinute, toldOnceAMinute } from '../../../src/lib/limits/throttle.js'
import { FakeClock } from '../../support/fake-clock.js'

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

describe('what is told once a minute', () => {
  const clock = new FakeClock()
  const told: string[] = []
  const often = toldOnceAMinute<string>(clock)
  const happen = (key: string) => often(key, count => void told.push(`${key} ${count}`))

  test('is told at once, and what follows when its minute is over, with how often it was', () => {
    expect(['a', 'a', 'b', 'a'].map(happen)).toEqual([true, false, true, false])
    expect(told.splice(0)).toEqual(['a 1', 'b 1'])
    expect(clock.pending).toBe(1)
    clock.advance(59_999)
    expect(told).toEqual([])
    clock.advance(1)
    expect(told.splice(0)).toEqual(['a 2'])
    expect(['a', 'b'].map(happen)).toEqual([false, true])
    expect(told.splice(0)).toEqual(['b 1'])
    clock.advance(60_000)
    expect(told.splice(0)).toEqual(['a 1'])
    clock.advance(120_000)
    expect([told, clock.pending]).toEqual([[], 0])
  })

  test('is told early where there is too much of it, the oldest first', () => {
    for (const key of ['a', 'a', 'a']) happen(key)
    for (let key = 1; key <= 10_000; key++) happen(`${key}`)
    expect(told.filter(line => line.startsWith('a'))).toEqual(['a 1', 'a 2'])
  })
})
