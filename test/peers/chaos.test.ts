// What users notice while processes start and stop at random, and while all workers are replaced.
// Runs in npm run test:all only: five minutes.
//   CHAOS_SECONDS  how long it goes on (40)
//   CHAOS_USERS    how many people chat (30)
//   CHAOS_SEED     (1)
import { expect, test } from '@jest/globals'
import { chaos } from '../support/crowd/chaos.js'
import { ensureBuilt } from '../support/operated-service.js'
import { numberFrom } from '../support/random.js'
import { describeWith } from './needs.js'

const silent = () => {}
const plan = {
  seconds: numberFrom('CHAOS_SECONDS', 40),
  seed: numberFrom('CHAOS_SEED', 1),
  users: numberFrom('CHAOS_USERS', 30),
}
const minutes = 60_000
const patience = plan.seconds * 1000 + 3 * minutes

describeWith(['prosody', 'redis-server'], 'Processes that start and stop at random', () => {
  test(
    'started apart: lose nothing of untouched sessions, and leave nothing open',
    async () => {
      ensureBuilt()
      expect(await chaos({ ...plan, isWorkers: false }, silent)).toEqual([])
    },
    patience,
  )

  test(
    'as workers: lose nothing of untouched sessions, and leave nothing open',
    async () => {
      ensureBuilt()
      expect(await chaos({ ...plan, isWorkers: true }, silent)).toEqual([])
    },
    patience,
  )
})
