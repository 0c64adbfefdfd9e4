import { expect, test } from '@jest/globals'
import { uplinkWith } from '../../support/uplink.js'

const byteRate = { sessionBytes: 100_000, sessionBurst: 500_000 }

/** A piece of data: its bytes, when it is sent, and from when on the session may send more. */
const piece = (bytes: number, now: number, freeAt: number) => ({ bytes, now, freeAt })

test.each([
  ['has no delay up to its burst', byteRate, [piece(300_000, 0, 0), piece(200_000, 0, 0)]],
  ['delays at its rate', byteRate, [piece(500_000, 7e3, 7e3), piece(50_000, 7e3, 7_500), piece(10_000, 7_500, 7_600)]],
  ['has one burst after a silence', byteRate, [piece(900_000, 0, 4_000), piece(600_000, 1_000_000, 1_001_000)]],
  ['never delays for longer than 25 s', { sessionBytes: 1, sessionBurst: 10 }, [piece(512_000, 1_000, 26_000)]],
  ['allows no burst if the burst is 0', { sessionBytes: 1_000, sessionBurst: 0 }, [piece(500, 1_000, 1_500)]],
  ['delays nothing if the rate is 0', { sessionBytes: 0, sessionBurst: 500 }, [piece(1e9, 1_000, 0)]],
])('the byte rate of a session %s', (_what, rate, all) => {
  const session = uplinkWith(rate)
  expect(session.freeAt).toBeLessThanOrEqual(0)
  for (const { bytes, now, freeAt } of all) {
    session.charge(bytes, now)
    expect(Math.max(0, session.freeAt)).toBeCloseTo(freeAt)
  }
})
