import { afterEach, expect, jest, test } from '@jest/globals'

// This project has no types of browsers.
const { Chat } = jest.requireActual<{
  readonly Chat: new (options: object) => { start(): void; close(): void }
}>('../../../src/packages/browser/chat.js')

afterEach(() => {
  jest.useRealTimers()
  Object.assign(globalThis, { document: undefined, addEventListener: undefined })
})

test('a closed chat leaves no timer and no listener in its page', () => {
  jest.useFakeTimers()
  const page = new EventTarget()
  const add = jest.spyOn(page, 'addEventListener')
  Object.assign(globalThis, { document: page, addEventListener: page.addEventListener.bind(page) })
  const chat = new Chat({ binding: () => new Promise(() => {}), Strophe: {} })
  chat.start()
  expect(jest.getTimerCount()).toBe(1)
  const signals = add.mock.calls.map(([, , options]) => (options as { signal: AbortSignal }).signal)
  expect(signals).toHaveLength(5)
  chat.close()
  expect(jest.getTimerCount()).toBe(0)
  expect(signals.every(({ aborted }) => aborted)).toBe(true)
})
