import { expect, test } from '@jest/globals'
import { CallerGone } from '../../src/lib/caller-gone.js'

test('an abort calls the listeners once, and has a reason', () => {
  const signal = new CallerGone()
  const calls: string[] = []
  const removed = () => calls.push('removed')
  signal.addEventListener('abort', () => calls.push(`aborted: ${signal.aborted}`))
  signal.addEventListener('abort', removed)
  signal.removeEventListener('abort', removed)
  expect(signal.aborted).toBe(false)
  expect(() => signal.throwIfAborted()).not.toThrow()
  signal.abort()
  signal.abort()
  expect(calls).toEqual(['aborted: true'])
  expect(() => signal.throwIfAborted()).toThrow('the caller left')
})
