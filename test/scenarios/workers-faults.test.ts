// What users notice when something happens to a worker.
// Runs in npm run test:all only: half a minute; `workers.test.ts` has workers that die.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { kill, pause } from '../support/crowd/faults.js'
import { type CrowdStage, setWorkerStage } from '../support/crowd/stage.js'
import type { WorkerFlock } from '../support/crowd/worker-flock.js'

describe('with workers,', () => {
  let stage: CrowdStage<WorkerFlock>

  beforeAll(async () => {
    stage = await setWorkerStage()
  })
  afterAll(() => stage.strike())

  test('a process that is suspended for three seconds loses nothing', async () => {
    const { faults } = await stage.during(parts => pause(parts, stage.victim, 3))
    expect(faults).toEqual([])
  })

  test('a killed process affects only its own users', async () => {
    const { faults } = await stage.during(parts => kill(parts, stage.victim))
    expect(faults).toEqual([])
  })

  test('no session or link is left in any process', async () => {
    stage.flock.look()
    expect(await stage.leftovers()).toEqual([])
  })
})
