import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { setTimeout as sleep } from 'node:timers/promises'

/** In milliseconds. */
export interface Lag {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** CPU time between two timers: without the time in which other processes had the core. */
  readonly busy: number
}

export interface Vitals {
  readonly residentMib: number
  readonly heapMib: number
  readonly descriptors: number
  /** Includes timers that keep no process alive. */
  readonly timers: number
  readonly resources: Readonly<Record<string, number>>
}

export interface Answers {
  /** Since the last question. Then collects garbage. Needs MEASURE_LAG. */
  lag(): Promise<Lag>
  collectGarbage(): Promise<void>
  vitals(): Promise<Vitals>
  /** In microseconds. */
  startProfile(interval: number): Promise<void>
  stopProfile(): Promise<Profiler.Profile>
}

export const questionFile = (pid: number) => `/tmp/warm-bindings-question-${pid}`
export const answerFile = (pid: number) => `/tmp/warm-bindings-answer-${pid}`

/** Of a process with probe.ts. One question at a time. */
export async function ask<What extends keyof Answers>(
  pid: number,
  what: What,
  ...[about]: Parameters<Answers[What]>
): Promise<Awaited<ReturnType<Answers[What]>>> {
  writeFileSync(questionFile(pid), JSON.stringify({ what, about }))
  process.kill(pid, 'SIGUSR2')
  while (!existsSync(answerFile(pid))) await sleep(20)
  const { answer } = JSON.parse(readFileSync(answerFile(pid), 'utf8'))
  for (const file of [questionFile(pid), answerFile(pid)]) rmSync(file)
  return answer
}
