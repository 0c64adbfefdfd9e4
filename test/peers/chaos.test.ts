// What users notice while processes start and stop at random, and while all workers are replaced: half of them chat over
// WebSocket, processes are killed, paused, drained and started, and Redis stops, hangs and starts.
// Runs in npm run test:all only: five minutes.
//   CHAOS_SECONDS  how long it goes on (40)
//   CHAOS_USERS    how many people chat (30)
//   CHAOS_SEED     decides the order (1)
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import {
  drain,
  type FaultParts,
  kill,
  loseRedis,
  pause,
  type RedisFault,
  rejoinSeconds,
} from '../support/crowd/faults.js'
import type { Member } from '../support/crowd/member.js'
import { ProcessFlock } from '../support/crowd/process-flock.js'
import { setProcessStage, setWorkerStage } from '../support/crowd/stage.js'
import { WorkerFlock } from '../support/crowd/worker-flock.js'
import { numberFrom, Random } from '../support/random.js'
import type { RedisServer } from '../support/redis-server.js'
import { describeWith } from './needs.js'

const seconds = numberFrom('CHAOS_SECONDS', 40)
const seed = numberFrom('CHAOS_SEED', 1)
const mostMilliseconds = seconds * 1000 + 180_000
const processes = 3
const drainSeconds = 15
const secondsBetween = 10
/** How long a process runs before something is done to it. */
const settleMilliseconds = 5_000

const plan = {
  userCount: numberFrom('CHAOS_USERS', 30),
  ...{ count: processes, drainSeconds, secondsPerMessage: 3, awaySeconds: 30, patience: 30 },
}

describeWith(['prosody', 'redis-server'], 'Processes that start and stop at random', () => {
  test.each([
    ['started apart', setProcessStage],
    ['as workers', setWorkerStage],
  ] as const)(
    '%s: lose nothing of untouched sessions, and leave nothing open',
    async (_how, set) => {
      const stage = await set({}, plan)
      try {
        const { flock, redis } = stage
        const faults = await stage.during(({ crowd }) => unfold({ crowd, flock, redis }, new Random(seed)))
        expect(faults).toEqual([])
        expect(await stage.leftovers()).toEqual([])
      } finally {
        await stage.strike()
      }
    },
    mostMilliseconds,
  )
})

interface Course extends FaultParts {
  readonly flock: ProcessFlock | WorkerFlock
  readonly redis: RedisServer
}

interface Event {
  /** How often it occurs in each round of all events. */
  readonly often: number
  /** Whether it happens to a single process. */
  readonly isOfOne?: boolean
  /** Whether it removes a process, so that enough others must run. */
  readonly takes?: boolean
  /** Whether it adds a process. */
  readonly brings?: boolean
  /** Whether processes are unreachable meanwhile. The times of two such events would add up. */
  readonly hides?: boolean
  /** A process that stops stores its sessions in Redis. Without Redis, they end with it. */
  readonly redis?: 'is needed' | 'is lost'
  run(course: Course, member: Member): Promise<void>
}

const pausing =
  (seconds: number): Event['run'] =>
  (course, member) =>
    pause(course, member, seconds)
const draining: Event['run'] = (course, member) => drain(course, member, drainSeconds)
const losingRedis = (how: RedisFault, seconds: number): Event => ({
  ...{ often: 1, hides: true, redis: 'is lost' },
  run: course => loseRedis(course, course.redis, how, seconds),
})

const ofOne: readonly Event[] = [
  { often: 2, isOfOne: true, takes: true, run: kill },
  { often: 2, isOfOne: true, hides: true, run: pausing(5) },
  { often: 1, isOfOne: true, takes: true, run: pausing(30) },
  { often: 1, isOfOne: true, takes: true, redis: 'is needed', run: draining },
]

const ofRedis: readonly Event[] = [
  losingRedis('stopped', 0),
  losingRedis('emptied', 0),
  losingRedis('stopped', 8),
  losingRedis('hung', 8),
  losingRedis('emptied', 60),
]

const withProcesses: readonly Event[] = [
  ...ofOne,
  ...ofRedis,
  // A process that starts without Redis is not ready.
  { often: 4, brings: true, hides: true, run: addProcess },
]

const withWorkers: readonly Event[] = [
  ...ofOne,
  ...ofRedis,
  { often: 1, takes: true, redis: 'is needed', run: replaceAll },
]

async function addProcess({ flock }: Course): Promise<void> {
  if (flock instanceof ProcessFlock) await flock.add()
}

async function replaceAll({ flock }: Course): Promise<void> {
  if (flock instanceof WorkerFlock) flock.replaceAll()
  // Each begins to drain once the next has started.
  await sleep((drainSeconds + 10) * 1000)
}

/** Lets one event begin every ten seconds, and resolves when the last is over. */
async function unfold(course: Course, random: Random): Promise<void> {
  const { flock } = course
  const all = flock instanceof WorkerFlock ? withWorkers : withProcesses
  const end = performance.now() + seconds * 1000
  const going = new Map<Promise<void>, Event>()
  let bag: Event[] = []
  for (let next = performance.now(); next < end; next += secondsBetween * 1000) {
    await sleep(next - performance.now())
    const well = settledMembers(flock)
    const isPossible = ({ takes, brings, hides, redis, isOfOne }: Event) =>
      (brings !== true || flock.members.length <= processes) &&
      (takes !== true || well.length >= processes) &&
      (hides !== true || ![...going.values()].some(other => other.hides)) &&
      (redis === undefined || [...going.values()].every(other => (other.redis ?? redis) === redis)) &&
      (isOfOne !== true || well.length > 0)
    if (!bag.some(isPossible)) bag = [...bag, ...shuffled(all, random)]
    const place = bag.findIndex(isPossible)
    const member = random.pick(well)
    if (place === -1) continue
    const [event] = bag.splice(place, 1) as [Event]
    const run = event
      .run(course, member)
      .then(() => sleep(rejoinSeconds * 1000))
      .finally(() => going.delete(run))
    going.set(run, event)
  }
  await Promise.all(going.keys())
}

function settledMembers(flock: Course['flock']): Member[] {
  if (flock instanceof WorkerFlock) flock.look()
  return flock.members.filter(
    ({ isLeaving, isStopped, isGone, since }) =>
      !isLeaving && !isStopped && !isGone && performance.now() - since > settleMilliseconds,
  )
}

/** Each event `often` times, in random order. */
const shuffled = (all: readonly Event[], random: Random): Event[] =>
  all
    .flatMap(event => Array.from({ length: event.often }, () => ({ event, place: random.next() })))
    .toSorted((one, other) => one.place - other.place)
    .map(({ event }) => event)
