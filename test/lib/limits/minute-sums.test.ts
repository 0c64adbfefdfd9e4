import { describe, expect, test } from '@jest/globals'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { FakeClock } from '../../support/fake-clock.js'

describe('a count for each minute', () => {
  const clock = new FakeClock()
  const sums = new MinuteSums(clock)
  const told: string[] = []
  const often = sums.of<string[]>(keys => void told.push(`${keys[0]} ${keys.length}`))
  const happen = (key: string) => often(key, (keys = []) => [...keys, key])

  test('is logged early if there are too many keys, the oldest first', () => {
    for (const key of ['a', 'a', 'a']) happen(key)
    for (let key = 1; key <= 10_000; key++) happen(`${key}`)
    expect(told.filter(line => line.startsWith('a'))).toEqual(['a 1', 'a 2'])
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
