import type { Clock } from './clock.js'
import { forgetOldest } from './limits/forget-oldest.js'

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
  const known = new Map<string, { readonly value: T; readonly until: number }>()
  const asked = new Map<string, Promise<T>>()
  const learn = async (question: string) => {
    try {
      const { value, seconds } = await ask(question)
      known.delete(question)
      known.set(question, { value, until: clock.now() + seconds * 1000 })
      forgetOldest(known, most)
      return value
    } finally {
      asked.delete(question)
    }
  }
  return question => {
    const remembered = known.get(question)
    if (remembered !== undefined && remembered.until > clock.now()) return remembered.value
    const answer = asked.get(question) ?? learn(question)
    asked.set(question, answer)
    return answer
  }
}
