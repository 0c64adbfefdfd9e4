import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { readMessage } from '../../../src/browsers/websocket/framing.js'
import { archive, bound, FakeTab, fromBob, second, turns } from '../../support/fake-chat.js'
import { fakeElement, Status } from '../../support/fake-strophe.js'

let tab: FakeTab

beforeEach(() => {
  tab = new FakeTab()
})

afterEach(() => tab.close())

test.each([undefined, 'Alice L.'])('a message to a room is shown once, with the nickname %s', async nickname => {
  const { chat, shown, states } = tab.open({
    binding: async () => bound(),
    rooms: ['tea@rooms.localhost/Alice'],
    ...(nickname && { nickname }),
  })
  await tab.comesOnline()
  chat.send('tea@rooms.localhost', 'Tea?')
  const copy = tab.last.sent.findLast(({ localName }) => localName === 'message')!.cloneNode()
  copy.setAttribute('from', 'tea@rooms.localhost/Alice')
  copy.setAttribute('to', 'alice@localhost/1')
  tab.last.replies(copy)
  expect([shown, states]).toEqual([['own: Tea?'], ['sent']])
})

// The service ends a session that sends what is not well-formed.
test('characters that XML forbids are left out of a message', async () => {
  const { chat, shown } = tab.open({ binding: async () => bound(), nickname: 'A\0lice' })
  await tab.comesOnline()
  chat.send('bob@local\x01host', 'one\u000btwo \u{1f375}\ud800 \ufffe<&\t\n')
  const { attributes, textContent } = tab.last.sent.findLast(({ localName }) => localName === 'message')!
  expect([attributes['to'], textContent]).toEqual(['bob@localhost', 'onetwo \u{1f375} <&\t\nAlice'])
  expect(shown).toEqual(['own: onetwo \u{1f375} <&\t\n'])
  const escaped = textContent.replace('&', '&amp;').replace('<', '&lt;')
  const written = `<message xmlns='jabber:client'><body>${escaped}</body></message>`
  expect(typeof readMessage(Buffer.from(written))).toBe('object')
})

test('after a break while the archive is asked, it is asked again', async () => {
  const bindings = [bound(), bound(second), bound({ ...second, resumed: true, rid: 20, delivered: 0 })]
  const { chat, shown } = tab.open({ binding: async () => bindings.shift() })
  await tab.comesOnline(fromBob('a1', 'first'))
  expect(tab.last.answers(archive)).toBeGreaterThan(0)
  expect(shown).toEqual(['first'])
  // Its session ends. What came meanwhile is in the archive only.
  tab.last.becomes(Status.disconnected)
  chat.retry()
  await turns()
  tab.last.replies()
  tab.last.becomes(Status.disconnected)
  chat.retry()
  await tab.comesOnline()
  expect(tab.last.answers(archive)).toBe(1)
})

test('the next page asks the archive if its page was left before the answer', async () => {
  const bindings = [bound(), bound(second), bound({ ...second, resumed: true, rid: 20, delivered: 0 })]
  const binding = async () => bindings.shift()
  const { chat, page, shown } = tab.open({ binding })
  await tab.comesOnline(fromBob('a1', 'first'))
  tab.last.answers(archive)
  tab.last.becomes(Status.disconnected)
  chat.retry()
  await turns()
  tab.last.replies(fromBob('a3', 'third'))
  expect(shown).toEqual(['first'])
  page.dispatchEvent(new Event('pagehide'))
  expect(shown).toEqual(['first', 'third'])
  tab.open({ binding })
  await tab.comesOnline()
  const asked = tab.last.sent.find(({ children }) => children[0]?.namespaceURI === archive)
  expect(asked?.getElementsByTagName('after')[0]?.textContent).toBe('a1')
})

test('the archive is asked for messages in doubt, also after a resumption', async () => {
  const first = tab.open({ binding: async () => bound({ resumed: true, received: 9 }) })
  await tab.comesOnline(fromBob('a1', 'first'))
  tab.last.answers(archive)
  first.chat.send('bob@localhost', 'On my way')
  first.page.dispatchEvent(new Event('pagehide'))
  // As a page over WebSocket stores what the server has not confirmed.
  const key = 'warm-bindings tab'
  const memory = JSON.parse(tab.storage.get(key)!)
  const [outgoing] = [...memory.outgoing, ...memory.sent]
  memory.outgoing = []
  memory.sent = [{ ...outgoing, isSent: true, isInDoubt: true }]
  tab.storage.set(key, JSON.stringify(memory))
  const { states } = tab.open({ binding: async () => bound({ resumed: true, delivered: 3, received: 9, rid: 10 }) })
  await tab.comesOnline()
  expect(states).toEqual([])
  expect(tab.last.answers(archive)).toBe(1)
})

test('a page of the back/forward cache neither repeats nor loses messages of the page after it', async () => {
  let isUp = true
  const binding = async () => {
    if (isUp) return bound({ resumed: true, delivered: 0, rid: 10 })
    throw new TypeError('no network')
  }
  const writesOffline = async ({ chat, page }: ReturnType<FakeTab['open']>, text: string) => {
    isUp = false
    tab.last.becomes(Status.disconnected)
    await turns()
    chat.send('bob@localhost', text)
    page.dispatchEvent(new Event('pagehide'))
    isUp = true
  }
  const before = tab.open({ binding })
  await tab.comesOnline()
  await writesOffline(before, 'one')
  const after = tab.open({ binding })
  await tab.comesOnline()
  const sent = [...tab.last.texts]
  await writesOffline(after, 'two')
  before.page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  await tab.comesOnline()
  expect([...sent, ...tab.last.texts]).toEqual(['one', 'two'])
})

/** Types and addresses of the presences of the last session. */
const presences = () =>
  tab.last.sent
    .filter(({ localName }) => localName === 'presence')
    .map(({ attributes }) => [attributes['type'], attributes['to']].filter(Boolean).join(' '))

async function settles() {
  tab.last.answers(archive)
  tab.last.answers('jabber:iq:roster')
  await turns()
}

test('a new session that breaks before its first request is introduced when it is resumed', async () => {
  const bindings = [bound(), bound(second), bound({ ...second, resumed: true, delivered: 0, received: 4 })]
  const { chat } = tab.open({ binding: async () => bindings.shift(), rooms: ['tea@rooms.localhost/Alice'] })
  await tab.comesOnline()
  await settles()
  for (const _ of [1, 2]) {
    tab.last.becomes(Status.disconnected)
    chat.retry()
    await turns()
  }
  await tab.comesOnline()
  expect(presences()).toEqual(['', 'tea@rooms.localhost/Alice'])
})

test('a room that is joined or left without a connection is joined or left later', async () => {
  const { chat } = tab.open({ binding: async () => bound({ resumed: true, delivered: 0 }) })
  await tab.comesOnline()
  await settles()
  tab.last.becomes(Status.disconnected)
  chat.join('tea@rooms.localhost', 'Alice')
  chat.retry()
  await tab.comesOnline()
  expect(presences()).toEqual(['tea@rooms.localhost/Alice'])
  tab.last.becomes(Status.disconnected)
  chat.part('tea@rooms.localhost')
  chat.retry()
  await tab.comesOnline()
  expect(presences()).toEqual(['unavailable tea@rooms.localhost/Alice'])
})

test('a room is joined again by a resumed session until it has answered', async () => {
  const { chat } = tab.open({ binding: async () => bound({ resumed: true, delivered: 0 }) })
  await tab.comesOnline()
  await settles()
  chat.join('tea@rooms.localhost', 'Alice')
  const joined = presences()
  const again = []
  for (const answers of [[], [fakeElement('presence', { from: 'tea@rooms.localhost/Bob' })], []]) {
    tab.last.becomes(Status.disconnected)
    chat.retry()
    await tab.comesOnline(...answers)
    again.push(presences())
  }
  expect([joined.at(-1), again]).toEqual([
    'tea@rooms.localhost/Alice',
    [['tea@rooms.localhost/Alice'], ['tea@rooms.localhost/Alice'], []],
  ])
})

test('a message to a chat that has ended fails, also again', async () => {
  const bindings = [bound(), undefined]
  const { chat, shown, states } = tab.open({ binding: async () => bindings.shift() })
  await tab.comesOnline()
  tab.last.becomes(Status.disconnected)
  chat.retry()
  await turns()
  const id = chat.send('bob@localhost', 'lost')
  expect([shown, states]).toEqual([['own: lost'], ['failed not-sent']])
  chat.resend(id)
  expect(states).toEqual(['failed not-sent', 'failed not-sent'])
})

test('a guest sends nothing that a user of the portal wrote in the tab', async () => {
  const before = { localStorage: Reflect.get(globalThis, 'localStorage'), fetch: globalThis.fetch }
  const guest = { ...bound(), jid: 'g@guests.localhost/1', url: 'https://chat.localhost/http-bind' }
  const answers = [Promise.reject(new TypeError('down')), Promise.resolve(Response.json(guest))]
  Object.assign(globalThis, { localStorage: {}, fetch: () => answers.shift() })
  const service = { service: 'https://chat.localhost', name: undefined }
  const user = tab.open({ ...service, token: async () => 'a.b.c' })
  await turns()
  user.chat.send('boss@localhost', 'secret')
  user.page.dispatchEvent(new Event('pagehide'))
  tab.open({ ...service, guest: true })
  await turns()
  await tab.comesOnline()
  expect(tab.last.texts).toEqual([])
  Object.assign(globalThis, before)
})
