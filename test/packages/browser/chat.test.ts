import { expect, jest, test } from '@jest/globals'
import { Chat, eachPage, pageBinding, passes } from '../../support/fake-page.js'

const page = eachPage()

test('a closed chat leaves no timer and no listener in its page, although its WebSocket is silent', async () => {
  const added = [globalThis, Reflect.get(globalThis, 'document')].map(target => jest.spyOn(target, 'addEventListener'))
  const chat = new Chat({ Strophe: page.Strophe, binding: async () => pageBinding, checkEvery: 60 })
  chat.start()
  await passes(0)
  expect(page.last.calls).toEqual(['connect'])
  expect(jest.getTimerCount()).toBe(3)
  const options = added.flatMap(({ mock }) => mock.calls.map(([, , options]) => options as { signal: AbortSignal }))
  expect(options).toHaveLength(5)
  chat.close()
  expect(jest.getTimerCount()).toBe(0)
  expect(options.every(({ signal }) => signal.aborted)).toBe(true)
})
