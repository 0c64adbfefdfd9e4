import type { Clock } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { type KeyedRate, type MakeRate, numberOf, Rate } from '../../lib/limits/rates.js'
import type { Nodes } from '../nodes.js'
import { orderFor } from './rendezvous.js'

const answerMilliseconds = 450
const allMilliseconds = 900
const freeCacheMilliseconds = 1_000
const mostFreeCached = 1_000

type Act = keyof KeyedRate

interface RateQuestion {
  readonly rate: string
  readonly act: Act
  readonly key: string
}

interface SharedRateParts {
  readonly nodes: Nodes
  readonly clock: Pick<Clock, 'now'>
  readonly onAlone: () => void
}

/** Each key is counted in one of the processes. Keys must not be secrets, because other processes see them. */
export function sharedRates({ nodes, clock, onAlone }: SharedRateParts): MakeRate {
  const own = new Map<string, Rate>()
  nodes.answer('rate', ({ rate, act, key }: RateQuestion) => {
    const counted = own.get(rate)
    // A process of another version may have other rates.
    if (counted === undefined || typeof key !== 'string') return null
    return doHere(counted, act, key)
  })

  return (name, most, seconds) => {
    const rate = new Rate(most, seconds)
    own.set(name, rate)
    /** Keys that need not wait, each with its expiry. */
    const free = new Map<string, number>()

    const ask = async (act: Act, key: string): Promise<number | undefined> => {
      if (numberOf(most) === 0) return undefined
      const names = [nodes.self]
      for (const { name, isSilent } of nodes.others) if (!isSilent) names.push(name)
      const question: RateQuestion = { rate: name, act, key }
      const deadline = clock.now() + allMilliseconds
      for (const node of names.length === 1 ? names : orderFor(key, names)) {
        if (node === nodes.self) return doHere(rate, act, key)
        const left = Math.min(answerMilliseconds, deadline - clock.now())
        if (left <= 0) break
        try {
          return ((await nodes.ask(node, 'rate', question, left)) as number | null) ?? undefined
        } catch {
          // The next process is asked.
        }
      }
      onAlone()
      return doHere(rate, act, key)
    }

    return {
      take(key) {
        free.delete(key)
        return ask('take', key)
      },
      async giveBack(key) {
        await ask('giveBack', key)
      },
      async count(key) {
        return (await ask('count', key)) ?? 0
      },
      async wait(key) {
        const now = clock.now()
        if ((free.get(key) ?? 0) > now) return undefined
        free.delete(key)
        const delay = await ask('wait', key)
        if (delay === undefined) {
          free.set(key, now + freeCacheMilliseconds)
          forgetOldest(free, mostFreeCached)
        }
        return delay
      },
    }
  }
}

async function doHere(rate: Rate, act: Act, key: string): Promise<number | undefined> {
  if (act === 'take') return rate.take(key)
  if (act === 'count') return rate.count(key)
  if (act === 'wait') return rate.wait(key)
  // Has no effect if another process has counted the `take`.
  if (act === 'giveBack') await rate.giveBack(key)
  return undefined
}
