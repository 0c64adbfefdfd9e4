import type { Clock } from './clock.js'
import { forgetOldest } from './forget-oldest.js'

export interface Answer<T> {
  readonly value: T
  /** How long it may be remembered, in seconds. */
  readonly seconds: number
}

/** How long a question waits for its answer before it is asked again, in milliseconds. */
const patience = 30_000

/**
 * Remembers answers for as long as each is good. A question that is being asked already waits for the same answer, so that
 * a thousand logins at once are one question.
 */
export class AnswerCache<T> {
  readonly #clock: Clock
  readonly #most: number
  readonly #ask: (question: string) => Promise<Answer<T>>
  readonly #known = new Map<string, { readonly value: T; readonly until: number }>()
  readonly #asked = new Map<string, { readonly answer: Promise<T>; readonly at: number }>()

  /** Not more than `most` answers are remembered: the oldest are forgotten first. */
  constructor(clock: Clock, most: number, ask: (question: string) => Promise<Answer<T>>) {
    this.#clock = clock
    this.#most = most
    this.#ask = ask
  }

  /** The answer itself where it is known, without a promise: the login goes on in the same turn. */
  to(question: string): T | Promise<T> {
    const known = this.#known.get(question)
    if (known !== undefined && known.until > this.#clock.now()) return known.value
    const now = this.#clock.now()
    const asked = this.#asked.get(question)
    if (asked !== undefined && now - asked.at < patience) return asked.answer
    const answer = this.#learn(question)
    this.#asked.set(question, { answer, at: now })
    return answer
  }

  async #learn(question: string): Promise<T> {
    try {
      const { value, seconds } = await this.#ask(question)
      // Set anew at the end, where the youngest are.
      this.#known.delete(question)
      this.#known.set(question, { value, until: this.#clock.now() + seconds * 1000 })
      forgetOldest(this.#known, this.#most)
      return value
    } finally {
      this.#asked.delete(question)
    }
  }
}
