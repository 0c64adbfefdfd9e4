import { describe, expect, test } from '@jest/globals'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { FakeClock } from '../../support/fake-clock.js'

describe('a count for each minute', () => {
  const clock = new FakeClock()
  const sums = new MinuteSums(clock)
  const told: string[] = []
  const often = sums.of<string[]>(keys => void told.push(`${keys[0]} ${keys.length}`))
  const happen = (key: string) => often(key, (keys = []) => [...keys, key])

  test('is logged at once for the first call, and after a minute for later calls, with their number', () => {
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

  test('is logged early if there are too many keys, the oldest first', () => {
    for (const key of ['a', 'a', 'a']) happen(key)
    for (let key = 1; key <= 10_000; key++) happen(`${key}`)
    expect(told.filter(line => line.startsWith('a'))).toEqual(['a 1', 'a 2'])
  })

  test('can be logged with a delay, once, after the first call', () => {
    clock.advance(120_000)
    const sizes: number[] = []
    const late = sums.of<number>(sum => void sizes.push(sum), 1_000)
    for (const key of ['a', 'a', 'b']) late(key, sum => (sum ?? 0) + 1)
    expect(sizes).toEqual([])
    clock.advance(1_000)
    expect(sizes.splice(0)).toEqual([2, 1])
    late('a', sum => (sum ?? 0) + 1)
    clock.advance(58_999)
    expect(sizes).toEqual([])
    clock.advance(1)
    expect(sizes.splice(0)).toEqual([1])
    clock.advance(120_000)
    late('a', sum => (sum ?? 0) + 1)
    sums.close()
    clock.advance(1_000)
    expect([sizes, clock.pending]).toEqual([[1], 0])
  })

  test('is logged for all keys at a stop', () => {
    clock.advance(120_000)
    told.length = 0
    const others: number[] = []
    const other = sums.of<number>(sum => void others.push(sum))
    for (const key of ['a', 'a', 'a', 'b']) happen(key)
    for (const _time of [1, 2, 3, 4]) other('a', sum => (sum ?? 0) + 1)
    expect([told.splice(0), others.splice(0)]).toEqual([['a 1', 'b 1'], [1]])
    sums.close()
    expect([told.splice(0), others.splice(0)]).toEqual([['a 2'], [3]])
    expect(clock.pending).toBe(0)
    sums.close()
    expect([told, others]).toEqual([[], []])
  })
})

test('tells whether a call is the first of its minute', () => {
  const clock = new FakeClock()
  const isFirst = new MinuteSums(clock).firsts()
  expect([isFirst('a'), isFirst('a'), isFirst('b')]).toEqual([true, false, true])
  clock.advance(59_999)
  expect(isFirst('a')).toBe(false)
  clock.advance(1)
  expect([isFirst('a'), isFirst('a')]).toEqual([true, false])
})
