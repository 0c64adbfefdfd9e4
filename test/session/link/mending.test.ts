import { expect, test } from '@jest/globals'
import type { Logger } from 'pino'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { unmendedLinks } from '../../../src/session/link/mending.js'
import { FakeClock } from '../../support/fake-clock.js'

test('domains that clients choose share their log lines', () => {
  const clock = new FakeClock()
  const lines: object[] = []
  const log = { warn: (about: object) => void lines.push(about) } as unknown as Logger
  const unmended = unmendedLinks(new MinuteSums(clock), log, domain => domain === 'example.org')
  for (let at = 0; at < 1000; at++) unmended(`d${at}.example.org`, 'late')
  unmended('example.org', 'refused')
  unmended('example.org', 'not-authorized')
  clock.advance(1_000)
  expect(lines).toEqual([
    { domain: '*', ended: 1000, counts: { late: 1000 }, reason: 'late: no login succeeded within LINK_RESUME_TIME' },
    {
      domain: 'example.org',
      ended: 2,
      counts: { refused: 1, 'not-authorized': 1 },
      reason: expect.stringMatching(/^refused: the server no longer has .*; not-authorized: the error of the login$/),
    },
  ])
  clock.advance(120_000)
  unmended('d0.example.org', 'late')
  clock.advance(1_000)
  expect(lines).toHaveLength(3)
})
