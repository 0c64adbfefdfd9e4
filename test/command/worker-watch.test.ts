import { beforeEach, describe, expect, test } from '@jest/globals'
import { WorkerWatch } from '../../src/command/worker-watch.js'
import type { Clock } from '../../src/lib/clock.js'

/** A clock whose callbacks come when the test has the process do something, however late. */
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

  /** Nothing is done for so long, in milliseconds; then what is due. */
  stopFor(ms: number): void {
    this.time += ms
    if (this.#next !== undefined && this.#next.at <= this.time) this.#next.callback()
  }

  /** So many seconds go by in which all is done in time. */
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

describe('a worker that says nothing', () => {
  test('hangs after ten seconds, and is told of once', () => {
    watched('one')
    clock.run(9)
    expect(hung).toEqual([])
    clock.run(1)
    expect(hung).toEqual(['one'])
    clock.run(60)
    expect(hung).toEqual(['one'])
  })

  test('does not hang as long as it says something now and then', () => {
    const one = watched('one')
    watched('two')
    for (let round = 0; round < 5; round++) {
      clock.run(9)
      one.heard()
    }
    expect(hung).toEqual(['two'])
  })

  test('has ended, and is watched no more', () => {
    watched('one').end()
    clock.run(60)
    expect(hung).toEqual([])
  })

  test('may be one that could not be heard: time in which the primary itself was stopped does not count', () => {
    const one = watched('one')
    clock.run(5)
    clock.stopFor(3_600_000)
    expect(hung).toEqual([])
    // What it has said meanwhile is read now.
    one.heard()
    clock.run(9)
    expect(hung).toEqual([])
    clock.run(1)
    expect(hung).toEqual(['one'])
  })

  test('is found though the primary is late again and again', () => {
    watched('one')
    for (let look = 0; look < 10; look++) clock.stopFor(1_500)
    expect(hung).toEqual(['one'])
  })
})
