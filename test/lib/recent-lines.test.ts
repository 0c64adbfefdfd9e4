import { expect, test } from '@jest/globals'
import { RecentAudit, RecentLines } from '../../src/lib/recent-lines.js'

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

test('failed logins are also kept for themselves', () => {
  const audit = new RecentAudit()
  const kept = [
    { msg: 'warm', code: 'not-authorized' },
    { msg: 'connect', code: 'timeout' },
    { msg: 'client login', code: 'not-authorized', jids: ['"code":"ok"@example.org'] },
  ]
  const others = [
    { msg: 'warm', code: 'ok' },
    { msg: 'warm', code: 'client-gone' },
    { msg: 'admin login', code: 'unauthorized' },
    { msg: 'logout', code: 'forbidden', jid: '"msg":"warm"' },
  ]
  for (const line of [...kept, ...others]) audit.add(JSON.stringify(line))
  expect(Array.from(audit.failures.newestFirst(), ([, line]) => JSON.parse(line)).reverse()).toEqual(kept)
  expect([...audit.all.newestFirst()]).toHaveLength(7)
})
