import { NoAnswer, type Nodes } from '../nodes.js'

/** What other processes have answered, and the names of those that have not in time. */
export interface Answers<T> {
  readonly answers: readonly (readonly [node: string, answer: T])[]
  /** Undefined where all have answered. */
  readonly unanswered: readonly string[] | undefined
}

/**
 * Asks all other processes the same at once. What a process that is gone had is gone with it; one that is silent is not waited
 * for, and one that has been so for long is named all the same: it may be there, and its sessions with it.
 */
export async function askAll<T>(nodes: Nodes, kind: string, question: unknown): Promise<Answers<T>> {
  const answers: [string, T][] = []
  const unanswered: string[] = [...nodes.lost]
  await Promise.all(
    nodes.others.map(async ({ name, isSilent }) => {
      try {
        if (isSilent) unanswered.push(name)
        else answers.push([name, (await nodes.ask(name, kind, question)) as T])
      } catch (error) {
        if (!(error instanceof NoAnswer && error.reason === 'gone')) unanswered.push(name)
      }
    }),
  )
  return { answers, unanswered: unanswered.length === 0 ? undefined : unanswered.sort() }
}
