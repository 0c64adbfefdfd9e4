import { beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { Counts } from '../../src/lib/counts.js'
import { watchFailures } from '../../src/watching/failure-share.js'
import { FakeClock } from '../support/fake-clock.js'

const minutes = 60_000

let clock: FakeClock
let counts: Counts
let lines: string[]

beforeEach(() => {
  clock = new FakeClock()
  counts = new Counts()
  lines = []
})

function watch(): () => void {
  const log = pino({}, { write: line => void lines.push(line) })
  return watchFailures(counts, clock, log)
}

function bosh(all: number, failed: number): void {
  counts.requests += all
  counts.failedRequests += failed
}

function warm(all: number, failed: number): void {
  counts.calls += all
  counts.failedCalls += failed
}

const warnings = () => lines.splice(0).map(line => JSON.parse(line))

describe('a share of failed requests', () => {
  test('above the limit causes one warning in five minutes, with the share', () => {
    watch()
    bosh(100, 5)
    warm(50, 10)
    clock.advance(5 * minutes)
    expect(warnings()).toMatchObject([{ level: 40, failed: { bosh: 0.05, warm: 0.2 } }])
    clock.advance(5 * minutes)
    expect(warnings()).toEqual([])
    bosh(1000, 51)
    clock.advance(5 * minutes)
    expect(warnings()).toMatchObject([{ failed: { bosh: 0.051 } }])
  })

  test('counts refused WebSockets', () => {
    watch()
    counts.webSockets.opened += 60
    counts.webSockets.refused += 40
    clock.advance(5 * minutes)
    expect(warnings()).toMatchObject([{ failed: { webSocket: 0.4 } }])
  })

  test('at the limit causes no warning', () => {
    watch()
    bosh(100, 5)
    warm(20, 1)
    clock.advance(5 * minutes)
    expect(warnings()).toEqual([])
  })

  test('of few requests causes no warning', () => {
    watch()
    bosh(19, 19)
    warm(19, 19)
    clock.advance(5 * minutes)
    expect(warnings()).toEqual([])
  })

  test('from before the start does not count', () => {
    bosh(100, 100)
    watch()
    bosh(100, 1)
    clock.advance(5 * minutes)
    expect(warnings()).toEqual([])
  })
})

test('a stop ends the check', () => {
  const stop = watch()
  expect(clock.pending).toBe(1)
  stop()
  expect(clock.pending).toBe(0)
})
