import { expect, test } from '@jest/globals'
import { repeat, type Time } from '../../../src/packages/client/attempts.js'
import { exchange } from '../../../src/packages/client/exchange.js'
import { WarmBindingsError } from '../../../src/packages/client/warm-bindings-error.js'

const limits = { timeoutSeconds: 20, totalSeconds: 40, attempts: 3 }

/** A clock that only attempts and pauses move. */
class PausedTime implements Time {
  readonly pauses: number[] = []
  #now = 5_000_000

  now(): number {
    return this.#now
  }

  async pause(ms: number): Promise<void> {
    this.pauses.push(ms / 1000)
    this.pass(ms)
  }

  pass(ms: number): void {
    this.#now += ms
  }
}

test('a call is repeated after pauses that double and have jitter', async () => {
  const firsts = new Set<number>()
  for (let caller = 0; caller < 20; caller += 1) {
    const time = new PausedTime()
    let left = 4
    const attempt = async () => {
      if (left-- > 0) throw new WarmBindingsError('service-full', 'It is full.')
      return 'done'
    }
    expect(await repeat(attempt, { ...limits, attempts: 5 }, undefined, time)).toBe('done')
    for (const [index, base] of [1, 2, 4, 8].entries()) {
      expect(time.pauses[index]).toBeGreaterThanOrEqual(base)
      expect(time.pauses[index]).toBeLessThanOrEqual(1.5 * base)
    }
    firsts.add(time.pauses[0]!)
  }
  expect(firsts.size).toBeGreaterThan(1)
})

test('an attempt has its time limit, or what is left of the time for all', async () => {
  const time = new PausedTime()
  const seconds: number[] = []
  const attempt = async (most: number) => {
    seconds.push(most)
    time.pass(15_000)
    throw new WarmBindingsError('service-full', 'It is full.', { retryAfter: 0 })
  }
  await expect(repeat(attempt, limits, undefined, time)).rejects.toMatchObject({ code: 'service-full' })
  expect(seconds).toEqual([20, 20, 10])
})

test('an error that is not from the service is not retried', async () => {
  const time = new PausedTime()
  const error = new TypeError('a bug')
  await expect(repeat(() => Promise.reject(error), limits, undefined, time)).rejects.toBe(error)
  expect(time.pauses).toEqual([])
})

test('a process that was suspended during a pause still gets an error of the client', async () => {
  const time = new PausedTime()
  const suspended: Time = { now: () => time.now(), pause: () => time.pause(60_000) }
  const isAnything = (_answer: unknown): _answer is unknown => true
  const call = { method: 'GET', url: 'http://127.0.0.1:9/warm', headers: {}, body: null } as const
  const failed = repeat(seconds => exchange(call, isAnything, seconds), limits, undefined, suspended)
  await expect(failed).rejects.toBeInstanceOf(WarmBindingsError)
})
