import { expect, test } from '@jest/globals'
import { Counts } from '../../../src/lib/counts.js'
import { createLastHour, timeWithin } from '../../../src/warm/numbers/last-hour.js'
import { recentOf } from '../../../src/warm/numbers/overview.js'
import { FakeClock } from '../../support/fake-clock.js'

function setUp() {
  const clock = new FakeClock()
  const warms = createLastHour({ clock, counts: new Counts(), registry: { size: 0 } })
  const recent = () => recentOf(warms.minutes())
  return { clock, warms, recent, within: (share: number) => timeWithin(recent(), share) }
}

test('calls are counted as warmed, refused, failed or gone', () => {
  const { warms, recent } = setUp()
  for (const code of ['ok', 'not-authorized', 'too-many-requests', 'timeout', 'client-gone'] as const) {
    warms.add(code, 10)
  }
  expect(recent()).toMatchObject({ warmed: 1, refused: 2, failed: 1, gone: 1 })
})

test('warm calls are dropped after a quarter of an hour, also if there are no new calls', () => {
  const { clock, warms, recent, within } = setUp()
  const warmed = () => recent().warmed
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
  expect(within(0.99)).toBeUndefined()
})

test.each([
  [1, 1],
  [48, 60],
  [59_999, 75_000],
])('a login that took %d ms is reported as at least that, and at most %d ms', (took, most) => {
  const { warms, within } = setUp()
  warms.add('ok', took)
  const told = within(0.5)!
  expect(told).toBeGreaterThanOrEqual(took)
  expect(told).toBeLessThanOrEqual(most)
})

test('the reported p50 and p99 are not below the real values', () => {
  const { clock, warms, within } = setUp()
  for (let login = 0; login < 98; login += 1) {
    warms.add('ok', 20)
    clock.advance(5_000)
  }
  for (const took of [2_000, 30_000]) warms.add('ok', took)
  // A failure does not count as a login time.
  warms.add('timeout', 15_000)
  expect(within(0.5)!).toBeLessThan(26)
  expect(within(0.99)!).toBeGreaterThanOrEqual(2_000)
  expect(within(0.99)!).toBeLessThan(2_600)
  expect(within(1)!).toBeGreaterThanOrEqual(30_000)
})

test('a login of several hours counts as the longest login', () => {
  const { warms, within } = setUp()
  warms.add('ok', 1e8)
  expect(within(0.5)!).toBeGreaterThan(60_000)
})
