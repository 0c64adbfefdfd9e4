import { runInNewContext } from 'node:vm'
import { describe, expect, test } from '@jest/globals'
import { rareCollector, sweepGarbage, v8Collector } from '../../../src/lib/limits/garbage.js'
import { memoryMeasure } from '../../../src/lib/limits/memory.js'
import { FakeClock } from '../../support/fake-clock.js'

describe('a garbage collection', () => {
  test('comes at least five seconds, or twenty times its duration, after the last', () => {
    const clock = new FakeClock()
    let pause = 10
    const collect = rareCollector(clock, () => clock.advance(pause))
    const collectsAfter = (milliseconds: number) => {
      clock.advance(milliseconds)
      return collect()
    }
    expect([collectsAfter(0), collectsAfter(4_999), collectsAfter(1)]).toEqual([true, false, true])
    pause = 1_000
    expect([collectsAfter(5_000), collectsAfter(19_999), collectsAfter(1)]).toEqual([true, false, true])
  })

  test('frees unused memory, and is not available to other code', async () => {
    const before = typeof Reflect.get(globalThis, 'gc')
    const seen = new WeakRef({})
    // The target of a WeakRef stays until the turn ends.
    await new Promise(setImmediate)
    v8Collector()()
    expect(seen.deref()).toBeUndefined()
    // Jest may have exposed `gc` before.
    expect([typeof Reflect.get(globalThis, 'gc'), runInNewContext('typeof gc')]).toEqual([before, 'undefined'])
  })

  test('comes before memory is called full because of the RSS', () => {
    let garbage: Buffer | undefined = Buffer.alloc(200 * 2 ** 20, 'x')
    let times = 0
    const collect = v8Collector()
    const most = Math.ceil(process.memoryUsage.rss() / 2 ** 20) - 100
    const measure = memoryMeasure(new FakeClock(), most, 0, () => {
      times += 1
      garbage = undefined
      collect()
      return true
    })
    expect(measure()).toBeLessThan(1)
    expect([garbage, times]).toEqual([undefined, 1])
    measure()
    expect(times).toBe(1)
  })
})

describe('garbage of an idle service', () => {
  const start = () => {
    const clock = new FakeClock()
    const state = { resident: 100, waiting: 0, sessions: 0, busy: 0, left: 100, collections: 0 }
    const stop = sweepGarbage({
      collect: rareCollector(clock, () => {
        state.collections += 1
        state.resident = state.left
      }),
      clock,
      resident: () => state.resident,
      waiting: () => state.waiting,
      sessions: () => state.sessions,
      busy: () => state.busy,
    })
    clock.advance(2_000)
    /** Collections in ten seconds. */
    const collections = (changes: Partial<typeof state>) => {
      const before = state.collections
      Object.assign(state, changes)
      clock.advance(10_000)
      return state.collections - before
    }
    return { clock, collections, stop }
  }

  test('is collected once if memory has grown by more than a tenth', () => {
    const { collections } = start()
    expect([collections({}), collections({ resident: 110 }), collections({ resident: 111 }), collections({})]).toEqual([
      0, 0, 1, 0,
    ])
  })

  test('is not collected again if the memory is in use', () => {
    const { collections } = start()
    expect([collections({ resident: 200, left: 200 }), collections({}), collections({ resident: 221 })]).toEqual([
      1, 0, 1,
    ])
  })

  test('includes memory that waited for disconnected clients', () => {
    const { collections } = start()
    expect([collections({ resident: 300, waiting: 200 }), collections({ waiting: 0 })]).toEqual([0, 1])
  })

  test('stays while the service is busy, or has many sessions', () => {
    const { collections } = start()
    expect(collections({ resident: 300, busy: 0.4 })).toBe(0)
    expect(collections({ busy: 0, sessions: 1_001 })).toBe(0)
    expect(collections({ sessions: 1_000 })).toBe(1)
  })

  test('is no longer collected after the stop', () => {
    const { clock, collections, stop } = start()
    stop()
    expect([collections({ resident: 300 }), clock.pending]).toEqual([0, 0])
  })
})
