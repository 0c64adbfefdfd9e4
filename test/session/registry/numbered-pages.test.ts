import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { numberedPage, type Range, spreadOf } from '../../../src/session/registry/numbered-pages.js'
import { comparing, type Rank } from '../../../src/session/registry/session-list.js'

/** Reads pages of these ranks, and counts the ranks that processes send. */
function readerOf(processes: readonly (readonly Rank[])[], isReversed = false) {
  const compare = comparing({ by: 'opened', isReversed })
  const lists = processes.map(ranks => [...ranks].sort(compare))
  const whole = lists.flat().sort(compare)
  return async (skip: number, limit: number) => {
    let rounds = 0
    let carried = 0
    const ask = async (range: Range, mostOf: (processes: number) => number) => {
      rounds += 1
      if (rounds > 100) throw new Error('too many rounds')
      const sent = JSON.parse(JSON.stringify(range)) as Range
      return lists.map((ranks, process) => {
        const spread = spreadOf(ranks, compare, sent, mostOf(lists.length))
        carried += spread.ranks.length
        return [String(process), spread] as const
      })
    }
    const { page, total } = await numberedPage({ skip, limit, compare }, ask)
    const expected = whole.slice(skip, skip + limit).map(({ id }) => id)
    return { ids: page.map(({ id }) => id), total, expected, rounds, carried }
  }
}

const ranksOf = (keys: readonly (readonly number[])[]) =>
  keys.map((own, process) => own.map((key, number): Rank => ({ key, id: `${process}-${number}` })))

test('any page of sessions of several processes is the same as in the whole list', async () => {
  const keys = fc.array(fc.array(fc.nat(50), { maxLength: 300 }), { minLength: 1, maxLength: 20 })
  const about = fc.record({ at: fc.double({ min: 0, max: 1.1, noNaN: true }), limit: fc.integer({ min: 1, max: 200 }) })
  await fc.assert(
    fc.asyncProperty(keys, about, fc.boolean(), async (keys, { at, limit }, isReversed) => {
      const all = keys.flat().length
      const { ids, total, expected } = await readerOf(ranksOf(keys), isReversed)(Math.floor(at * all), limit)
      expect([ids, total]).toEqual([expected, all])
    }),
    { numRuns: 40 },
  )
})

test.each([
  [1, 20_000],
  [4, 5_000],
  [20, 1_000],
  [400, 50],
])('%d processes with %d sessions each exchange few entries for a page', async (processes, sessions) => {
  let seed = 1
  const next = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed
  }
  const read = readerOf(ranksOf(Array.from({ length: processes }, () => Array.from({ length: sessions }, next))))
  for (const share of [0.001, 0.5, 0.999]) {
    const skip = Math.floor(processes * sessions * share)
    const { ids, expected, rounds, carried } = await read(skip, 50)
    expect(ids).toEqual(expected)
    expect(rounds).toBeLessThanOrEqual(5)
    expect(carried).toBeLessThanOrEqual(25_000)
  }
})

test('a page of all sessions needs only a few rounds between processes', async () => {
  const keys = Array.from({ length: 10_000 }, (_, key) => key)
  const { ids, expected, rounds } = await readerOf(ranksOf([keys, keys]))(0, 20_000)
  expect(ids).toEqual(expected)
  expect(rounds).toBeLessThanOrEqual(4)
})
