import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FirstOf } from '../../../src/session/registry/session-list.js'

test('the first items are the same as after a sort', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 500 }), fc.integer({ min: 1, max: 20 }), (numbers, most) => {
      const first = new FirstOf<number>(most, (a, b) => a - b)
      for (const number of numbers) first.add(number)
      expect(first.items).toEqual([...numbers].sort((a, b) => a - b).slice(0, most))
    }),
  )
})

test.each([
  ['rising', (index: number) => index],
  ['falling', (index: number) => -index],
  ['mixed', (index: number) => (index * 7919) % 50_000],
])('%s items need only a few comparisons each', (_order, value) => {
  let comparisons = 0
  const first = new FirstOf<number>(100, (a, b) => {
    comparisons += 1
    return a - b
  })
  for (let index = 0; index < 50_000; index++) first.add(value(index))
  expect(first.items).toHaveLength(100)
  expect(comparisons).toBeLessThan(50_000 * 6)
})
