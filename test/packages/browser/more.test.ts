// What contacts and strangers can do to a page that uses the second module.

import { beforeEach, expect, jest, test } from '@jest/globals'
import type { Chat } from '../../../dist/types/browser/chat.js'
import type { Message } from '../../../dist/types/browser/message.js'
import type { Person } from '../../../dist/types/browser/more.js'
import { browserModule } from '../../support/browser-modules.js'
import { FakeConnection, type FakeElement, fakeElement, fakeXml } from '../../support/fake-strophe.js'
import { useFakeTimers } from '../../support/fake-timers.js'

class FakeChat extends EventTarget {
  jid = ''
  readonly status = { state: 'online' }
  readonly connection = new FakeConnection('')

  get sent(): readonly FakeElement[] {
    return this.connection.sent
  }

  receive(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }

  receiveState(from: string, state: string): void {
    const stanza = fakeElement('message', {}, fakeElement(state, { xmlns: 'http://jabber.org/protocol/chatstates' }))
    this.receive('message', { from, own: false, archived: false, type: 'chat', stanza })
  }
}

function vCard(name: string): FakeElement {
  const text = fakeElement('FN', { xmlns: 'vcard-temp' }, name)
  return fakeElement('iq', {}, fakeElement('vCard', { xmlns: 'vcard-temp' }, text))
}

const more = browserModule('more')

const settled = () => jest.advanceTimersByTimeAsync(1000)

let chat: FakeChat & Chat
let all: readonly Person[]

Object.assign(globalThis, fakeXml)
useFakeTimers()

beforeEach(() => {
  chat = new FakeChat() as FakeChat & Chat
  all = []
})

/** Contacts without a name in the list. */
const nameless = (count: number, first = 0) =>
  Array.from({ length: count }, (_, number) => ({ jid: `u${first + number}@example.org`, name: undefined }))

const showPeople = () =>
  more.people(chat, people => {
    all = people
  })

test('many strangers that claim to type leave few timers, and those who do it later are not shown', () => {
  const shown: string[] = []
  const { tell } = more.typing(chat, from => void shown.push(from))
  for (let number = 0; number < 5000; number++) chat.receiveState(`s${number}@evil.example`, 'composing')
  expect(jest.getTimerCount()).toBeLessThanOrEqual(1000)
  expect(shown).toHaveLength(1000)
  tell('s0@evil.example')
  expect(chat.sent).toEqual([])
  tell('s4999@evil.example')
  expect(chat.sent).toHaveLength(1)
})

test('a name of a vCard is short, and does not reorder the text around it', async () => {
  showPeople()
  chat.receive('contacts', nameless(1))
  chat.connection.answers('vcard-temp', vCard(`\u202e\n${'😀'.repeat(100_000)}`))
  await settled()
  expect(all).toMatchObject([{ name: '😀'.repeat(100) }])
})

test('names of many contacts are asked for one after the other, and told few times, like presences without news', async () => {
  const told = jest.fn()
  more.people(chat, told)
  chat.receive('contacts', nameless(1000))
  for (let asked = 5; asked <= 1000; asked += 5) {
    expect(chat.sent).toHaveLength(asked)
    chat.connection.answers('vcard-temp', vCard(`User ${asked}`))
    await jest.advanceTimersByTimeAsync(5)
  }
  await settled()
  expect(chat.sent).toHaveLength(1000)
  expect(told.mock.calls.length).toBeLessThan(30)
  const before = told.mock.calls.length
  for (let number = 0; number < 100; number++) {
    chat.receive('presence', { from: 'u1@example.org/phone', isAvailable: true })
    await jest.advanceTimersByTimeAsync(1000)
  }
  expect(told.mock.calls.length).toBe(before + 1)
})

// Strophe forgets its handlers when the connection is lost.
test('after questions without an answer, names of other contacts are asked for', async () => {
  showPeople()
  chat.receive('contacts', nameless(5))
  expect(chat.sent).toHaveLength(5)
  await jest.advanceTimersByTimeAsync(60_000)
  chat.receive('contacts', nameless(1, 5))
  expect(chat.sent).toHaveLength(6)
})

test('presences of many strangers are not remembered, and do not hide contacts', async () => {
  showPeople()
  const bob = { jid: 'bob@example.org', name: 'Bob' }
  chat.receive('contacts', [bob])
  const strangers = Array.from({ length: 5000 }, (_, number) => ({ jid: `s${number}@evil.example`, name: 'x' }))
  for (const { jid } of strangers) chat.receive('presence', { from: `${jid}/1`, isAvailable: true })
  for (let number = 0; number < 5000; number++)
    chat.receive('presence', { from: `bob@example.org/${number}`, isAvailable: true })
  chat.receive('contacts', [bob, ...strangers])
  await settled()
  expect(all.filter(({ isAvailable }) => isAvailable).length).toBeLessThanOrEqual(1002)
  expect(all[0]).toMatchObject({ name: 'Bob', isAvailable: true })
  for (let number = 0; number < 5000; number++)
    chat.receive('presence', { from: `bob@example.org/${number}`, isAvailable: false })
  await settled()
  expect(all[0]).toMatchObject({ name: 'Bob', isAvailable: false })
})

// Servers answer a probe for a contact without a client from the bare JID (RFC 6121 §4.3.2).
test.each<[string, () => void]>([
  ['of an outage', () => chat.receive('presence', { from: 'bob@localhost', isAvailable: false })],
  [
    'before a new session',
    () => {
      chat.jid = 'alice@localhost/2'
      chat.receive('status', { state: 'online' })
    },
  ],
])('a contact who left in the time %s is not available', async (_when, learn) => {
  showPeople()
  chat.receive('contacts', [{ jid: 'bob@localhost', name: 'Bob', subscription: 'both' }])
  chat.receive('presence', { from: 'bob@localhost/x', isAvailable: true })
  await settled()
  expect(all[0]!.isAvailable).toBe(true)
  learn()
  await settled()
  expect(all[0]!.isAvailable).toBe(false)
})

test('a message that is seen without a connection is marked as read later', async () => {
  const { read } = more.readMarks(chat, () => {})
  const stanza = fakeElement('message', {}, fakeElement('markable', { xmlns: 'urn:xmpp:chat-markers:0' }))
  Object.assign(chat.status, { state: 'offline' })
  read({ from: 'bob@example.org/x', id: 'm1', own: false, type: 'chat', stanza } as Message)
  await settled()
  expect(chat.sent).toEqual([])
  Object.assign(chat.status, { state: 'online' })
  chat.receive('status', { state: 'online' })
  await settled()
  expect(chat.sent.map(({ children }) => children[0]!.getAttribute('id'))).toEqual(['m1'])
})

// Accounts that the service makes have no vCards. Each new contact would cause a question for each of the others.
test('who has no vCard is asked for once in a session, although the contact list changes', async () => {
  showPeople()
  const noCard = fakeElement('iq', { type: 'result' })
  const adds = async (count: number) => {
    chat.receive('contacts', nameless(count))
    chat.connection.answers('vcard-temp', noCard)
    await settled()
  }
  const asked = jest.spyOn(chat.connection, 'sendIQ')
  for (let count = 1; count <= 20; count++) await adds(count)
  expect(asked).toHaveBeenCalledTimes(20)
  chat.jid = 'alice@localhost/2'
  chat.receive('status', { state: 'online' })
  await adds(1)
  expect(asked).toHaveBeenCalledTimes(21)
})

const archive = 'urn:xmpp:mam:2'
const refusal = fakeElement('iq', { type: 'error' }, fakeElement('error', {}, fakeElement('item-not-found')))

test.each<[string, () => void, string]>([
  ['does not answer', () => {}, 'The archive does not answer.'],
  ['refuses', () => chat.connection.answers(archive, refusal), 'The archive refuses: item-not-found.'],
])('earlier messages are refused with a sentence if the archive %s', async (_how, happens, message) => {
  const failure = more.earlier(chat, 'bob@localhost').catch((error: unknown) => error)
  happens()
  await jest.advanceTimersByTimeAsync(15_000)
  expect(await failure).toEqual(new Error(message))
})

// Anybody can imitate a result, and another client of the user can pass one on.
test.each([
  [undefined, 1],
  ['alice@localhost', 1],
  ['alice@localhost/2', 0],
  ['bob@localhost', 0],
])('of archived messages from %s, %d is taken', async (from, taken) => {
  const chat = new FakeChat() as FakeChat & Chat
  chat.jid = 'alice@localhost/1'
  const found = more.earlier(chat, 'bob@localhost')
  const queryid = chat.sent[0]!.children[0]!.getAttribute('queryid')!
  const forwarded = fakeElement('forwarded', { xmlns: 'urn:xmpp:forward:0' }, fakeElement('message'))
  const result = fakeElement('result', { xmlns: archive, queryid }, forwarded)
  chat.connection.replies(fakeElement('message', from === undefined ? {} : { from }, result))
  chat.connection.answers(archive)
  expect(await found).toMatchObject({ messages: Array(taken).fill({ archived: true }) })
})

test('names are asked for again that a broken connection did not bring', async () => {
  showPeople()
  chat.receive('contacts', nameless(1))
  expect(chat.sent).toHaveLength(1)
  // The connection breaks: no answer comes.
  await jest.advanceTimersByTimeAsync(20_000)
  chat.receive('status', { state: 'online' })
  await settled()
  chat.connection.answers('vcard-temp', vCard('Bob'))
  await settled()
  expect(all).toMatchObject([{ name: 'Bob' }])
})
