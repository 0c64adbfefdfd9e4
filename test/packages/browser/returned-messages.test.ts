// Which chat messages of Converse are sent again.
import { beforeEach, expect, jest, test } from '@jest/globals'

interface Stanza {
  readonly id: string
  getAttribute(name: string): string | null
}

interface ReturnedMessages {
  readonly unsent: readonly Stanza[]
  add(stanza: Stanza, isGiven: boolean, isOverSocket: boolean): boolean
  note(body: object): void
  goOn(rid: number, requests: number, received?: number): void
  lost(unacked: string): void
  takeBack(stanza: Stanza): boolean
  clear(): void
}

// This project has no types of browsers.
const { ReturnedMessages } = jest.requireActual<{ readonly ReturnedMessages: new () => ReturnedMessages }>(
  '../../../src/packages/browser/returned-messages.js',
)

const stanza = (attributes: Readonly<Record<string, string>>, children: readonly string[]): Stanza => ({
  id: attributes['id']!,
  getAttribute: name => attributes[name] ?? null,
  ...{ getElementsByTagName: (name: string) => children.filter(child => child === name) },
  ...{ outerHTML: attributes['text'] ?? 'text', cloneNode: () => stanza(attributes, children) },
})

const message = (id: string, more = {}) => stanza({ id, type: 'chat', to: 'Bob@localhost', ...more }, ['body'])
const error = (id: string, condition = 'remote-server-timeout', from = 'bob@localhost') =>
  stanza({ id, type: 'error', from }, ['error', condition])
const request = (rid: number, ...children: readonly Stanza[]) => ({ getAttribute: () => String(rid), children })

let returned: ReturnedMessages

beforeEach(() => {
  returned = new ReturnedMessages()
  returned.goOn(10, 2)
})

const unsent = () => returned.unsent.map(({ id }) => id)

/** As `connectConverse` does. */
const sendsAgain = () => {
  const all = unsent()
  for (const each of returned.unsent) returned.add(each, true, false)
  return all
}

test('a message that the service returns is sent once more', () => {
  returned.add(message('one'), true, false)
  returned.note(request(10, message('one')))
  expect(unsent()).toEqual([])
  expect(returned.takeBack(error('one'))).toBe(true)
  expect(sendsAgain()).toEqual(['one'])
  expect(unsent()).toEqual([])
  expect(returned.takeBack(error('one'))).toBe(false)
  expect(unsent()).toEqual([])
})

test.each([
  ['a contact refuses', error('one', 'service-unavailable')],
  ['another contact returns', error('one', 'remote-server-timeout', 'mallory@localhost')],
  ['nobody sent', error('two')],
])('a message that %s is not sent again', (_who, answer) => {
  returned.add(message('one'), true, false)
  expect(returned.takeBack(answer)).toBe(false)
  expect(unsent()).toEqual([])
})

test('a message without a connection is sent by the next session', () => {
  expect(returned.add(message('one'), false, false)).toBe(true)
  expect(sendsAgain()).toEqual(['one'])
})

test('messages in requests that did not arrive are sent by the next session', () => {
  const all = ['one', 'two', 'three', 'four', 'five'].map(id => message(id))
  for (const each of all) returned.add(each, true, false)
  for (const [index, each] of all.slice(0, 4).entries()) returned.note(request(10 + index, each))
  // Two requests can be on their way. The fifth message is still in the page.
  returned.goOn(50, 2)
  expect(sendsAgain()).toEqual(['three', 'four', 'five'])
})

test('a resumed session says which requests arrived', () => {
  const all = ['one', 'two', 'three'].map(id => message(id))
  for (const each of all) returned.add(each, true, false)
  for (const [index, each] of all.entries()) returned.note(request(10 + index, each))
  returned.goOn(50, 2, 11)
  expect(unsent()).toEqual(['three'])
})

test('after a WebSocket, messages without acknowledgement are sent again', () => {
  returned.add(message('one'), true, true)
  returned.add(message('two'), true, true)
  returned.goOn(50, 2)
  expect(unsent()).toEqual([])
  returned.lost('["<message id=\'two\'/>"]')
  expect(unsent()).toEqual(['two'])
})

test('only chat messages with a text are kept', () => {
  expect(returned.add(message('one', { type: 'groupchat' }), false, false)).toBe(false)
  expect(returned.add(stanza({ id: 'two', type: 'chat', to: 'bob@localhost' }, ['paused']), false, false)).toBe(false)
  expect(unsent()).toEqual([])
})

test('the newest hundred messages are kept, of 100,000 characters', () => {
  for (let number = 1; number <= 101; number++) returned.add(message(`m${number}`), false, false)
  expect([unsent().length, unsent()[0]]).toEqual([100, 'm2'])
  returned.add(message('long', { text: 'x'.repeat(99_995) }), false, false)
  expect(unsent()).toEqual(['m101', 'long'])
})

test('nothing is kept for another user', () => {
  returned.add(message('one'), false, false)
  returned.clear()
  expect(unsent()).toEqual([])
})
