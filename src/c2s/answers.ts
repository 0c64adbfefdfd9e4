import type { Clock } from '../clock.js'

export interface Answer<T> {
  readonly value: T
  /** How long it may be remembered, in seconds. */
  readonly seconds: number
}

/**
 * Remembers answers for as long as each is good. Whoever asks for what is being asked already waits for the same
 * answer, so that a thousand logins at once are one question.
 */
export class Answers<T> {
  readonly #clock: Clock
  readonly #most: number
  readonly #ask: (question: string) => Promise<Answer<T>>
  readonly #known = new Map<string, { readonly value: T; readonly until: number }>()
  readonly #asked = new Map<string, Promise<T>>()

  /** `ask` never rejects. Not more than `most` answers are remembered: the oldest are forgotten first. */
  constructor(clock: Clock, most: number, ask: (question: string) => Promise<Answer<T>>) {
    this.#clock = clock
    this.#most = most
    this.#ask = ask
  }

  /** The answer itself where it is known: nobody waits a turn for that. */
  to(question: string): T | Promise<T> {
    const known = this.#known.get(question)
    if (known !== undefined && known.until > this.#clock.now()) return known.value
    let asked = this.#asked.get(question)
    if (asked === undefined) {
      asked = this.#learn(question)
      this.#asked.set(question, asked)
    }
    return asked
  }

  async #learn(question: string): Promise<T> {
    const { value, seconds } = await this.#ask(question)
    this.#asked.delete(question)
    // Set anew at the end, where the youngest are.
    this.#known.delete(question)
    this.#known.set(question, { value, until: this.#clock.now() + seconds * 1000 })
    if (this.#known.size > this.#most) this.#known.delete(this.#known.keys().next().value!)
    return value
  }
}
