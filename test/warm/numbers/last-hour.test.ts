import { beforeEach, expect, test } from '@jest/globals'
import { Counts } from '../../../src/lib/counts.js'
import { createLastHour, hourOf, mergedMinutes, timeWithin } from '../../../src/warm/numbers/last-hour.js'
import { recentOf } from '../../../src/warm/numbers/overview.js'
import { FakeClock } from '../../support/fake-clock.js'

const minute = 60_000

function start(ahead = 0) {
  const clock = new FakeClock()
  clock.advance(ahead)
  const counts = new Counts()
  const registry = { size: 0 }
  const lastHour = createLastHour({ clock, counts, registry })
  const recent = () => recentOf(lastHour.minutes())
  const read = () => hourOf(lastHour.minutes())
  const within = (share: number) => timeWithin(recent(), share)
  return { clock, counts, registry, lastHour, recent, read, within }
}

let one: ReturnType<typeof start>

beforeEach(() => {
  one = start()
})

const latest = (values: readonly unknown[], count: number) => values.slice(-count)

test('each minute has its sessions, logins, failures and login time', () => {
  const { clock, counts, lastHour, registry, read } = one
  registry.size = 5
  for (const code of ['ok', 'ok', 'not-authorized', 'timeout', 'client-gone'] as const) lastHour.add(code, 40)
  counts.clientsLoggedIn += 3
  counts.clientLogins.refused += 2
  clock.advance(minute)
  registry.size = 7
  counts.clientsLoggedIn += 1
  clock.advance(minute)
  const { sessions, logins, failures, p99 } = read()
  expect(latest(sessions, 3)).toEqual([null, 5, 7])
  expect(latest(logins, 3)).toEqual([null, 5, 1])
  expect(latest(failures, 3)).toEqual([null, 4, 0])
  expect(latest(p99, 2)).toEqual([expect.closeTo(44.4, 1), null])
})

test('sixty minutes are kept, whatever happens', () => {
  const { clock, registry, lastHour, read } = one
  for (let passed = 1; passed <= 200; passed++) {
    registry.size = passed
    for (let call = 0; call < passed; call++) lastHour.add('ok', call)
    clock.advance(minute)
  }
  const expected = Array.from({ length: 60 }, (_, at) => at + 141)
  expect(read()).toMatchObject({ sessions: expected, logins: expected })
  expect(JSON.stringify(lastHour.minutes()).length).toBeLessThan(60_000)
  expect(clock.pending).toBe(1)
  lastHour.stop()
  expect(clock.pending).toBe(0)
})

test.each([
  ['a millisecond early', -1],
  ['late, because the machine was paused,', 40_000],
])('a timer that fires %s ends the minute before', (_when, later) => {
  const { clock, counts } = one
  const inexact = { now: () => clock.now(), after: (ms: number, call: () => void) => clock.after(ms + later, call) }
  const lastHour = createLastHour({ clock: inexact, counts, registry: { size: 9 } })
  clock.advance(minute + Math.max(0, later))
  expect(latest(hourOf(lastHour.minutes()).sessions, 2)).toEqual([null, 9])
})

test('the values of processes are summed, and p99 is over the logins of all', () => {
  const other = start(7 * minute + 20_000)
  for (const { lastHour, registry, clock } of [one, other]) {
    registry.size = 4
    for (let call = 0; call < 98; call++) lastHour.add('ok', 10)
    clock.advance(minute)
  }
  other.lastHour.add('ok', 5_000)
  const { sessions, logins, p99 } = hourOf(mergedMinutes([one.lastHour.minutes(), other.lastHour.minutes()]))
  expect([latest(sessions, 1), latest(logins, 1)]).toEqual([[8], [196]])
  expect(p99.at(-1)).toBeLessThan(13)
})

test('warm calls are dropped after a quarter of an hour, also if there are no new calls', () => {
  const { clock, lastHour, recent, within } = one
  const warmed = () => recent().warmed
  lastHour.add('ok', 10)
  clock.advance(60_000)
  lastHour.add('ok', 10)
  clock.advance(13 * 60_000 + 59_999)
  expect(warmed()).toBe(2)
  clock.advance(1)
  expect(warmed()).toBe(1)
  lastHour.add('ok', 10)
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
  const { lastHour, within } = one
  lastHour.add('ok', took)
  const told = within(0.5)!
  expect(told).toBeGreaterThanOrEqual(took)
  expect(told).toBeLessThanOrEqual(most)
})

test('a login of several hours counts as the longest login', () => {
  const { lastHour, within } = one
  lastHour.add('ok', 1e8)
  expect(within(0.5)!).toBeGreaterThan(60_000)
})
