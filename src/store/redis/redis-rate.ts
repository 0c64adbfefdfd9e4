import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { type KeyedRate, type MakeRate, type Most, numberOf } from '../../lib/limits/rates.js'
import type { HashKey } from './key-hashes.js'
import type { RedisLine } from './redis-line.js'

/** While Redis is away, each process counts alone. */
export function redisRates(line: RedisLine, hashKey: HashKey): MakeRate {
  const storeClient = commandsOf(line)
  return (name, most, seconds) => {
    const insuranceLimiter = new RateLimiterMemory({ points: 1, duration: seconds })
    const limiter = new RateLimiterRedis({
      storeClient,
      useRedisPackage: true,
      keyPrefix: `warm:rate:${name}`,
      points: 1,
      duration: seconds,
      insuranceLimiter,
    })
    return new RedisRate(most, limiter, insuranceLimiter, hashKey)
  }
}

class RedisRate implements KeyedRate {
  readonly #most: Most
  readonly #shared: RateLimiterRedis
  readonly #own: RateLimiterMemory
  readonly #hashKey: HashKey

  constructor(most: Most, shared: RateLimiterRedis, own: RateLimiterMemory, hashKey: HashKey) {
    this.#most = most
    this.#shared = shared
    this.#own = own
    this.#hashKey = hashKey
  }

  async take(key: string): Promise<number | undefined> {
    try {
      await this.#limiter?.consume(this.#hashKey(key))
      return undefined
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      return secondsOf(error)
    }
  }

  async giveBack(key: string): Promise<void> {
    if ((await this.count(key)) > 0) await this.#limiter?.reward(this.#hashKey(key))
  }

  async count(key: string): Promise<number> {
    return (await this.#window(key))?.consumedPoints ?? 0
  }

  async wait(key: string): Promise<number | undefined> {
    const window = await this.#window(key)
    return window === undefined || window.consumedPoints < this.#shared.points ? undefined : secondsOf(window)
  }

  get #limiter(): RateLimiterRedis | undefined {
    const most = numberOf(this.#most)
    if (most === 0) return undefined
    this.#shared.points = most
    this.#own.points = most
    return this.#shared
  }

  async #window(key: string): Promise<RateLimiterRes | undefined> {
    const noted = await this.#limiter?.get(this.#hashKey(key))
    return noted != null && noted.msBeforeNext > 0 ? noted : undefined
  }
}

const secondsOf = ({ msBeforeNext }: RateLimiterRes) => Math.max(1, Math.ceil(msBeforeNext / 1000))

/** The commands of `@redis/client` that rate-limiter-flexible uses. */
function commandsOf(line: RedisLine) {
  return {
    eval: (text: string, { keys, arguments: args }: { keys: readonly string[]; arguments: readonly string[] }) =>
      line.send('EVAL', text, String(keys.length), ...keys, ...args),
    multi() {
      const commands: string[][] = []
      const chain = {
        get: (key: string) => add(['GET', key]),
        pTTL: (key: string) => add(['PTTL', key]),
        exec: () => Promise.all(commands.map(command => line.send(...command))),
      }
      const add = (command: string[]) => {
        commands.push(command)
        return chain
      }
      return chain
    },
  }
}
