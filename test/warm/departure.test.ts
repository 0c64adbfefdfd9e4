import { expect, test } from '@jest/globals'
import { Departure } from '../../src/warm/departure.js'

test('whoever listens hears once that somebody has left, and finds the reason then', () => {
  const departure = new Departure()
  const heard: string[] = []
  const notAnyMore = () => heard.push('not any more')
  departure.addEventListener('abort', () => heard.push(`left: ${departure.aborted}`))
  departure.addEventListener('abort', notAnyMore)
  departure.removeEventListener('abort', notAnyMore)
  expect(departure.aborted).toBe(false)
  expect(() => departure.throwIfAborted()).not.toThrow()
  departure.abort()
  departure.abort()
  expect(heard).toEqual(['left: true'])
  expect(() => departure.throwIfAborted()).toThrow('the caller left')
})
