import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

export type KeyedRate = Pick<Rate, 'take' | 'giveBack' | 'count' | 'wait'>

export type Most = number | (() => number)

export const numberOf = (most: Most) => (typeof most === 'number' ? most : most())

/** Processes can share a rate by its `name`. */
export type MakeRate = (name: string, most: Most, seconds: number) => KeyedRate

export const ownRates: MakeRate = (_name, most, seconds) => new Rate(most, seconds)

export type Limiter = Pick<RateLimiterAbstract, 'points' | 'consume' | 'reward' | 'get'>

export class Rate {
  readonly #most: Most
  readonly #counted: Limiter

  /** The first `take` begins a window of `seconds`. If `most` is 0, there is no limit. `counted` has the counts. */
  constructor(most: Most, seconds: number, counted: Limiter = new RateLimiterMemory({ points: 1, duration: seconds })) {
    this.#most = most
    this.#counted = counted
  }

  get #limiter(): Limiter | undefined {
    const most = numberOf(this.#most)
    if (most === 0) return undefined
    this.#counted.points = most
    return this.#counted
  }

  /** Above the limit, resolves with the seconds to wait. */
  async take(key: string): Promise<number | undefined> {
    try {
      await this.#limiter?.consume(key)
      return undefined
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      return seconds(error)
    }
  }

  /** Cancels the last `take` of this window. */
  async giveBack(key: string): Promise<void> {
    if ((await this.count(key)) > 0) await this.#limiter?.reward(key)
  }

  async count(key: string): Promise<number> {
    return (await this.#window(key))?.consumedPoints ?? 0
  }

  /** Resolves with the seconds to wait. Does not count. */
  async wait(key: string): Promise<number | undefined> {
    const window = await this.#window(key)
    return window === undefined || window.consumedPoints < this.#counted.points ? undefined : seconds(window)
  }

  async #window(key: string): Promise<RateLimiterRes | undefined> {
    const noted = await this.#limiter?.get(key)
    return noted != null && noted.msBeforeNext > 0 ? noted : undefined
  }
}

function seconds({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000))
}
