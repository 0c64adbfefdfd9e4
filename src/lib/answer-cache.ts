import type { Clock } from './clock.js'
import { forgetOldest } from './limits/forget-oldest.js'

export interface Answer<T> {
  readonly value: T
  readonly seconds: number
}

const askAgainMilliseconds = 30_000

/** Stores at most `most` answers, each for its `seconds`. Calls with the same question share one `ask`, for 30 s. */
export function cacheAnswers<T>(
  clock: Pick<Clock, 'now'>,
  most: number,
  ask: (question: string) => Promise<Answer<T>>,
): (question: string) => T | Promise<T> {
  const known = new Map<string, { readonly value: T; readonly until: number; readonly askedAt: number }>()
  const asked = new Map<string, { readonly answer: Promise<T>; readonly askedAt: number }>()
  const remember = (question: string, { value, seconds }: Answer<T>, askedAt: number) => {
    const newest = known.get(question)
    if (newest !== undefined && newest.askedAt > askedAt) return
    known.delete(question)
    known.set(question, { value, until: clock.now() + seconds * 1000, askedAt })
    forgetOldest(known, most)
  }
  const learn = async (question: string, askedAt: number) => {
    try {
      const answer = await ask(question)
      remember(question, answer, askedAt)
      return answer.value
    } finally {
      // After 30 s, a newer call may have asked again.
      if (asked.get(question)?.askedAt === askedAt) asked.delete(question)
    }
  }
  return question => {
    const now = clock.now()
    const remembered = known.get(question)
    if (remembered !== undefined && remembered.until > now) return remembered.value
    const waiting = asked.get(question)
    if (waiting !== undefined && now - waiting.askedAt < askAgainMilliseconds) return waiting.answer
    const answer = learn(question, now)
    asked.set(question, { answer, askedAt: now })
    return answer
  }
}
