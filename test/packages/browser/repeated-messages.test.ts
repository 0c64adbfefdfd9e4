import { beforeEach, expect, jest, test } from '@jest/globals'
import { keyOf, RepeatedMessages } from '../../../src/packages/browser/repeated-messages.js'
import { useFakeTimers } from '../../support/fake-timers.js'

let repeats: RepeatedMessages

/** Those of these messages that are shown. */
const shownOf = (contents: string) =>
  contents
    .split(' ')
    .filter(content => !repeats.isAgain(content))
    .join(' ')

useFakeTimers()

beforeEach(() => {
  repeats = new RepeatedMessages()
})

test('without a break, people may write the same twice', () => {
  expect(shownOf('1 1')).toBe('1 1')
})

test.each([
  ['messages that come again are not shown again', '1 2 3', 10_000, '2 3 4 3', '4 3'],
  ['each message comes again once, in the order of before', 'ok yes ok', 0, 'ok ok ok', 'ok'],
  ['nothing comes again after a new message', '1', 0, '2 1', '2 1'],
  ['messages that are older than a take-over are new ones', '1', 20_000, '1', '1'],
])('after a break, %s', (_what, before, pause, after, shown) => {
  shownOf(before)
  repeats.broken()
  jest.advanceTimersByTime(pause)
  expect(shownOf(after)).toBe(shown)
})

test('the key of a message is short, and another one if a part has another length', () => {
  const long = 'x'.repeat(250_000)
  expect(keyOf('bob', long).length).toBeLessThan(400)
  expect(new Set([keyOf('bob', long), keyOf('bob', `${long}x`), keyOf('bobx', long), keyOf('bob', 'x')]).size).toBe(4)
})
