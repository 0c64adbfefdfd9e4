// Nothing lost, nothing doubled, in order: a random client, a random server and random time against a small model.
//   MODEL_RUNS     how many runs (100, or 2000 in all tests)
//   MODEL_SEED     (20261120)
//   MODEL_MINUTES  go on for as long as this instead, however many runs that makes
import { test } from '@jest/globals'
import fc from 'fast-check'
import { casesOf } from '../support/matrix.js'
import { numberFrom } from '../support/random.js'
import { life } from './commands.js'
import { World } from './world.js'

const runs = numberFrom('MODEL_RUNS', casesOf(100, 2000))
const minutes = numberFrom('MODEL_MINUTES', 0)

test(
  'in any order of events, nothing is lost, doubled or out of order',
  async () => {
    await fc.assert(
      fc.asyncProperty(life, async ({ setting, commands }) => {
        const world = new World(setting)
        await world.start()
        for (const command of commands) await world.run(command)
        await world.finish()
      }),
      {
        seed: numberFrom('MODEL_SEED', 20261120),
        ...(minutes === 0
          ? { numRuns: runs }
          : { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: minutes * 60_000 }),
      },
    )
  },
  Math.max(120_000, runs * 20, minutes * 60_000 + 60_000),
)
