import { expect, test } from '@jest/globals'
import { Counts, endReasons, Tally } from '../../src/lib/counts.js'

test('a tally counts by labels', () => {
  const tally = new Tally()
  tally.add('sasl', 'not-authorized')
  tally.add('tls', 'timeout')
  tally.add('sasl', 'not-authorized')
  expect([...tally]).toEqual([
    [['sasl', 'not-authorized'], 2],
    [['tls', 'timeout'], 1],
  ])
})

test('each reason for the end of a session has a count, from zero', () => {
  const { sessionsEnded } = new Counts()
  expect(Object.entries(sessionsEnded)).toEqual(endReasons.map(reason => [reason, 0]))
})
