import { NoAnswer, type Nodes } from '../nodes.js'

interface Answers<T> {
  readonly answers: readonly (readonly [node: string, answer: T])[]
  /** Undefined if all have answered. */
  readonly unanswered: readonly string[] | undefined
}

/** `unanswered` includes `lost` and `awaited`, because the sessions of these processes may still exist. */
export async function askAll<T>(
  nodes: Pick<Nodes, 'lost' | 'awaited' | 'others' | 'ask'> | undefined,
  kind: string,
  question: unknown,
): Promise<Answers<T>> {
  if (nodes === undefined) return { answers: [], unanswered: undefined }
  const answers: [string, T][] = []
  const unanswered: string[] = [...nodes.lost, ...nodes.awaited.filter(name => name !== '')]
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

export function nodeForNewSession({ others }: Pick<Nodes, 'others'>, asked = new Set<string>()): string | undefined {
  const able = others.filter(({ name, isDraining, isSilent }) => !isDraining && !isSilent && !asked.has(name))
  return able[Math.floor(Math.random() * able.length)]?.name
}
