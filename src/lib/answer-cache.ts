import type { Clock } from './clock.js'
import { createShortMemory } from './limits/short-memory.js'

export interface Answer<T> {
  readonly value: T
  readonly seconds: number
}

/** Stores at most `most` answers, each for its `seconds`. Calls with the same question share one `ask`. */
export function cacheAnswers<T>(
  clock: Pick<Clock, 'now'>,
  most: number,
  ask: (question: string) => Promise<Answer<T>>,
): (question: string) => T | Promise<T> {
  const known = createShortMemory<T>(clock, 0, most)
  const asked = new Map<string, Promise<T>>()
  const learn = async (question: string) => {
    try {
      const { value, seconds } = await ask(question)
      known.remember(question, value, seconds)
      return value
    } finally {
      asked.delete(question)
    }
  }
  return question => {
    const remembered = known.recall(question)
    if (remembered !== undefined) return remembered
    const answer = asked.get(question) ?? learn(question)
    asked.set(question, answer)
    return answer
  }
}
