import type { ProcessEntry } from './store.js'

/** How a process asks the others of the service. Questions and answers are JSON values. */
export interface OtherProcesses {
  readonly self: string
  readonly others: readonly ProcessEntry[]
  /** Names of processes whose entries have expired: they can hang, and come back. */
  readonly lost: readonly string[]
  /** True if nothing listens at the address of the process: it has died, and its entry will expire. */
  isGone(name: string): boolean
  /** Rejects with `NoAnswer`. Default time limit: 1,000 ms. */
  ask(name: string, kind: string, question: unknown, milliseconds?: number): Promise<unknown>
  answer(kind: string, answer: (question: never) => unknown): void
}

export class NoAnswer extends Error {
  constructor(
    readonly process: string,
    readonly reason: 'gone' | 'broken' | 'late',
  ) {
    super(`no answer from ${process}: ${reason}`)
  }
}

interface Answers<T> {
  readonly answers: readonly (readonly [process: string, answer: T])[]
  /** Undefined if all have answered. */
  readonly unanswered: readonly string[] | undefined
}

/** `unanswered` includes `lost`, and processes that seem gone: their sessions may still exist. */
export async function askAll<T>(
  processes: Pick<OtherProcesses, 'lost' | 'others' | 'ask'> | undefined,
  kind: string,
  question: unknown,
): Promise<Answers<T>> {
  if (processes === undefined) return { answers: [], unanswered: undefined }
  const answers: [string, T][] = []
  const unanswered: string[] = [...processes.lost]
  await Promise.all(
    processes.others.map(async ({ name }) => {
      try {
        answers.push([name, (await processes.ask(name, kind, question)) as T])
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        unanswered.push(name)
      }
    }),
  )
  return { answers, unanswered: unanswered.length === 0 ? undefined : unanswered.sort() }
}
