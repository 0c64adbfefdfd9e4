// What can happen to the processes of a service, for as long as a run wants it to. Each resolves once it is over.
import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsServer } from '../nats-server.js'
import type { Crowd } from './crowd.js'
import type { Flock, Member } from './member.js'

export interface FaultParts {
  readonly crowd: Crowd
  readonly flock: Flock
  /** `DRAIN_TIME`, in seconds. */
  readonly drainSeconds: number
}

/** Who is out of reach for so long counts as gone, in seconds. */
const goneSeconds = 10
/** How long processes may take to find each other again, in seconds. */
export const rejoinSeconds = 4
/** How long a process may take to end that is to end now, in milliseconds. */
const stopMilliseconds = 12_000

/** `kill -9`. */
export async function kill({ crowd, flock }: FaultParts, member: Member): Promise<void> {
  member.isLeaving = true
  crowd.harm({ node: member.node, kind: 'died', from: performance.now() })
  flock.signal(member, 'SIGKILL')
}

/** SIGSTOP, and SIGCONT so many seconds later. */
export async function pause({ crowd, flock }: FaultParts, member: Member, seconds: number): Promise<void> {
  const from = performance.now()
  const to = from + (seconds + rejoinSeconds) * 1000
  if (seconds >= goneSeconds) crowd.harm({ node: member.node, kind: 'silent', from, to })
  else crowd.cut({ from, to: from + seconds * 1000 })
  member.isStopped = true
  flock.signal(member, 'SIGSTOP')
  await sleep(seconds * 1000)
  flock.signal(member, 'SIGCONT')
  member.isStopped = false
}

/** SIGTERM: what has not ended by itself in time is ended. */
export async function drain({ crowd, flock, drainSeconds }: FaultParts, member: Member): Promise<void> {
  member.isLeaving = true
  const from = performance.now() + drainSeconds * 1000
  crowd.harm({ node: member.node, kind: 'died', from })
  flock.signal(member, 'SIGTERM')
  const latest = from + stopMilliseconds
  while (!member.isGone && performance.now() < latest) await sleep(100)
}

/** The broker is ended, and started so many seconds later. */
export async function loseNats({ crowd }: FaultParts, nats: NatsServer, seconds: number): Promise<void> {
  const from = performance.now()
  const to = from + (seconds + rejoinSeconds) * 1000
  if (seconds >= goneSeconds) crowd.harm({ kind: 'silent', from, to })
  else crowd.cut({ from, to })
  await nats.stop(seconds === 0 ? 'SIGTERM' : 'SIGKILL')
  await sleep(seconds * 1000)
  await nats.start()
}
