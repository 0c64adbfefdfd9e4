import timers from 'node:timers/promises'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { repeat } from '../../../src/packages/client/attempts.js'
import { exchange } from '../../../src/packages/client/exchange.js'
import { WarmBindingsError } from '../../../src/packages/client/warm-bindings-error.js'

const limits = { timeoutSeconds: 20, totalSeconds: 40, attempts: 3 }

/** Milliseconds, which only attempts and pauses move. */
let now: number
/** In seconds. */
let pauses: number[]
let pass: (milliseconds: number) => void

beforeEach(() => {
  now = 5_000_000
  pauses = []
  pass = milliseconds => {
    now += milliseconds
  }
  jest.spyOn(performance, 'now').mockImplementation(() => now)
  jest.spyOn(timers, 'setTimeout').mockImplementation(async (milliseconds = 0) => {
    pauses.push(milliseconds / 1000)
    pass(milliseconds)
    return undefined as never
  })
})

afterEach(() => void jest.restoreAllMocks())

test('a call is repeated after pauses that double and have jitter', async () => {
  const firsts = new Set<number>()
  for (let caller = 0; caller < 20; caller += 1) {
    pauses = []
    let left = 4
    const attempt = async () => {
      if (left-- > 0) throw new WarmBindingsError('service-full', 'It is full.')
      return 'done'
    }
    expect(await repeat(attempt, { ...limits, attempts: 5 })).toBe('done')
    for (const [index, base] of [1, 2, 4, 8].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(base)
      expect(pauses[index]).toBeLessThanOrEqual(1.5 * base)
    }
    firsts.add(pauses[0]!)
  }
  expect(firsts.size).toBeGreaterThan(1)
})

test('an attempt has its time limit, or what is left of the time for all', async () => {
  const seconds: number[] = []
  const attempt = async (most: number) => {
    seconds.push(most)
    pass(15_000)
    throw new WarmBindingsError('service-full', 'It is full.', { retryAfter: 0 })
  }
  await expect(repeat(attempt, limits)).rejects.toMatchObject({ code: 'service-full' })
  expect(seconds).toEqual([20, 20, 10])
})

test('an error that is not from the service is not retried', async () => {
  const error = new TypeError('a bug')
  await expect(repeat(() => Promise.reject(error), limits)).rejects.toBe(error)
  expect(pauses).toEqual([])
})

test('a process that was suspended during a pause still gets an error of the client', async () => {
  pass = () => {
    now += 60_000
  }
  const isAnything = (_answer: unknown): _answer is unknown => true
  const call = { method: 'GET', url: 'http://127.0.0.1:9/warm', headers: {}, body: null } as const
  const failed = repeat(seconds => exchange(call, isAnything, seconds), limits)
  await expect(failed).rejects.toBeInstanceOf(WarmBindingsError)
  expect(pauses).toHaveLength(1)
})
