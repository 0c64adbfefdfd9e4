// What happens in a run of chaos, and when: one thing after the other, as chance and a seed will have it.
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, type FaultParts, kill, loseNats, pause, rejoinSeconds } from '../test/support/crowd/faults.js'
import { at } from '../test/support/crowd/judge.js'
import type { Member } from '../test/support/crowd/member.js'
import { NatsFlock } from '../test/support/crowd/nats-flock.js'
import { WorkerFlock } from '../test/support/crowd/worker-flock.js'
import type { NatsServer } from '../test/support/nats-server.js'
import { Random } from '../test/support/random.js'

export interface Course extends FaultParts {
  /** Undefined where there are workers. */
  readonly nats: NatsServer | undefined
  readonly seconds: number
  readonly seed: number
}

/** How many processes there are when all is well. */
export const processes = 3

const secondsBetween = 10
/** How long a process has to be there until something is done to it, in milliseconds. */
const settleMilliseconds = 5_000

interface Misfortune {
  readonly name: string
  /** How often it happens among all of them. */
  readonly often: number
  /** Whether it is one process that it befalls. */
  readonly isOfOne?: boolean
  /** Whether it takes one away, so that others have to be there. */
  readonly takes?: boolean
  /** Whether it brings one more. */
  readonly brings?: boolean
  /** Whether processes are out of reach meanwhile: two of these would add up. */
  readonly hides?: boolean
  run(course: Course, member: Member): Promise<void>
}

const loses =
  (seconds: number): Misfortune['run'] =>
  course =>
    loseNats(course, course.nats!, seconds)

const ofOne: readonly Misfortune[] = [
  { name: 'kill -9', often: 2, isOfOne: true, takes: true, run: kill },
  {
    name: 'SIGSTOP for 5 s',
    often: 2,
    isOfOne: true,
    hides: true,
    run: (course, member) => pause(course, member, 5),
  },
  {
    name: 'SIGSTOP for 30 s',
    often: 1,
    isOfOne: true,
    takes: true,
    run: (course, member) => pause(course, member, 30),
  },
  { name: 'SIGTERM', often: 1, isOfOne: true, takes: true, run: drain },
]

const withNats: readonly Misfortune[] = [
  ...ofOne,
  { name: 'NATS is started anew', often: 2, hides: true, run: loses(0) },
  { name: 'NATS is gone for 8 s', often: 2, hides: true, run: loses(8) },
  { name: 'NATS is gone for 60 s', often: 1, hides: true, run: loses(60) },
  {
    name: 'a new process',
    often: 4,
    brings: true,
    // One that starts without NATS is not found by those that it does not find.
    hides: true,
    run: async ({ flock }) => void (flock instanceof NatsFlock && (await flock.add())),
  },
]

const withWorkers: readonly Misfortune[] = [
  ...ofOne,
  { name: 'SIGUSR2', often: 1, takes: true, run: course => replaceAll(course) },
]

/** All workers are replaced; those that there were have their drain, and are gone then. */
async function replaceAll({ crowd, flock, drainSeconds }: Course): Promise<void> {
  const from = performance.now() + drainSeconds * 1000
  for (const { node } of flock.members) crowd.harm({ node, kind: 'died', from })
  if (flock instanceof WorkerFlock) flock.replaceAll()
  // One after the other begins to drain once the next has started.
  await sleep((drainSeconds + 10) * 1000)
}

/** Lets one thing happen every ten seconds, and resolves when the last is over. */
export async function unfold(course: Course): Promise<void> {
  const { crowd, flock, seconds, seed } = course
  const random = new Random(seed)
  const all = course.nats === undefined ? withWorkers : withNats
  const end = performance.now() + seconds * 1000
  const going = new Map<Promise<void>, Misfortune>()
  let bag: Misfortune[] = []
  for (let next = performance.now(); next < end; next += secondsBetween * 1000) {
    await sleep(next - performance.now())
    const well = membersThatAreWell(course)
    const isPossible = ({ takes, brings, hides, isOfOne }: Misfortune) =>
      (brings !== true || flock.members.length <= processes) &&
      (takes !== true || well.length >= processes) &&
      (hides !== true || ![...going.values()].some(other => other.hides)) &&
      (isOfOne !== true || well.length > 0)
    if (!bag.some(isPossible)) bag = [...bag, ...shuffled(all, random)]
    const place = bag.findIndex(isPossible)
    const member = random.pick(well)
    const counts = `${flock.members.map(({ node }) => `${node} ${crowd.countAt(node)}`).join(', ')}; ${crowd.summary}`
    if (place === -1) {
      say(`nothing can be done; ${counts}`)
      continue
    }
    const [misfortune] = bag.splice(place, 1) as [Misfortune]
    say(`${misfortune.name}${misfortune.isOfOne ? ` for ${member.node}` : ''}; ${counts}`)
    const run = misfortune
      .run(course, member)
      .then(() => sleep(rejoinSeconds * 1000))
      .finally(() => going.delete(run))
    going.set(run, misfortune)
  }
  await Promise.all(going.keys())
}

function membersThatAreWell({ flock }: Course): Member[] {
  if (flock instanceof WorkerFlock) flock.look()
  return flock.members.filter(
    ({ isLeaving, isStopped, isGone, since }) =>
      !isLeaving && !isStopped && !isGone && performance.now() - since > settleMilliseconds,
  )
}

/** Each as often as it happens, in any order. */
function shuffled(all: readonly Misfortune[], random: Random): Misfortune[] {
  return all
    .flatMap(misfortune => Array.from({ length: misfortune.often }, () => misfortune))
    .map(misfortune => ({ misfortune, place: random.next() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ misfortune }) => misfortune)
}

export function say(what: string): void {
  console.log(`${at(performance.now()).padStart(7)}  ${what}`)
}
