import { beforeEach, describe, expect, test } from '@jest/globals'
import { type Answer, cacheAnswers } from '../../src/lib/answer-cache.js'
import { FakeClock } from '../support/fake-clock.js'

let clock: FakeClock
let asked: string[]
let seconds: number

beforeEach(() => {
  clock = new FakeClock()
  asked = []
  seconds = 10
})

/** Each answer has the number of questions so far. */
function answers(most = 100) {
  return cacheAnswers<string>(clock, most, async (question): Promise<Answer<string>> => {
    asked.push(question)
    return { value: `${question} ${asked.length}`, seconds }
  })
}

describe('a cached answer', () => {
  test('is a promise until it is there, and a value until it expires', async () => {
    const names = answers()
    expect(names('a')).toBeInstanceOf(Promise)
    expect(await names('a')).toBe('a 1')
    clock.advance(9_999)
    expect(names('a')).toBe('a 1')
    clock.advance(1)
    expect(await names('a')).toBe('a 2')
    expect(names('a')).toBe('a 2')
  })

  test('is shared by all callers that wait for it', async () => {
    const names = answers()
    expect(await Promise.all([names('a'), names('a'), names('b'), names('a')])).toEqual(['a 1', 'a 1', 'b 2', 'a 1'])
    expect(asked).toEqual(['a', 'b'])
  })

  test('with a lifetime of zero goes to the waiting callers only', async () => {
    seconds = 0
    const names = answers()
    expect(await Promise.all([names('a'), names('a')])).toEqual(['a 1', 'a 1'])
    expect(await names('a')).toBe('a 2')
  })

  test('that failed is requested again at the next call', async () => {
    const names = cacheAnswers<string>(clock, 100, async question => {
      asked.push(question)
      if (asked.length === 1) throw new TypeError('not foreseen')
      return { value: 'known', seconds }
    })
    await expect(names('a')).rejects.toThrow('not foreseen')
    expect(await names('a')).toBe('known')
  })

  test('is dropped for newer ones if there are too many', async () => {
    const names = answers(2)
    await names('a')
    await names('b')
    clock.advance(10_000)
    await names('a')
    await names('c')
    expect(names('a')).toBe('a 3')
    expect(names('c')).toBe('c 4')
    expect(await names('b')).toBe('b 5')
    expect(await names('a')).toBe('a 6')
  })
})
