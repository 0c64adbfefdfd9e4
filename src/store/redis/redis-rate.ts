import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import { type Limiter, type MakeRate, Rate } from '../../lib/limits/rates.js'
import { hashKey } from './key-hashes.js'
import type { RedisLine } from './redis-line.js'

/** While Redis is away, each process counts alone. */
export function redisRates(line: RedisLine): MakeRate {
  const storeClient = commandsOf(line)
  return (name, most, seconds) => {
    const own = new RateLimiterMemory({ points: 1, duration: seconds })
    const shared = new RateLimiterRedis({
      storeClient,
      useRedisPackage: true,
      keyPrefix: `warm:rate:${name}`,
      points: 1,
      duration: seconds,
      insuranceLimiter: own,
    })
    const limiter: Limiter = {
      get points() {
        return shared.points
      },
      set points(points) {
        shared.points = points
        own.points = points
      },
      consume: key => shared.consume(hashKey(String(key))),
      reward: key => shared.reward(hashKey(String(key))),
      get: key => shared.get(hashKey(String(key))),
    }
    return new Rate(most, seconds, limiter)
  }
}

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
