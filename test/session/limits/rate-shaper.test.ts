import { describe, expect, test } from '@jest/globals'
import { RateShaper } from '../../../src/session/limits/rate-shaper.js'

function client(flow: RateShaper) {
  let paidAt = 0
  return {
    send(size: number, now: number) {
      paidAt = flow.charge(paidAt, size, now)
    },
    get freeAt() {
      return flow.freeAt(paidAt)
    },
  }
}

describe('the byte rate of a session', () => {
  const flow = new RateShaper({ sessionBytes: 100_000, sessionBurst: 500_000 })

  test('has no delay up to its burst', () => {
    const session = client(flow)
    expect(session.freeAt).toBeLessThanOrEqual(0)
    session.send(300_000, 0)
    session.send(200_000, 0)
    expect(session.freeAt).toBe(0)
  })

  test('delays further data at its rate', () => {
    const session = client(flow)
    session.send(500_000, 7_000)
    session.send(50_000, 7_000)
    expect(session.freeAt).toBeCloseTo(7_500)
    session.send(10_000, 7_500)
    expect(session.freeAt).toBeCloseTo(7_600)
  })

  test('allows the burst again after a silence, and no more', () => {
    const session = client(flow)
    session.send(900_000, 0)
    session.send(600_000, 1_000_000)
    expect(session.freeAt).toBeCloseTo(1_001_000)
  })

  test('never delays for longer than 25 s at a time', () => {
    const session = client(new RateShaper({ sessionBytes: 1, sessionBurst: 10 }))
    session.send(512_000, 1_000)
    expect(session.freeAt).toBeCloseTo(26_000)
  })

  test('allows no burst if the burst is 0', () => {
    const session = client(new RateShaper({ sessionBytes: 1_000, sessionBurst: 0 }))
    session.send(500, 1_000)
    expect(session.freeAt).toBe(1_500)
  })

  test('delays nothing if the rate is 0', () => {
    const session = client(new RateShaper({ sessionBytes: 0, sessionBurst: 500 }))
    session.send(1e9, 1_000)
    expect(session.freeAt).toBeLessThanOrEqual(0)
  })
})
