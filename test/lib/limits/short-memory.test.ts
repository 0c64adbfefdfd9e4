import { describe, expect, test } from '@jest/globals'
import { createShortMemory } from '../../../src/lib/limits/short-memory.js'
import { FakeClock } from '../../support/fake-clock.js'

describe('a memory of recent values', () => {
  const memoryOf = (seconds: number, most?: number) => {
    const clock = new FakeClock()
    const memory = createShortMemory<number>(clock, seconds, most)
    const remember = (name: string, value: number) => memory.remember(memory.keyOf([name]), value)
    const recall = (name: string) => memory.recall(memory.keyOf([name]))
    return { clock, memory, remember, recall }
  }

  test('keeps a value for its lifetime, which restarts when it is stored again', () => {
    const { clock, remember, recall } = memoryOf(10)
    remember('a', 1)
    clock.advance(9_999)
    expect(recall('a')).toBe(1)
    remember('a', 2)
    clock.advance(9_999)
    expect(recall('a')).toBe(2)
    clock.advance(1)
    expect(recall('a')).toBeUndefined()
    const none = memoryOf(0)
    none.remember('a', 1)
    expect(none.recall('a')).toBeUndefined()
  })

  test('drops the least recently stored value if there are too many', () => {
    const { remember, recall } = memoryOf(10, 2)
    remember('a', 1)
    remember('b', 2)
    remember('a', 1)
    remember('c', 3)
    expect(['a', 'b', 'c'].map(recall)).toEqual([1, undefined, 3])
  })

  test('distinguishes similar keys, and hashes them with a secret of the process', () => {
    const { memory } = memoryOf(10)
    const keys = [['a', 'b'], ['ab'], ['a,b'], ['a","b'], ['1'], [1]].map(about => memory.keyOf(about))
    expect(new Set(keys).size).toBe(keys.length)
    expect(memory.keyOf(['a', 'b'])).toBe(keys[0])
    expect(memoryOf(10).memory.keyOf(['a', 'b'])).not.toBe(keys[0])
  })
})
