// Nothing lost, nothing doubled, in order: a random client, a random server and random time against a small model.
//   MODEL_RUNS     how many runs (100, or 2000 in all tests)
//   MODEL_SEED     the first run's seed; the next run has the next one (20261120)
//   MODEL_MINUTES  go on for as long as this instead, however many runs that makes
// A failure prints its seed and the shortest list of commands that fails the same way.
import { expect, test } from '@jest/globals'
import { casesOf } from '../support/matrix.js'
import { numberFrom, Random } from '../support/random.js'
import { type Command, print, randomCommands, randomSetting, type Setting, shorten } from './commands.js'
import { World } from './world.js'

const runs = numberFrom('MODEL_RUNS', casesOf(100, 2000))
const firstSeed = numberFrom('MODEL_SEED', 20261120)
const minutes = numberFrom('MODEL_MINUTES', 0)

/** What went wrong, if something did. */
async function live(setting: Setting, commands: readonly Command[]): Promise<string | undefined> {
  try {
    const world = new World(setting)
    await world.start()
    for (const command of commands) await world.run(command)
    await world.finish()
    return undefined
  } catch (error) {
    return error instanceof Error && error.name === 'Broken' ? error.message : String((error as Error).stack)
  }
}

async function report(seed: number, setting: Setting, commands: readonly Command[]): Promise<string> {
  const shortest = await shorten(commands, async fewer => (await live(setting, fewer)) !== undefined)
  const why = await live(setting, shortest)
  return `MODEL_SEED=${seed} MODEL_RUNS=1\n${why}\n${JSON.stringify(setting)}\n${print(shortest)}`
}

test(
  'in any order of events, nothing is lost, doubled or out of order',
  async () => {
    const until = performance.now() + minutes * 60_000
    const isGoingOn = (run: number) => (minutes > 0 ? performance.now() < until : run < runs)
    const failures: string[] = []
    for (let run = 0; isGoingOn(run) && failures.length < 3; run++) {
      const seed = firstSeed + run
      const random = new Random(seed)
      const setting = randomSetting(random)
      const commands = randomCommands(random, setting.hasSockets)
      if ((await live(setting, commands)) !== undefined) failures.push(await report(seed, setting, commands))
    }
    expect(failures.join('\n\n')).toBe('')
  },
  Math.max(120_000, runs * 20, minutes * 60_000 + 60_000),
)
