import { expect, test } from '@jest/globals'
import { Phase } from '../../src/lib/phase.js'

test('phases begin in order, and none begins again', () => {
  const phase = new Phase()
  expect([phase.isServing, phase.has('serving')]).toEqual([false, false])
  phase.begin('serving')
  expect(phase.isServing).toBe(true)
  phase.begin('stopping')
  phase.begin('draining')
  expect(phase.isServing).toBe(false)
  expect((['draining', 'stopping', 'ending'] as const).map(name => phase.has(name))).toEqual([true, true, false])
})

test('sessions move only if the process sets them down', () => {
  const [moving, ending] = [new Phase(), new Phase()]
  moving.begin('setting-down')
  moving.begin('ending')
  ending.begin('ending')
  ending.begin('setting-down')
  expect([moving.movesSessions, ending.movesSessions]).toEqual([true, false])
})
