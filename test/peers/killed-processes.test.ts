// `kill -9` ends no session: other processes continue it from its record.
// Runs in npm run test:all only: three minutes.
//   KILLED_ROUNDS  how often a process is killed in each test (1)
//   CUT_SECONDS    how long one is cut off from Redis (10)
//   TAKE_UP_SECONDS  how long it may take until all sessions work again (12)
//   CROWD_USERS    how many people chat (12), an even number
//   MESSAGE_SECONDS  between two messages of each (1)
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { kill, takeUpSeconds } from '../support/crowd/faults.js'
import { type CrowdStage, setProcessStage } from '../support/crowd/stage.js'
import { numberFrom } from '../support/random.js'
import { startRelay } from '../support/relay.js'
import { describeWith } from './needs.js'

const rounds = Array.from({ length: numberFrom('KILLED_ROUNDS', 1) }, (_, index) => index + 1)
const cutSeconds = numberFrom('CUT_SECONDS', 10)
/** The machine has other tests to run. */
const secondsPerMessage = numberFrom('MESSAGE_SECONDS', 1)

for (const server of ['Prosody', 'ejabberd'] as const)
  describeWith([server === 'Prosody' ? 'prosody' : 'ejabberd', 'redis-server'], `A process before ${server}`, () => {
    let stage: CrowdStage

    afterAll(() => stage?.strike())

    const begin = (count: number, isRedisKept = false) =>
      beforeAll(async () => {
        await stage?.strike()
        stage = await setProcessStage({ isEjabberd: server === 'ejabberd', count, isRedisKept, secondsPerMessage })
      })

    describe('one of three', () => {
      begin(3)

      test.each(rounds)('that is killed loses no session and no message, time %d', () =>
        stage.during(crowd => kill(crowd, stage.victim, () => stage.flock.add())),
      )

      test('leaves no session and no link', async () => {
        expect(await stage.leftovers()).toEqual([])
      })
    })

    // What follows depends less on the server. Several rounds try it with both.
    if (server === 'ejabberd' && rounds.length === 1) return

    describe('one that pages reach, but that is cut off from Redis', () => {
      begin(2)

      test('loses nothing, and leaves the sessions that others have taken', async () => {
        const way = await startRelay(stage.redis.path)
        const member = await stage.flock.add({ REDIS_URL: way.url.replace('http:', 'redis:') })
        await stage.during(async crowd => {
          crowd.mayRepeat = true
          way.hangUp()
          await pause(cutSeconds * 1000)
          way.restore()
          await pause(takeUpSeconds * 1000)
        })
        member.isLeaving = true
        member.running.signal('SIGKILL')
        await way.stop()
      })
    })

    describe('the only one', () => {
      begin(1, true)

      test.each(rounds)('that is killed with its Redis loses no session and no message, time %d', async () => {
        await stage.during(crowd =>
          kill(crowd, stage.victim, async () => {
            await stage.redis.kill()
            await stage.redis.start()
            await stage.flock.add()
          }),
        )
      })
    })
  })
