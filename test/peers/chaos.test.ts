// What people who chat notice while processes come and go by chance, and while all workers are replaced.
// Runs in npm run test:all only: five minutes. `npm run bench -- chaos` and `upgrade` run longer, with more people.
import { expect, test } from '@jest/globals'
import { chaos } from '../support/crowd/chaos.js'
import { upgrade } from '../support/crowd/upgrade.js'
import { ensureBuilt } from '../support/operated-service.js'
import { describeWith } from './needs.js'

const silent = () => {}
const plan = { seconds: 40, seed: 1, users: 30 }
const minutes = 60_000

describeWith(['prosody', 'nats-server'], 'processes come and go by chance', () => {
  test(
    'joined by NATS: sessions that nothing was done to lose nothing, and nothing is left',
    async () => {
      ensureBuilt()
      expect(await chaos({ ...plan, isWorkers: false }, silent)).toEqual([])
    },
    4 * minutes,
  )

  test(
    'as workers: sessions that nothing was done to lose nothing, and nothing is left',
    async () => {
      ensureBuilt()
      expect(await chaos({ ...plan, isWorkers: true }, silent)).toEqual([])
    },
    4 * minutes,
  )
})

describeWith(['ejabberd'], 'all workers are replaced', () => {
  test(
    'no call fails, no session ends, and no message is lost or doubled',
    async () => {
      ensureBuilt()
      expect(await upgrade({ users: 20, rate: 50, warms: 5 }, silent)).toEqual([])
    },
    2 * minutes,
  )
})
