import { beforeEach, describe, expect, test } from '@jest/globals'
import { type Answer, AnswerCache } from '../../src/lib/answer-cache.js'
import { FakeClock } from '../support/fake-clock.js'

let clock: FakeClock
let asked: string[]
let seconds: number

beforeEach(() => {
  clock = new FakeClock()
  asked = []
  seconds = 10
})

/** AnswerCache with how many questions there have been. */
function answers(most = 100) {
  return new AnswerCache<string>(clock, most, async (question): Promise<Answer<string>> => {
    asked.push(question)
    return { value: `${question} ${asked.length}`, seconds }
  })
}

describe('an answer', () => {
  test('is a promise first, and itself as long as it is good', async () => {
    const names = answers()
    expect(names.to('a')).toBeInstanceOf(Promise)
    expect(await names.to('a')).toBe('a 1')
    clock.advance(9_999)
    expect(names.to('a')).toBe('a 1')
    clock.advance(1)
    expect(await names.to('a')).toBe('a 2')
    expect(names.to('a')).toBe('a 2')
  })

  test('is the same for all who ask while it is awaited', async () => {
    const names = answers()
    expect(await Promise.all([names.to('a'), names.to('a'), names.to('b'), names.to('a')])).toEqual([
      'a 1',
      'a 1',
      'b 2',
      'a 1',
    ])
    expect(asked).toEqual(['a', 'b'])
  })

  test('that is good for no time goes to the callers that wait, and is asked for again after that', async () => {
    seconds = 0
    const names = answers()
    expect(await Promise.all([names.to('a'), names.to('a')])).toEqual(['a 1', 'a 1'])
    expect(await names.to('a')).toBe('a 2')
  })

  test('that could not be found is looked for again at the next call', async () => {
    const names = new AnswerCache<string>(clock, 100, async question => {
      asked.push(question)
      if (asked.length === 1) throw new TypeError('not foreseen')
      return { value: 'known', seconds }
    })
    await expect(names.to('a')).rejects.toThrow('not foreseen')
    expect(await names.to('a')).toBe('known')
  })

  test('that does not come is asked for again after half a minute, for calls from then on', async () => {
    let lateAnswer = (_answer: Answer<string>) => {}
    const names = new AnswerCache<string>(clock, 100, question => {
      asked.push(question)
      if (asked.length > 1) return Promise.resolve({ value: 'second', seconds })
      return new Promise(resolve => {
        lateAnswer = resolve
      })
    })
    const first = names.to('a')
    clock.advance(29_999)
    expect(names.to('a')).toBe(first)
    clock.advance(1)
    expect(await names.to('a')).toBe('second')
    lateAnswer({ value: 'first', seconds })
    expect(await first).toBe('first')
    expect(asked).toEqual(['a', 'a'])
  })

  test('makes room for younger ones when there are too many', async () => {
    const names = answers(2)
    await names.to('a')
    await names.to('b')
    clock.advance(10_000)
    await names.to('a')
    await names.to('c')
    expect(names.to('a')).toBe('a 3')
    expect(names.to('c')).toBe('c 4')
    expect(await names.to('b')).toBe('b 5')
    expect(await names.to('a')).toBe('a 6')
  })
})
