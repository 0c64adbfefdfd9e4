import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

/** Limits how often something may be done in a time, by key. */
export type KeyedRate = Pick<Rate, 'take' | 'giveBack' | 'count' | 'wait'>

/** Makes a rate; processes that count together know it by its name. */
export type MakeRate = (name: string, most: number, seconds: number) => KeyedRate

/** Makes rates that are counted in this process alone. */
export const ownRates: MakeRate = (_name, most, seconds) => new Rate(most, seconds)

/** How often something may be done in a time; each key counts for itself, and is forgotten once its time is over. */
export class Rate {
  readonly #limiter: RateLimiterMemory | undefined

  /** `most` in each so many `seconds`, which begin with the first of them; 0 is any number. */
  constructor(most: number, seconds: number) {
    if (most > 0) this.#limiter = new RateLimiterMemory({ points: most, duration: seconds })
  }

  /** Takes note that it is done once more. Resolves with the seconds to wait where it is once too often. */
  async take(key: string): Promise<number | undefined> {
    try {
      await this.#limiter?.consume(key)
      return undefined
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      return seconds(error)
    }
  }

  /** Takes the last count back, unless its time is over. */
  async giveBack(key: string): Promise<void> {
    if ((await this.count(key)) > 0) await this.#limiter?.reward(key)
  }

  /** How often it was done in the time that runs. */
  async count(key: string): Promise<number> {
    const noted = await this.#limiter?.get(key)
    return noted == null || noted.msBeforeNext <= 0 ? 0 : noted.consumedPoints
  }

  /** The seconds to wait where no more of it may be done, without taking note of any. */
  async wait(key: string): Promise<number | undefined> {
    const noted = await this.#limiter?.get(key)
    if (noted == null || noted.msBeforeNext <= 0) return undefined
    return noted.consumedPoints < this.#limiter!.points ? undefined : seconds(noted)
  }
}

function seconds({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000))
}
