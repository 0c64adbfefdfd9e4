import type { Clock } from './clock.js'
import { forgetOldest } from './limits/forget-oldest.js'

export interface Answer<T> {
  readonly value: T
  /** How long it may be remembered, in seconds. */
  readonly seconds: number
}

/** How long a question waits for its answer before it is asked again, in milliseconds. */
const patience = 30_000

/**
 * Answers questions from memory for as long as each answer is good: then it is the answer itself, without a promise, and
 * a login goes on in the same turn. A question that is being asked already waits for the same answer, so that a thousand
 * logins at once are one question. Not more than `most` answers are remembered: the oldest are forgotten first.
 */
export function remembering<T>(
  clock: Clock,
  most: number,
  ask: (question: string) => Promise<Answer<T>>,
): (question: string) => T | Promise<T> {
  const known = new Map<string, { readonly value: T; readonly until: number }>()
  const asked = new Map<string, { readonly answer: Promise<T>; readonly at: number }>()
  const learn = async (question: string) => {
    try {
      const { value, seconds } = await ask(question)
      // Set anew at the end, where the youngest are.
      known.delete(question)
      known.set(question, { value, until: clock.now() + seconds * 1000 })
      forgetOldest(known, most)
      return value
    } finally {
      asked.delete(question)
    }
  }
  return question => {
    const now = clock.now()
    const remembered = known.get(question)
    if (remembered !== undefined && remembered.until > now) return remembered.value
    const waiting = asked.get(question)
    if (waiting !== undefined && now - waiting.at < patience) return waiting.answer
    const answer = learn(question)
    asked.set(question, { answer, at: now })
    return answer
  }
}
