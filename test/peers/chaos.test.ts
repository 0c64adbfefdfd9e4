// What users notice while processes start and stop at random, and while all workers are replaced.
// Runs in npm run test:all only: five minutes. `npm run bench -- chaos` and `upgrade` run longer, with more users.
import { expect, test } from '@jest/globals'
import { chaos } from '../support/crowd/chaos.js'
import { upgrade } from '../support/crowd/upgrade.js'
import { ensureBuilt } from '../support/operated-service.js'
import { describeWith } from './needs.js'

const silent = () => {}
const plan = { seconds: 40, seed: 1, users: 30 }
const minutes = 60_000

describeWith(['prosody', 'redis-server'], 'Processes that start and stop at random', () => {
  test(
    'started apart: lose nothing of untouched sessions, and leave nothing open',
    async () => {
      ensureBuilt()
      expect(await chaos({ ...plan, isWorkers: false }, silent)).toEqual([])
    },
    4 * minutes,
  )

  test(
    'as workers: lose nothing of untouched sessions, and leave nothing open',
    async () => {
      ensureBuilt()
      expect(await chaos({ ...plan, isWorkers: true }, silent)).toEqual([])
    },
    4 * minutes,
  )
})

describeWith(['ejabberd'], 'A replacement of all workers', () => {
  test(
    'fails no call, ends no session, and neither loses nor doubles a message',
    async () => {
      ensureBuilt()
      expect(await upgrade({ users: 20, rate: 50, warms: 5 }, silent)).toEqual([])
    },
    2 * minutes,
  )
})
