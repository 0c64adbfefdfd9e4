// What people who chat notice of it when something happens to one of the processes behind their balancer, or to what joins them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWith } from '../peers/needs.js'
import { drain, kill, loseNats, pause } from '../support/crowd/faults.js'
import type { NatsFlock } from '../support/crowd/nats-flock.js'
import { type CrowdStage, setNatsStage } from '../support/crowd/stage.js'
import { runsRest } from '../support/matrix.js'

describeWith(['nats-server'], 'processes that are joined by NATS', () => {
  let stage: CrowdStage<NatsFlock>

  beforeAll(async () => {
    stage = await setNatsStage()
  })
  afterAll(() => stage.strike())

  if (runsRest)
    test('one is stopped for longer than it may be silent: its people have new sessions', async () => {
      const { faults } = await stage.during(parts => pause(parts, stage.victim, 11))
      expect(faults).toEqual([])
    })

  test('NATS is gone for longer than that: all users have a session again', async () => {
    const { faults } = await stage.during(parts => loseNats(parts, stage.nats!, 11))
    expect(faults).toEqual([])
  })

  if (runsRest)
    test('NATS is started anew, and gone for a while: nothing is lost', async () => {
      const { faults } = await stage.during(async parts => {
        await loseNats(parts, stage.nats!, 0)
        await loseNats(parts, stage.nats!, 3)
      })
      expect(faults).toEqual([])
    })

  test('one is stopped for a while: nothing is lost', async () => {
    const { faults } = await stage.during(parts => pause(parts, stage.victim, 3))
    expect(faults).toEqual([])
  })

  test('one is killed, and another one comes: only its own people notice', async () => {
    const { faults } = await stage.during(async parts => {
      await kill(parts, stage.victim)
      await stage.flock.add()
    })
    expect(faults).toEqual([])
  })

  test('one is told to end: its people stay as long as they may', async () => {
    const { faults } = await stage.during(parts => drain(parts, stage.victim))
    expect(faults).toEqual([])
  })

  test('nothing is left in any of them', async () => {
    expect(await stage.leftovers()).toEqual([])
  })
})
