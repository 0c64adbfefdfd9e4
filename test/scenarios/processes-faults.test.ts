// What users notice when something happens to a process, or to NATS between processes.
// Runs in npm run test:all only: two minutes; `nodes-websocket.test.ts` and `nodes-bosh.test.ts` have processes that die.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWith } from '../peers/needs.js'
import { drain, kill, loseNats, pause } from '../support/crowd/faults.js'
import type { NatsFlock } from '../support/crowd/nats-flock.js'
import { type CrowdStage, setNatsStage } from '../support/crowd/stage.js'

describeWith(['nats-server'], 'processes connected by NATS', () => {
  let stage: CrowdStage<NatsFlock>

  beforeAll(async () => {
    stage = await setNatsStage()
  })
  afterAll(() => stage.strike())

  test('users of a process that is suspended too long get new sessions', async () => {
    const { faults } = await stage.during(parts => pause(parts, stage.victim, 11))
    expect(faults).toEqual([])
  })

  test('after a long outage of NATS, all users have a session again', async () => {
    const { faults } = await stage.during(parts => loseNats(parts, stage.nats!, 11))
    expect(faults).toEqual([])
  })

  test('a restart and a three-second outage of NATS lose nothing', async () => {
    const { faults } = await stage.during(async parts => {
      await loseNats(parts, stage.nats!, 0)
      await loseNats(parts, stage.nats!, 3)
    })
    expect(faults).toEqual([])
  })

  test('a process that is suspended for three seconds loses nothing', async () => {
    const { faults } = await stage.during(parts => pause(parts, stage.victim, 3))
    expect(faults).toEqual([])
  })

  test('a killed process that is replaced affects only its own users', async () => {
    const { faults } = await stage.during(async parts => {
      await kill(parts, stage.victim)
      await stage.flock.add()
    })
    expect(faults).toEqual([])
  })

  test('users of a draining process stay connected for DRAIN_TIME', async () => {
    const { faults } = await stage.during(parts => drain(parts, stage.victim))
    expect(faults).toEqual([])
  })

  test('no session or link is left in any process', async () => {
    expect(await stage.leftovers()).toEqual([])
  })
})
