// What people who chat notice of it when something happens to one of the workers that serve them.
// Runs in npm run test:all only: half a minute; `workers.test.ts` has workers that die.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { kill, pause } from '../support/crowd/faults.js'
import { type CrowdStage, setWorkerStage } from '../support/crowd/stage.js'
import type { WorkerFlock } from '../support/crowd/worker-flock.js'

describe('workers', () => {
  let stage: CrowdStage<WorkerFlock>

  beforeAll(async () => {
    stage = await setWorkerStage()
  })
  afterAll(() => stage.strike())

  test('a process is stopped for three seconds: nothing is lost', async () => {
    const { faults } = await stage.during(parts => pause(parts, stage.victim, 3))
    expect(faults).toEqual([])
  })

  test('a process is killed: only its own users notice', async () => {
    const { faults } = await stage.during(parts => kill(parts, stage.victim))
    expect(faults).toEqual([])
  })

  test('no process has a session or a link left', async () => {
    stage.flock.look()
    expect(await stage.leftovers()).toEqual([])
  })
})
