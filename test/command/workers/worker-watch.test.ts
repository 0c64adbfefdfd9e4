import { beforeEach, describe, expect, test } from '@jest/globals'
import { WorkerWatch } from '../../../src/command/workers/worker-watch.js'
import type { Clock } from '../../../src/lib/clock.js'

/** A clock that calls back late, as in a process that was stopped. */
class HeldClock implements Clock {
  time = 0
  #next: { readonly at: number; readonly callback: () => void } | undefined

  now(): number {
    return this.time
  }

  after(ms: number, callback: () => void) {
    this.#next = { at: this.time + ms, callback }
    return { cancel() {} }
  }

  /** Stops the process for this time, in milliseconds. Then due callbacks run. */
  stopFor(ms: number): void {
    this.time += ms
    if (this.#next !== undefined && this.#next.at <= this.time) this.#next.callback()
  }

  /** All callbacks run in time. */
  run(seconds: number): void {
    for (let second = 0; second < seconds; second++) this.stopFor(1_000)
  }
}

let clock: HeldClock
let watch: WorkerWatch
let hung: string[]

beforeEach(() => {
  clock = new HeldClock()
  watch = new WorkerWatch(clock)
  hung = []
})

const watched = (name: string) => watch.watch(() => void hung.push(name))

describe('a worker that sends nothing', () => {
  test('is reported once, after ten seconds', () => {
    watched('one')
    clock.run(9)
    expect(hung).toEqual([])
    clock.run(1)
    expect(hung).toEqual(['one'])
    clock.run(60)
    expect(hung).toEqual(['one'])
  })

  test('is not reported while it sends something from time to time', () => {
    const one = watched('one')
    watched('two')
    for (let round = 0; round < 5; round++) {
      clock.run(9)
      one.heard()
    }
    expect(hung).toEqual(['two'])
  })

  test('is not reported once it has ended', () => {
    watched('one').end()
    clock.run(60)
    expect(hung).toEqual([])
  })

  test('is not reported for time in which the primary itself hung', () => {
    const one = watched('one')
    clock.run(5)
    clock.stopFor(3_600_000)
    expect(hung).toEqual([])
    // The primary now reads what the worker sent in this time.
    one.heard()
    clock.run(9)
    expect(hung).toEqual([])
    clock.run(1)
    expect(hung).toEqual(['one'])
  })

  test('is reported even if the primary is often late', () => {
    watched('one')
    for (let look = 0; look < 10; look++) clock.stopFor(1_500)
    expect(hung).toEqual(['one'])
  })
})
