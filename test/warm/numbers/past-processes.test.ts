import { expect, test } from '@jest/globals'
import { Counts } from '../../../src/lib/counts.js'
import { hourOf, LastHour } from '../../../src/warm/numbers/last-hour.js'
import { PastProcesses } from '../../../src/warm/numbers/past-processes.js'
import { RecentWarms, summaryOf } from '../../../src/warm/numbers/recent-warms.js'
import { FakeClock } from '../../support/fake-clock.js'

const minute = 60_000

/** A process that starts at `startedAt`. Its clock begins at 0. */
function start(place: string, startedAt = 0) {
  const clock = new FakeClock()
  const recentWarms = new RecentWarms(clock)
  const registry = { size: 0 }
  const counts = new Counts()
  const lastHour = new LastHour({ clock, counts, recentWarms, registry })
  const past = new PastProcesses({ time: () => startedAt + clock.now(), place, registry, lastHour, recentWarms })
  return { clock, recentWarms, registry, counts, past, hour: () => hourOf([lastHour.tally()]) }
}

function busy(place: string) {
  const process = start(place)
  process.registry.size = 4
  for (let passed = 0; passed < 3; passed++) {
    process.recentWarms.add('ok', 40)
    process.recentWarms.add('timeout', 40)
    process.counts.clientsLoggedIn += 1
    process.clock.advance(minute)
  }
  process.recentWarms.add('ok', 40)
  return process
}

test('the next process shows the minutes of a killed process in its charts, and the loss for an hour', () => {
  const { past } = busy('web1')
  const text = past.write()
  const next = start('web1 again', 3 * minute)
  next.past.take(text, true)
  const last = (values: readonly (number | null)[]) => values.slice(-4)
  expect(last(next.hour().sessions)).toEqual([null, 4, 4, 4])
  expect(last(next.hour().logins)).toEqual([null, 2, 2, 2])
  expect(last(next.hour().failures)).toEqual([null, 1, 1, 1])
  expect(next.hour().p99.at(-1)).toBeCloseTo(44.4, 1)
  expect(summaryOf([next.recentWarms.tally()]).outcomes).toEqual({ warmed: 4, refused: 0, failed: 3, gone: 0 })
  expect(next.past.losses()).toEqual([{ place: 'web1', time: 3 * minute, sessions: 4 }])
  next.registry.size = 1
  next.clock.advance(minute)
  expect(last(next.hour().sessions)).toEqual([4, 4, 4, 1])
  expect(last(next.hour().logins)).toEqual([2, 2, 2, 1])
  next.clock.advance(59 * minute)
  expect(next.past.losses()).toEqual([])
  expect(summaryOf([next.recentWarms.tally()]).outcomes.warmed).toBe(0)
})

test('the heir adds the minutes of an ended process to its own, at the right time', () => {
  const [ended, heir] = [busy('web1'), busy('web2')]
  const text = ended.past.write()
  heir.clock.advance(2 * minute)
  heir.past.take(text, false)
  expect(heir.hour().sessions.slice(-6)).toEqual([null, 8, 8, 8, 4, 4])
  expect(heir.hour().logins.slice(-6)).toEqual([null, 4, 4, 4, 2, 0])
  expect(heir.past.losses()).toEqual([])
})

test('the minutes of several earlier processes are passed on, in less than 16,000 characters', () => {
  const [one, two, three] = [busy('web1'), start('web2', 3 * minute), start('web3', 3 * minute)]
  two.past.take(one.past.write(), true)
  three.past.take(two.past.write(), true)
  expect(three.past.losses().map(({ place }) => place)).toEqual(['web1', 'web2'])
  expect(three.hour().sessions.slice(-4)).toEqual([null, 4, 4, 4])
  for (let passed = 0; passed < 100; passed++) {
    for (let time = 1; time < 60_000; time *= 1.2) one.recentWarms.add('ok', time)
    one.clock.advance(minute)
  }
  expect(one.past.write().length).toBeLessThan(16_000)
})
