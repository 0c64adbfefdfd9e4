import { expect, test } from '@jest/globals'
import { RecentWarms, summaryOf } from '../../../src/warm/numbers/recent-warms.js'
import { FakeClock } from '../../support/fake-clock.js'

function setUp() {
  const clock = new FakeClock()
  return { clock, warms: new RecentWarms(clock) }
}

test('the numbers are empty before the first call', () => {
  const { outcomes, within } = summaryOf([setUp().warms.tally()])
  expect(outcomes).toEqual({ warmed: 0, refused: 0, failed: 0, gone: 0 })
  expect(within(0.5)).toBeUndefined()
})

test('calls are counted as warmed, refused, failed or gone', () => {
  const { warms } = setUp()
  for (const code of ['ok', 'not-authorized', 'too-many-requests', 'timeout', 'client-gone'] as const) {
    warms.add(code, 10)
  }
  expect(summaryOf([warms.tally()]).outcomes).toEqual({ warmed: 1, refused: 2, failed: 1, gone: 1 })
})

test('warm calls are dropped after a quarter of an hour, also if there are no new calls', () => {
  const { clock, warms } = setUp()
  const warmed = () => summaryOf([warms.tally()]).outcomes.warmed
  warms.add('ok', 10)
  clock.advance(60_000)
  warms.add('ok', 10)
  clock.advance(13 * 60_000 + 59_999)
  expect(warmed()).toBe(2)
  clock.advance(1)
  expect(warmed()).toBe(1)
  warms.add('ok', 10)
  expect(warmed()).toBe(2)
  clock.advance(60 * 60_000)
  expect(warmed()).toBe(0)
  expect(summaryOf([warms.tally()]).within(0.99)).toBeUndefined()
})

test.each([
  [0, 1],
  [1, 1],
  [10, 12.5],
  [48, 60],
  [950, 1190],
  [59_999, 75_000],
])('a login that took %d ms is reported as at least that, and at most %d ms', (took, most) => {
  const { warms } = setUp()
  warms.add('ok', took)
  const told = summaryOf([warms.tally()]).within(0.5)!
  expect(told).toBeGreaterThanOrEqual(took)
  expect(told).toBeLessThanOrEqual(most)
})

test('the reported p50 and p99 are not below the real values', () => {
  const { clock, warms } = setUp()
  for (let login = 0; login < 98; login += 1) {
    warms.add('ok', 20)
    clock.advance(5_000)
  }
  for (const took of [2_000, 30_000]) warms.add('ok', took)
  // A failure does not count as a login time.
  warms.add('timeout', 15_000)
  const { within } = summaryOf([warms.tally()])
  expect(within(0.5)!).toBeLessThan(26)
  expect(within(0.99)!).toBeGreaterThanOrEqual(2_000)
  expect(within(0.99)!).toBeLessThan(2_600)
  expect(within(1)!).toBeGreaterThanOrEqual(30_000)
})

test('a login of several hours counts as the longest login', () => {
  const { warms } = setUp()
  warms.add('ok', 1e8)
  expect(summaryOf([warms.tally()]).within(0.5)!).toBeGreaterThan(60_000)
})
