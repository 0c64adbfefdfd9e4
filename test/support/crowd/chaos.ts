// People chat, half of them over WebSocket, while processes are killed, paused, drained and started, and Redis stops,
// hangs and starts. A seed decides the order.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startProsody } from '../prosody.js'
import { Random } from '../random.js'
import { type RedisServer, startRedisServer } from '../redis-server.js'
import { Crowd } from './crowd.js'
import { drain, type FaultParts, kill, loseRedis, pause, type RedisFault, rejoinSeconds } from './faults.js'
import { at } from './judge.js'
import { leftovers } from './leftovers.js'
import type { Member } from './member.js'
import { ProcessFlock } from './process-flock.js'
import { movableSessions, sealKeyIn } from './stage.js'
import { WorkerFlock } from './worker-flock.js'

export interface ChaosPlan {
  readonly seconds: number
  readonly seed: number
  readonly users: number
  /** True: workers of one command. False: separate processes. */
  readonly isWorkers: boolean
}

interface Course extends FaultParts {
  readonly flock: ProcessFlock | WorkerFlock
  readonly redis: RedisServer
  readonly log: (text: string) => void
}

const admin = 'portal:choose-a-secret'
const processes = 3
const secondsPerMessage = 3
const drainSeconds = 15
/** How long sessions, links and descriptors may take to go afterwards: longer than a page may be away. */
const clearSeconds = 60
const secondsBetween = 10
/** How long a process runs before something is done to it. */
const settleMilliseconds = 5_000

/** A message with the time since the start. */
const timed = (text: string) => `${at(performance.now()).padStart(7)}  ${text}`

/**
 * Resolves with the faults: messages of unharmed sessions that were lost, doubled or reordered, pages that waited too
 * long, and what is left.
 */
export async function chaos(
  { seconds, seed, users, isWorkers }: ChaosPlan,
  log: (text: string) => void,
): Promise<string[]> {
  const names = Array.from({ length: users }, (_, index) => `user${index}`)
  const folder = mkdtempSync(join(tmpdir(), 'warm-chaos-'))
  log(`${users} people for ${seconds} s, seed ${seed}; the logs are in ${folder}`)
  const accounts = Object.fromEntries([...names, 'probe'].map(name => [name, name]))
  const prosody = await startProsody({ users: accounts, iterations: 4096, config: movableSessions })
  const redis = await startRedisServer()
  const environment = {
    ADMIN_USERS: admin,
    XMPP_DOMAINS: 'localhost',
    XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${prosody.c2sPort}?tls=none`,
    DRAIN_TIME: String(drainSeconds),
    ...{ REDIS_URL: `unix:${redis.path}`, SEAL_KEY_FILE: sealKeyIn(folder) },
  }
  const options = { environment, folder }
  const flock = isWorkers
    ? await WorkerFlock.start(processes, options)
    : await ProcessFlock.start(processes, options, { admin, user: 'probe' })
  try {
    const crowd = new Crowd({ url: flock.url, admin, users: names, secondsPerMessage })
    await crowd.arrive()
    log(timed('all are there'))
    await unfold({ crowd, flock, redis, drainSeconds, canMove: true, log }, seconds, new Random(seed))
    log(timed(`it is over: ${crowd.summary}`))
    const { faults, summary } = await crowd.leave()
    log(timed(summary))
    const left = await leftovers(flock, clearSeconds)
    return [...faults, ...left.map(what => `left: ${what}`)]
  } finally {
    await flock.stop()
    await redis.remove()
    await prosody.stop()
  }
}

interface Event {
  readonly name: string
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
const losingRedis = (name: string, how: RedisFault, seconds: number): Event => ({
  ...{ name, often: 1, hides: true, redis: 'is lost' },
  run: course => loseRedis(course, course.redis, how, seconds),
})

const ofOne: readonly Event[] = [
  { name: 'kill -9', often: 2, isOfOne: true, takes: true, run: kill },
  { name: 'SIGSTOP for 5 s', often: 2, isOfOne: true, hides: true, run: pausing(5) },
  { name: 'SIGSTOP for 30 s', often: 1, isOfOne: true, takes: true, run: pausing(30) },
  { name: 'SIGTERM', often: 1, isOfOne: true, takes: true, redis: 'is needed', run: drain },
]

const ofRedis: readonly Event[] = [
  losingRedis('Redis is restarted', 'stopped', 0),
  losingRedis('Redis is killed, and starts empty', 'emptied', 0),
  losingRedis('Redis is gone for 8 s', 'stopped', 8),
  losingRedis('Redis hangs for 8 s', 'hung', 8),
  losingRedis('Redis is gone for 60 s, and starts empty', 'emptied', 60),
]

const withProcesses: readonly Event[] = [
  ...ofOne,
  ...ofRedis,
  // A process that starts without Redis is not ready.
  { name: 'a new process', often: 4, brings: true, hides: true, run: addProcess },
]

const withWorkers: readonly Event[] = [
  ...ofOne,
  ...ofRedis,
  { name: 'SIGUSR2', often: 1, takes: true, redis: 'is needed', run: replaceAll },
]

async function addProcess({ flock }: Course): Promise<void> {
  if (flock instanceof ProcessFlock) await flock.add()
}

async function replaceAll({ flock, drainSeconds: draining }: Course): Promise<void> {
  if (flock instanceof WorkerFlock) flock.replaceAll()
  // Each begins to drain once the next has started.
  await sleep((draining + 10) * 1000)
}

/** Lets one event begin every ten seconds, and resolves when the last is over. */
async function unfold(course: Course, seconds: number, random: Random): Promise<void> {
  const { crowd, flock, log } = course
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
    const counts = flock.members.map(({ node }) => `${node} ${crowd.countAt(node)}`)
    const about = `${counts.join(', ')}; ${crowd.summary}`
    if (place === -1) {
      log(timed(`nothing can be done; ${about}`))
      continue
    }
    const [event] = bag.splice(place, 1) as [Event]
    log(timed(`${event.name}${event.isOfOne ? ` for ${member.node}` : ''}; ${about}`))
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
