import { describe, expect, test } from '@jest/globals'
import { type ProblemCode, problems } from '../../../src/lib/errors.js'
import { repeat, type Time } from '../../../src/packages/client/attempts.js'
import { exchange } from '../../../src/packages/client/exchange.js'
import { WarmBindingsError } from '../../../src/packages/client/warm-bindings-error.js'

const limits = { timeoutSeconds: 20, totalSeconds: 40, attempts: 3 }
const failure = (retryAfter?: number) => new WarmBindingsError('service-full', 'It is full.', { retryAfter })

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

/** Attempts that fail with each of `failures`, then succeed. `seconds` has the time limit of each. */
function failing(time: PausedTime, failures: readonly { after?: number; error: Error }[]) {
  const seconds: number[] = []
  const attempt = async (most: number) => {
    seconds.push(most)
    const { after = 0, error } = failures[seconds.length - 1] ?? {}
    time.pass(after * 1000)
    if (error !== undefined) throw error
    return 'done'
  }
  return { attempt, seconds }
}

describe('a call that fails for a while', () => {
  test('is repeated after pauses that double and have jitter', async () => {
    const firsts = new Set<number>()
    for (let caller = 0; caller < 20; caller += 1) {
      const time = new PausedTime()
      const { attempt } = failing(time, Array(4).fill({ error: failure() }))
      expect(await repeat(attempt, { ...limits, attempts: 5 }, undefined, time)).toBe('done')
      expect(time.pauses.length).toBe(4)
      for (const [index, pause] of time.pauses.entries()) {
        expect(pause).toBeGreaterThanOrEqual(2 ** index)
        expect(pause).toBeLessThanOrEqual(1.5 * 2 ** index)
      }
      firsts.add(time.pauses[0]!)
    }
    expect(firsts.size).toBeGreaterThan(1)
  })

  test('waits for Retry-After, or a little longer', async () => {
    const time = new PausedTime()
    const { attempt } = failing(time, [{ error: failure(7) }, { error: failure(0) }])
    expect(await repeat(attempt, limits, undefined, time)).toBe('done')
    expect(time.pauses[0]).toBeGreaterThanOrEqual(7)
    expect(time.pauses[0]).toBeLessThanOrEqual(10.5)
    expect(time.pauses[1]).toBe(0)
  })

  test('fails with the last error after the most attempts', async () => {
    const time = new PausedTime()
    const last = failure()
    const { attempt, seconds } = failing(time, [{ error: failure() }, { error: failure() }, { error: last }])
    await expect(repeat(attempt, limits, undefined, time)).rejects.toBe(last)
    expect(seconds.length).toBe(3)
  })

  test('has a time limit in all, and for each attempt', async () => {
    const time = new PausedTime()
    const { attempt, seconds } = failing(time, [
      { after: 15, error: failure(0) },
      { after: 15, error: failure(0) },
    ])
    expect(await repeat(attempt, limits, undefined, time)).toBe('done')
    expect(seconds).toEqual([20, 20, 10])
  })

  test('is not repeated if the retry would exceed its time limit', async () => {
    const time = new PausedTime()
    const last = failure(6)
    const { attempt, seconds } = failing(time, [
      { after: 20, error: failure(0) },
      { after: 15, error: last },
    ])
    await expect(repeat(attempt, limits, undefined, time)).rejects.toBe(last)
    expect([seconds.length, time.pauses]).toEqual([2, [0]])
  })
})

test('an error that is not from the service is not retried', async () => {
  const time = new PausedTime()
  const error = new TypeError('a bug')
  const { attempt, seconds } = failing(time, [{ error }])
  await expect(repeat(attempt, limits, undefined, time)).rejects.toBe(error)
  expect([seconds.length, time.pauses]).toEqual([1, []])
})

test('the client retries the errors that the service marks as temporary', () => {
  const codes = Object.keys(problems) as ProblemCode[]
  const repeated = codes.filter(code => new WarmBindingsError(code, '').retry)
  expect(repeated).toEqual(codes.filter(code => problems[code].retry))
})

test('a process that was suspended during a pause still gets an error of the client', async () => {
  const time = new PausedTime()
  const suspended: Time = { now: () => time.now(), pause: () => time.pause(60_000) }
  const isAnything = (_answer: unknown): _answer is unknown => true
  const call = { method: 'GET', url: 'http://127.0.0.1:9/warm', headers: {}, body: null } as const
  const failed = repeat(seconds => exchange(call, isAnything, seconds), limits, undefined, suspended)
  await expect(failed).rejects.toBeInstanceOf(WarmBindingsError)
})
