import { expect, test } from '@jest/globals'
import { OwnSessions } from '../../src/session/registry/own-sessions.js'
import { SessionHistory } from '../../src/session/session-history.js'
import { BoshBench } from '../support/bosh-bench.js'

const nobody = { get: () => undefined, list: () => [], ofJid: () => [] }

test('a session has a history of its events, with times', async () => {
  const bench = new BoshBench()
  const own = new OwnSessions(bench.registry, nobody)
  const page = await bench.warmed()
  await bench.pass(3)
  await page.next()
  await bench.pass(2)
  await page.next('', "pause='60'")
  await bench.pass(1)
  await bench.resume(page)
  const { history, openedAt } = own.get(page.id)!
  expect(history!.map(({ event, at }) => `${event} ${(at - openedAt) / 1000}`)).toEqual([
    ...['opened 0', 'logged-in 0', 'attached 3', 'paused 5', 'resumed 6'],
  ])
})

test('the history keeps the last 20 events, also in the next process', () => {
  const history = new SessionHistory()
  for (let second = 0; second < 100; second++) history.note(second % 2 === 0 ? 'paused' : 'mended', second * 1000 + 999)
  const next = new SessionHistory(JSON.parse(JSON.stringify(history.record)))
  next.note('taken-up', 7_200_000)
  const events = next.eventsSince(1_000)
  expect(events).toHaveLength(21)
  expect(events.slice(0, 2)).toEqual([
    { event: 'opened', at: 1_000 },
    { event: 'mended', at: 82_000 },
  ])
  expect(events.at(-1)).toEqual({ event: 'taken-up', at: 7_201_000 })
})
