// Faults of the processes of a service. Each function resolves when its fault is over.
import { setTimeout as sleep } from 'node:timers/promises'
import { processSeconds } from '../../../src/store/store.js'
import { numberFrom } from '../random.js'
import type { RedisServer } from '../redis-server.js'
import type { Crowd } from './crowd.js'
import type { Member } from './process-flock.js'

/** How long a process or Redis may take to serve again as before, in seconds. */
export const rejoinSeconds = 4
/**
 * Longest time in which other processes continue the sessions of one that died, in seconds. A machine that does nothing else
 * needs less than 8.
 */
export const takeUpSeconds = numberFrom('TAKE_UP_SECONDS', 12)
/** Longest time in which a process ends after `DRAIN_TIME`, in milliseconds. */
const stopMilliseconds = 12_000

/** `kill -9`. Others continue the sessions of the process. Pages may get the last stanzas again. */
export async function kill(
  crowd: Crowd,
  member: Member,
  meanwhile: () => Promise<unknown> = async () => {},
): Promise<void> {
  member.isLeaving = true
  // A process that dies while a session is opened ends it.
  await sleep(1_000)
  const from = performance.now()
  crowd.mayRepeat = true
  member.running.signal('SIGKILL')
  await meanwhile()
  await sleep(Math.max(0, from + takeUpSeconds * 1000 - performance.now()))
}

/**
 * SIGSTOP, and SIGCONT so many seconds later. If that is longer than the entry of the process lives, others continue its
 * sessions, and pages may get the last stanzas again.
 */
export async function pause(crowd: Crowd, member: Member, seconds: number): Promise<void> {
  // Records of sessions are stored within a second. A younger session can lose its first messages.
  await sleep(1_000)
  crowd.mayRepeat ||= seconds >= processSeconds
  member.running.signal('SIGSTOP')
  await sleep(seconds * 1000)
  member.running.signal('SIGCONT')
}

/** SIGTERM. `seconds` is `DRAIN_TIME` of the process. Its sessions move to others. */
export async function drain(member: Member, seconds: number): Promise<void> {
  member.isLeaving = true
  member.running.signal('SIGTERM')
  const latest = performance.now() + seconds * 1000 + stopMilliseconds
  while (!member.running.isGone && performance.now() < latest) await sleep(100)
}

export type RedisFault = 'stopped' | 'emptied' | 'hung'

/**
 * Stops Redis, kills it so that its data is lost, or makes it hang, for so many seconds. Sessions and their messages are
 * not harmed.
 */
export async function loseRedis(redis: RedisServer, how: RedisFault, seconds: number): Promise<void> {
  if (how === 'hung') redis.pause()
  else if (how === 'stopped') await redis.stop()
  else await redis.kill()
  await sleep(seconds * 1000)
  if (how === 'hung') redis.resume()
  else await redis.start()
}
