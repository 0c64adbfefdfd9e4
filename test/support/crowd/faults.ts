// Faults of the processes of a service. Each function resolves when its fault is over.
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

/** Seconds of silence after which a process counts as gone. */
const goneSeconds = 10
/** How long processes may take to find each other again, in seconds. */
export const rejoinSeconds = 4
/** Longest time in which a process ends after `DRAIN_TIME`, in milliseconds. */
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

/** SIGTERM. After `DRAIN_TIME`, the process ends the sessions that are left. */
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
