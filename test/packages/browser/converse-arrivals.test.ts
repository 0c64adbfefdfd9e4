import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { browserModule } from '../../support/browser-modules.js'

const { ConverseArrivals } = browserModule('converse-arrivals')

const roomMessage = (id: string, from: string | null = 'nowhere@chat.example/Mallory') => ({
  id,
  firstChild: {},
  outerHTML: '',
  getAttribute: (name: string) => (name === 'type' ? 'groupchat' : from),
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
  for (const name of ['XMLSerializer', 'DOMParser']) Reflect.deleteProperty(globalThis, name)
})

test('of messages of a room that Converse never shows, the newest are kept', () => {
  const arrivals = new ConverseArrivals()
  for (let number = 1; number <= 1_000; number++) arrivals.take(roomMessage(String(number)) as never, true)
  expect(arrivals.untaken).toEqual(Array.from({ length: 500 }, (_, index) => String(501 + index)))
})

test('a message without a sender does not keep a room from what it has missed', () => {
  const readRooms: (() => void)[] = []
  const room = {
    get: () => 'tea@chat.example',
    handleMessageStanza: async (message: { id: string }) => taken.push(message.id),
  }
  const taken: string[] = []
  const arrivals = new ConverseArrivals()
  const on = (_name: string, act: (given: object) => void) => readRooms.push(() => act(room))
  arrivals.start({ api: { listen: { on } }, exports: { MUC: { prototype: room } } } as never)
  Object.assign(globalThis, {
    DOMParser: class {
      parseFromString = (id: string) => ({ documentElement: roomMessage(id) })
    },
  })
  arrivals.take(roomMessage('1', null) as never, true)
  arrivals.take(roomMessage('2', 'tea@chat.example/Bob') as never, true)
  for (const read of readRooms) read()
  expect(taken).toEqual(['2'])
})
