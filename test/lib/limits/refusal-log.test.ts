import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { refusalLog } from '../../../src/lib/limits/refusal-log.js'
import { FakeClock } from '../../support/fake-clock.js'

test.each([
  ['host-unknown', 'XMPP_DOMAINS'],
  ['host-gone', 'XMPP_RETIRED_DOMAINS'],
])('a client that is refused with %s is logged with the setting', (reason, setting) => {
  const lines: object[] = []
  const log = pino({}, { write: line => void lines.push(JSON.parse(line)) })
  refusalLog(new MinuteSums(new FakeClock()), log, 'a client was refused')(reason, '192.0.2.1')
  expect(lines).toMatchObject([{ msg: 'a client was refused', reason, setting, address: '192.0.2.1' }])
})
