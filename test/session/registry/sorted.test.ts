import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sorted } from '../../../src/session/registry/sorted.js'

function run<T>(work: Generator<undefined, T>): { readonly result: T; readonly pauses: number } {
  for (let pauses = 0; ; pauses++) {
    const { done, value } = work.next()
    if (done === true) return { result: value, pauses }
  }
}

test('any items are sorted, and equal ones keep their order', () => {
  const item = fc.record({ key: fc.nat(9), number: fc.nat() })
  fc.assert(
    fc.property(fc.array(fc.option(item, { nil: undefined, freq: 20 }), { minLength: 0, maxLength: 5_000 }), items => {
      const known = items.filter(each => each !== undefined)
      const { result } = run(sorted(items, (a, b) => a.key - b.key))
      expect(result).toEqual([...known].sort((a, b) => a.key - b.key))
    }),
    { numRuns: 30 },
  )
})

test('many items are sorted in steps of at most two thousand comparisons', () => {
  let comparisons = 0
  let most = 0
  const items = Array.from({ length: 20_000 }, (_, number) => (number * 7919) % 20_011)
  const work = sorted(items, (a, b) => {
    comparisons += 1
    return a - b
  })
  let result: unknown
  for (let isOver = false; !isOver; ) {
    const before = comparisons
    const { done, value } = work.next()
    isOver = done === true
    result = value
    most = Math.max(most, comparisons - before)
  }
  expect(result).toEqual([...items].sort((a, b) => a - b))
  // A run of 1,024 items needs about ten comparisons for each item.
  expect(most).toBeLessThan(11_000)
})
