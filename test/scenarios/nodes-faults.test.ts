// What people who chat notice of it when something happens to one of the processes behind their balancer, or to what joins them.
// Runs in npm run test:all only: two minutes; `nodes-websocket.test.ts` and `nodes-bosh.test.ts` have processes that die.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWith } from '../peers/needs.js'
import { drain, kill, loseNats, pause } from '../support/crowd/faults.js'
import type { NatsFlock } from '../support/crowd/nats-flock.js'
import { type CrowdStage, setNatsStage } from '../support/crowd/stage.js'

describeWith(['nats-server'], 'processes that are joined by NATS', () => {
  let stage: CrowdStage<NatsFlock>

  beforeAll(async () => {
    stage = await setNatsStage()
  })
  afterAll(() => stage.strike())

  test('a process is stopped for longer than it may be silent: its users have new sessions', async () => {
    const { faults } = await stage.during(parts => pause(parts, stage.victim, 11))
    expect(faults).toEqual([])
  })

  test('NATS is gone for longer than a process may be silent: all users have a session again', async () => {
    const { faults } = await stage.during(parts => loseNats(parts, stage.nats!, 11))
    expect(faults).toEqual([])
  })

  test('NATS restarts, and is gone for three seconds: nothing is lost', async () => {
    const { faults } = await stage.during(async parts => {
      await loseNats(parts, stage.nats!, 0)
      await loseNats(parts, stage.nats!, 3)
    })
    expect(faults).toEqual([])
  })

  test('a process is stopped for three seconds: nothing is lost', async () => {
    const { faults } = await stage.during(parts => pause(parts, stage.victim, 3))
    expect(faults).toEqual([])
  })

  test('a process is killed, and another one comes: only its own users notice', async () => {
    const { faults } = await stage.during(async parts => {
      await kill(parts, stage.victim)
      await stage.flock.add()
    })
    expect(faults).toEqual([])
  })

  test('a process drains: its users stay for as long as DRAIN_TIME says', async () => {
    const { faults } = await stage.during(parts => drain(parts, stage.victim))
    expect(faults).toEqual([])
  })

  test('no process has a session or a link left', async () => {
    expect(await stage.leftovers()).toEqual([])
  })
})
