import { describe, expect, test } from '@jest/globals'
import { uplinkWith } from '../../support/uplink.js'

describe('the byte rate of a session', () => {
  const byteRate = { sessionBytes: 100_000, sessionBurst: 500_000 }

  test('has no delay up to its burst', () => {
    const session = uplinkWith(byteRate)
    expect(session.freeAt).toBeLessThanOrEqual(0)
    session.charge(300_000, 0)
    session.charge(200_000, 0)
    expect(session.freeAt).toBe(0)
  })

  test('delays further data at its rate', () => {
    const session = uplinkWith(byteRate)
    session.charge(500_000, 7_000)
    session.charge(50_000, 7_000)
    expect(session.freeAt).toBeCloseTo(7_500)
    session.charge(10_000, 7_500)
    expect(session.freeAt).toBeCloseTo(7_600)
  })

  test('allows the burst again after a silence, and no more', () => {
    const session = uplinkWith(byteRate)
    session.charge(900_000, 0)
    session.charge(600_000, 1_000_000)
    expect(session.freeAt).toBeCloseTo(1_001_000)
  })

  test('never delays for longer than 25 s at a time', () => {
    const session = uplinkWith({ sessionBytes: 1, sessionBurst: 10 })
    session.charge(512_000, 1_000)
    expect(session.freeAt).toBeCloseTo(26_000)
  })

  test('allows no burst if the burst is 0', () => {
    const session = uplinkWith({ sessionBytes: 1_000, sessionBurst: 0 })
    session.charge(500, 1_000)
    expect(session.freeAt).toBe(1_500)
  })

  test('delays nothing if the rate is 0', () => {
    const session = uplinkWith({ sessionBytes: 0, sessionBurst: 500 })
    session.charge(1e9, 1_000)
    expect(session.freeAt).toBeLessThanOrEqual(0)
  })
})
