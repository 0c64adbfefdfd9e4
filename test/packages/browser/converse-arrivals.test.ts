import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { browserModule } from '../../support/browser-modules.js'

const { ConverseArrivals } = browserModule('converse-arrivals')

const roomMessage = (id: string) => ({
  id,
  firstChild: {},
  outerHTML: '',
  getAttribute: (name: string) => (name === 'type' ? 'groupchat' : 'nowhere@chat.example/Mallory'),
  querySelectorAll: () => [{ textContent: id }],
  getElementsByTagNameNS: () => [{}],
})

beforeEach(() => {
  Object.assign(globalThis, {
    XMLSerializer: class {
      serializeToString = ({ id }: { id: string }) => id
    },
  })
})

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'XMLSerializer')
})

test('of messages of a room that Converse never shows, the newest are kept', () => {
  const arrivals = new ConverseArrivals()
  for (let number = 1; number <= 1_000; number++) arrivals.take(roomMessage(String(number)) as never, true)
  expect(arrivals.untaken).toEqual(Array.from({ length: 500 }, (_, index) => String(501 + index)))
})
