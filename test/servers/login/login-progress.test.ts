import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { Step } from '../../../src/lib/errors.js'
import { followLogin, type LoginProgress } from '../../../src/servers/login/login-progress.js'
import type { LoginRequest } from '../../../src/servers/login/login-request.js'
import { parseJid } from '../../../src/xmpp/jid/jid.js'

const request = { ids: {}, jid: parseJid('alice@chat.example') } as LoginRequest
const onLate = jest.fn()
let progress: LoginProgress

beforeEach(() => {
  jest.useFakeTimers()
  progress = followLogin({ timeout: 15, stepTimeout: 10 }, request, onLate)
})

afterEach(() => {
  progress.stop()
  onLate.mockClear()
  jest.useRealTimers()
})

test('each step gets its time anew, and none of them that of the whole login', () => {
  const steps: readonly Step[] = ['tls', 'features', 'sasl', 'bind']
  for (const step of steps) {
    jest.advanceTimersByTime(3_700)
    progress.reach(step)
  }
  jest.advanceTimersByTime(199)
  expect(onLate).not.toHaveBeenCalled()
  jest.advanceTimersByTime(1)
  expect(onLate).toHaveBeenCalledTimes(1)
})

test('a step that is told again gets no more time', () => {
  progress.reach('tls')
  jest.advanceTimersByTime(9_000)
  progress.reach('tls')
  jest.advanceTimersByTime(1_000)
  expect(onLate).toHaveBeenCalledTimes(1)
})

test('a login that has ended is never late', () => {
  progress.stop()
  jest.advanceTimersByTime(60_000)
  expect(onLate).not.toHaveBeenCalled()
})
