import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answers } from './probe.js'
import { answerFile, questionFile } from './tally.js'

export type Answer<What extends keyof Answers> = Awaited<ReturnType<Answers[What]>>

/** The process must have loaded probe.ts, and answers one question at a time. */
export async function ask<What extends keyof Answers>(pid: number, what: What): Promise<Answer<What>> {
  writeFileSync(questionFile(pid), JSON.stringify({ what }))
  process.kill(pid, 'SIGUSR2')
  while (!existsSync(answerFile(pid))) await sleep(20)
  const { answer } = JSON.parse(readFileSync(answerFile(pid), 'utf8'))
  for (const file of [questionFile(pid), answerFile(pid)]) rmSync(file)
  return answer
}
