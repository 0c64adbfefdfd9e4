import { beforeEach, expect, jest, test } from '@jest/globals'
import { RepeatedMessages } from '../../../src/packages/browser/repeated-messages.js'
import { useFakeTimers } from '../../support/fake-timers.js'

let repeats: RepeatedMessages

const isAgain = (...contents: readonly string[]) => contents.map(content => repeats.isAgain(content))

useFakeTimers()

beforeEach(() => {
  repeats = new RepeatedMessages()
})

test('messages that come again after a break are not shown again', () => {
  isAgain('1', '2', '3')
  repeats.broken()
  jest.advanceTimersByTime(10_000)
  expect(isAgain('2', '3', '4', '3')).toEqual([true, true, false, false])
})

test('without a break, people may write the same twice', () => {
  expect(isAgain('1', '1')).toEqual([false, false])
})

test('each message comes again once, in the order of before', () => {
  isAgain('ok', 'yes', 'ok')
  repeats.broken()
  expect(isAgain('ok', 'ok', 'ok')).toEqual([true, true, false])
})

test('nothing comes again after a new message', () => {
  isAgain('1')
  repeats.broken()
  expect(isAgain('2', '1')).toEqual([false, false])
})

test('messages that are older than a take-over are new ones', () => {
  isAgain('1')
  repeats.broken()
  jest.advanceTimersByTime(20_000)
  expect(isAgain('1')).toEqual([false])
})
