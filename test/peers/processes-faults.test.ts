// What users notice when something happens to a process, or to the Redis that the processes share.
// Runs in npm run test:all only: four minutes; `killed-processes.test.ts` has processes that die.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { drain, kill, loseRedis, pause, type RedisFault } from '../support/crowd/faults.js'
import { type CrowdStage, setProcessStage } from '../support/crowd/stage.js'
import { describeWith } from './needs.js'

describeWith(['prosody', 'redis-server'], 'processes that share a Redis', () => {
  let stage: CrowdStage

  beforeAll(async () => {
    stage = await setProcessStage()
  })
  afterAll(() => stage.strike())

  test('a process that is suspended for three seconds loses nothing', () =>
    stage.during(crowd => pause(crowd, stage.victim, 3)))

  test('a process that is suspended for longer loses no session and no message', () =>
    stage.during(crowd => pause(crowd, stage.victim, 11)))

  test('the sessions of a process that stops at once move, and lose nothing', async () => {
    const member = await stage.flock.add({ DRAIN_TIME: '0' })
    await stage.during(() => drain(member, 0))
  })

  test('all processes are replaced, one after the other, and users lose nothing', async () => {
    await stage.during(async () => {
      for (const member of [...stage.flock.members]) {
        await stage.flock.add()
        await drain(member, 3)
      }
    })
  })

  // Ten seconds are longer than entries of processes live.
  const faultsOfRedis: readonly (readonly [RedisFault, seconds: number])[] = [
    ['stopped', 10],
    ['emptied', 0],
    ['emptied', 10],
    ['hung', 2],
    ['hung', 10],
  ]
  test.each(faultsOfRedis)('a Redis that is %s for %i s costs no session and no message', (how, seconds) =>
    stage.during(() => loseRedis(stage.redis, how, seconds)),
  )

  test('a process that dies while Redis hangs loses no session and no message', () =>
    stage.during(async crowd => {
      const hung = loseRedis(stage.redis, 'hung', 8)
      await kill(crowd, stage.victim, () => hung)
      await stage.flock.add()
    }))

  test('a process that dies while another stops loses no session and no message', () =>
    stage.during(async crowd => {
      await Promise.all([stage.flock.add(), stage.flock.add()])
      const [dying, stopping] = stage.flock.members
      await Promise.all([kill(crowd, dying!), drain(stopping!, 3)])
    }))

  test('a process that stops while Redis hangs loses no session and no message', () =>
    stage.during(async crowd => {
      crowd.mayRepeat = true
      await stage.flock.add()
      await Promise.all([loseRedis(stage.redis, 'hung', 10), drain(stage.victim, 3)])
    }))

  test('no session or link is left in any process', async () => {
    expect(await stage.leftovers()).toEqual([])
  })
})
