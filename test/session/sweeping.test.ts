import { expect, test } from '@jest/globals'
import type { Clock } from '../../src/lib/clock.js'
import { Phase } from '../../src/lib/phase.js'
import { Registry } from '../../src/session/registry/registry.js'
import type { Session } from '../../src/session/session.js'

test('many sessions that are due together are handled in turns of 10 ms', () => {
  let now = 0
  let next: { ms: number; callback: () => void } | undefined
  const clock: Clock = {
    now: () => now,
    after(ms, callback) {
      next = { ms, callback }
      return { cancel: () => {} }
    },
  }
  const registry = new Registry(clock, new Phase())
  const driven: string[] = []
  const waits: number[] = []
  const pass = () => {
    const { ms, callback } = next!
    next = undefined
    waits.push(ms)
    now += ms
    callback()
    driven.push('|')
  }
  for (const id of ['a', 'b', 'c', 'later', 'd', 'e']) {
    const session = {
      id,
      sid: id,
      deadline: id === 'later' ? 1_000 : 0,
      run: (work: () => void) => work(),
      tick() {
        now += 4
        driven.push(id)
        session.deadline = Number.POSITIVE_INFINITY
      },
    }
    registry.add(session as unknown as Session)
  }
  for (let turn = 0; turn < 3; turn++) pass()
  expect(driven.join('')).toBe('abc|de||')
  expect(waits).toEqual([250, 0, 250])
})
