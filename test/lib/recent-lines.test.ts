import { expect, test } from '@jest/globals'
import { RecentLines } from '../../src/lib/recent-lines.js'

test('the newest lines are kept, with their numbers', () => {
  const lines = new RecentLines(3)
  expect([...lines.newestFirst()]).toEqual([])
  for (const line of ['a', 'b', 'c', 'd', 'e']) lines.add(line)
  expect([...lines.newestFirst()]).toEqual([
    [4, 'e'],
    [3, 'd'],
    [2, 'c'],
  ])
})
