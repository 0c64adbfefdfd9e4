import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { settings } from '../../../src/config/settings.js'
import { Counts, limits } from '../../../src/lib/counts.js'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { createRefusals } from '../../../src/lib/limits/reached-limits.js'
import { FakeClock } from '../../support/fake-clock.js'

function started() {
  const clock = new FakeClock()
  const counts = new Counts()
  const lines: object[] = []
  const log = pino({ level: 'warn' }, { write: line => void lines.push(JSON.parse(line)) })
  return { refused: createRefusals(counts, new MinuteSums(clock), log), clock, counts, lines }
}

test('a limit that is reached is logged once a minute, with its setting and the number of refusals', () => {
  const { refused, clock, counts, lines } = started()
  for (let second = 0; second < 61; second += 1) {
    refused('sessions', { address: '192.0.2.7' })
    clock.advance(1_000)
  }
  const limit = { limit: 'sessions', setting: 'MAX_SESSIONS', address: '192.0.2.7' }
  const line = { level: 40, msg: 'a limit was reached', ...limit }
  expect(lines).toMatchObject([1, 59].map(refused => ({ ...line, refused })))
  expect(counts.refused.sessions).toBe(61)
})

test('limits name existing settings, except those of the system, and each setting that can refuse something', () => {
  const named = Object.values(limits).filter(setting => setting !== undefined)
  const unknown = named.filter(setting => !Object.hasOwn(settings, setting))
  expect(unknown).toEqual(['LimitNOFILE', 'net.ipv4.ip_local_port_range'])
  // This setting only makes clients wait.
  const others = ['RATE_SESSION_BYTES']
  const wanted = Object.keys(settings).filter(name => /^(RATE|MAX)_/.test(name) && !others.includes(name))
  expect(wanted.filter(name => !(Object.values(limits) as (string | undefined)[]).includes(name))).toEqual([])
})
