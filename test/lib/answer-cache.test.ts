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

  test('that takes half a minute is requested again by later calls', async () => {
    let lateAnswer = (_answer: Answer<string>) => {}
    const names = cacheAnswers<string>(clock, 100, question => {
      asked.push(question)
      if (asked.length > 1) return Promise.resolve({ value: 'second', seconds })
      return new Promise(resolve => {
        lateAnswer = resolve
      })
    })
    const first = names('a')
    clock.advance(29_999)
    expect(names('a')).toBe(first)
    clock.advance(1)
    expect(await names('a')).toBe('second')
    lateAnswer({ value: 'first', seconds })
    expect(await first).toBe('first')
    expect(asked).toEqual(['a', 'a'])
  })

  describe('that comes after half a minute', () => {
    function slowAnswers() {
      const answered: ((answer: Answer<string>) => void)[] = []
      const names = cacheAnswers<string>(clock, 100, () => new Promise(resolve => void answered.push(resolve)))
      const answer = (index: number, value: string) => answered[index]!({ value, seconds })
      const askTwice = () => {
        const older = names('a')
        clock.advance(30_000)
        return [older, names('a')] as const
      }
      return { names, answer, askTwice, asks: () => answered.length }
    }

    test('does not stop later calls from sharing the newer question', async () => {
      seconds = 0
      const { names, answer, askTwice, asks } = slowAnswers()
      const [older, newer] = askTwice()
      answer(0, 'older')
      expect(await older).toBe('older')
      expect(names('a')).toBe(newer)
      expect(asks()).toBe(2)
      answer(1, 'newer')
      expect(await newer).toBe('newer')
      expect(names('a')).not.toBe(newer)
      expect(asks()).toBe(3)
    })

    test('does not replace the newer answer', async () => {
      const { names, answer, askTwice } = slowAnswers()
      const [older, newer] = askTwice()
      answer(1, 'newer')
      await newer
      answer(0, 'older')
      expect(await older).toBe('older')
      expect(names('a')).toBe('newer')
    })

    test('is replaced by the newer answer', async () => {
      const { names, answer, askTwice } = slowAnswers()
      const [older, newer] = askTwice()
      answer(0, 'older')
      await older
      expect(names('a')).toBe('older')
      answer(1, 'newer')
      await newer
      expect(names('a')).toBe('newer')
    })
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
