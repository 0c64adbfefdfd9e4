import { describe, expect, test } from '@jest/globals'
import { processMemory, SessionMemory } from '../../src/bosh/memory.js'
import { FakeClock } from '../support/fake-clock.js'

describe('the memory for sessions', () => {
  let full = 0
  let looks = 0
  const start = () => {
    const clock = new FakeClock()
    const memory = new SessionMemory(clock, () => {
      looks += 1
      return full
    })
    /** Looks again after a second. */
    const later = (sessions: number) => {
      clock.advance(1_000)
      return memory.bears(sessions)
    }
    return { clock, memory, later }
  }

  test('bears any number until it is full, and then as many as there are', () => {
    const { later } = start()
    full = 0.99
    expect(later(1_000_000)).toBe(true)
    full = 1
    expect(later(1_000_000)).toBe(false)
  })

  test('bears others in the place of those that have gone, though it looks full still', () => {
    const { later } = start()
    full = 1
    expect([later(1_000), later(950), later(900), later(899), later(0)]).toEqual([
      ...[false, false, false, true, true],
    ])
  })

  test('bears any number again once there is room', () => {
    const { later } = start()
    full = 1.2
    expect(later(1_000)).toBe(false)
    full = 0.5
    expect(later(5_000)).toBe(true)
  })

  test('bears one session if it was full before there was any', () => {
    const { later } = start()
    full = 1
    expect([later(0), later(1)]).toEqual([true, false])
  })

  test('is looked at once a second at most', () => {
    const { clock, memory } = start()
    looks = 0
    full = 0
    for (let call = 0; call < 10; call++) {
      memory.bears(call)
      clock.advance(100)
    }
    expect(looks).toBe(1)
    memory.bears(0)
    expect(looks).toBe(2)
  })
})

describe('the memory of this process', () => {
  test('is measured against the heap it may have, or against what the operator says', () => {
    expect(processMemory(0)()).toBeGreaterThan(0)
    expect(processMemory(0)()).toBeLessThan(1)
    expect(processMemory(1)()).toBeGreaterThan(1)
    expect(processMemory(1_000_000)()).toBeLessThan(1)
  })
})
