// What a chat shows, sends and keeps over the pages of its tab, also if the archive, the server or the browser is slow.
import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { readMessage } from '../../../src/browsers/websocket/framing.js'
import { eachPage, passes } from '../../support/fake-page.js'
import { type FakeElement, fakeElement, fakeError, Status } from '../../support/fake-strophe.js'

declare const document: EventTarget & { visibilityState: string }

const archive = 'urn:xmpp:mam:2'

const bound = (more: object = {}) => ({ jid: 'alice@localhost/1', sid: 's', rid: 5, ...more })

const second = { jid: 'alice@localhost/2', sid: 's2' }

/** The last one: no binding. */
const inTurn =
  (...bindings: object[]) =>
  async () =>
    bindings.shift()

const fromBob = (id: string, body: string) =>
  fakeElement(
    'message',
    { from: 'bob@localhost/x', to: 'alice@localhost/1', type: 'chat', id: `m${id}` },
    fakeElement('body', {}, body),
    fakeElement('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: 'alice@localhost', id }),
  )

const tab = eachPage()
let isUp: boolean

beforeEach(() => {
  isUp = true
})

type OpenPage = ReturnType<typeof tab.open>

async function opens(options: object, ...stanzas: FakeElement[]) {
  const opened = tab.open(options)
  await tab.comesOnline(...stanzas)
  return opened
}

const resuming = async () => {
  if (isUp) return bound({ resumed: true, delivered: 0, rid: 10 })
  throw new TypeError('no network')
}

async function losesNetwork() {
  isUp = false
  tab.last.becomes(Status.disconnected)
  await passes(0)
}

/** A page that loses its network, writes, and is left. */
async function writesOffline({ chat, page }: OpenPage, text: string) {
  await losesNetwork()
  const id = chat.send('bob@localhost', text)
  page.dispatchEvent(new Event('pagehide'))
  isUp = true
  return id
}

function closesChat({ chat, page }: OpenPage) {
  chat.close()
  page.dispatchEvent(new Event('pagehide'))
}

/** The connection breaks, and the chat tries again. */
async function reconnects({ chat }: Pick<OpenPage, 'chat'>) {
  tab.last.becomes(Status.disconnected)
  chat.retry()
  await passes(0)
}

/** The message after which the next page asks the archive. */
async function nextAsksAfter(binding: () => Promise<object | undefined>) {
  await opens({ binding })
  const asked = tab.last.sent.find(({ children }) => children[0]?.namespaceURI === archive)
  return asked?.getElementsByTagName('after')[0]?.textContent
}

/** Shows a page that the browser kept in its back/forward cache. */
const goBackTo = ({ page }: OpenPage) => page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))

/** Stores the tab's message as a page over WebSocket does if the server has not confirmed it. */
function putInDoubt() {
  const key = 'warm-bindings tab'
  const memory = JSON.parse(tab.storage[key]!)
  const [outgoing] = [...memory.outgoing, ...memory.sent]
  memory.outgoing = []
  memory.sent = [{ ...outgoing, isSent: true, isInDoubt: true }]
  tab.storage[key] = JSON.stringify(memory)
}

/** The archive has these messages after those that the page knows, or as its newest. */
function archiveAnswers(...messages: readonly FakeElement[]) {
  const { children } = tab.last.sent.findLast(({ children }) => children[0]?.namespaceURI === archive)!
  const { queryid } = children[0]!.attributes
  for (const message of messages) {
    const forwarded = fakeElement('forwarded', { xmlns: 'urn:xmpp:forward:0' }, message)
    const result = fakeElement('result', { xmlns: archive, queryid: queryid!, id: `archived ${message.id}` }, forwarded)
    tab.last.replies(fakeElement('message', { from: 'alice@localhost' }, result))
  }
  const fin = fakeElement('fin', { xmlns: archive, complete: 'true' })
  tab.last.answers(archive, fakeElement('iq', { type: 'result' }, fin))
  return passes(0)
}

/** The archive is slow: three queries get no answer. */
async function waitForArchive() {
  for (let asked = 0; asked < 3; asked++) {
    tab.last.answers(archive, null)
    await passes(0)
  }
}

test.each([undefined, 'Alice L.'])('a message to a room is shown once, with the nickname %s', async nickname => {
  const binding = async () => bound()
  const { chat, shown, states } = await opens({ binding, rooms: ['tea@rooms.localhost/Alice'], nickname })
  chat.send('tea@rooms.localhost', 'Tea?')
  const copy = tab.last.sent.findLast(({ localName }) => localName === 'message')!.cloneNode()
  copy.setAttribute('from', 'tea@rooms.localhost/Alice')
  copy.setAttribute('to', 'alice@localhost/1')
  tab.last.replies(copy)
  expect([shown, states]).toEqual([['own: Tea?'], ['sent']])
})

// Written and parsed, it could differ: a page may add elements of HTML, with an attribute `xmlns`.
test('a message is sent as its listeners have left it', async () => {
  const { chat } = await opens({ binding: async () => bound() })
  const made: unknown[] = []
  chat.addEventListener('sending', ({ detail }) => void made.push(detail))
  chat.send('bob@localhost', 'Hello')
  expect(tab.last.sent.filter(stanza => stanza === made[0])).toHaveLength(1)
})

// The service ends a session that sends what is not well-formed.
test('characters that XML forbids are left out of a message', async () => {
  const { chat, shown } = await opens({ binding: async () => bound(), nickname: 'A\0lice' })
  chat.send('bob@local\x01host', 'one\u000btwo \u{1f375}\ud800 \ufffe<&\t\n')
  const { attributes, textContent } = tab.last.sent.findLast(({ localName }) => localName === 'message')!
  expect([attributes['to'], textContent]).toEqual(['bob@localhost', 'onetwo \u{1f375} <&\t\nAlice'])
  expect(shown).toEqual(['own: onetwo \u{1f375} <&\t\n'])
  const escaped = textContent.replace('&', '&amp;').replace('<', '&lt;')
  const written = `<message xmlns='jabber:client'><body>${escaped}</body></message>`
  expect(typeof readMessage(Buffer.from(written))).toBe('object')
})

// It has a message between the two of Bob.
test.each(['was left', 'got no answer'])('the next page asks the archive if its page %s', async what => {
  const binding = inTurn(bound(), bound(second), bound({ ...second, resumed: true, rid: 20, delivered: 1 }))
  const { chat, page, shown } = await opens({ binding }, fromBob('a1', 'first'))
  tab.last.answers(archive)
  await passes(0)
  await reconnects({ chat })
  await tab.comesOnline(fromBob('a3', 'third'))
  expect(shown).toEqual(['first'])
  if (what === 'got no answer') await waitForArchive()
  else page.dispatchEvent(new Event('pagehide'))
  expect(shown).toEqual(['first', 'third'])
  page.dispatchEvent(new Event('pagehide'))
  expect(await nextAsksAfter(binding)).toBe('a1')
})

test('a message in doubt has arrived if the archive has it before a message that was shown', async () => {
  const binding = inTurn(bound(), bound(second))
  const first = await opens({ binding })
  await archiveAnswers()
  const id = first.chat.send('bob@localhost', 'On my way')
  tab.last.replies(fromBob('a2', 'I wait'))
  first.page.dispatchEvent(new Event('pagehide'))
  putInDoubt()
  const { states } = await opens({ binding })
  // After `a2`, it has none.
  await archiveAnswers()
  expect(states).toEqual([])
  await archiveAnswers(fakeElement('message', { from: 'alice@localhost/1', type: 'chat', id }), fromBob('a2', 'I wait'))
  expect(states).toEqual(['sent'])
})

test('all messages in doubt have arrived that the archive has, although the page shows no history', async () => {
  const binding = inTurn(bound(), bound(second))
  const { chat, states } = await opens({ binding })
  await archiveAnswers()
  const ids = ['one', 'two'].map(text => chat.send('bob@localhost', text))
  tab.last.xmlOutput(fakeElement('body', { rid: '6' }, ...tab.last.sent))
  tab.last.xmlOutput(fakeElement('body', { rid: '8' }))
  await reconnects({ chat })
  await tab.comesOnline()
  const asked = tab.last.sent.filter(({ children }) => children[0]?.namespaceURI === archive)
  expect(asked.at(-1)!.getElementsByTagName('max')[0]!.textContent).toBe('1')
  await archiveAnswers(fakeElement('message', { from: 'alice@localhost/1', type: 'chat', id: ids[1]! }))
  await archiveAnswers(...ids.map(id => fakeElement('message', { from: 'alice@localhost/1', type: 'chat', id })))
  expect(states).toEqual(['sent', 'sent'])
})

test.each([
  ['wrote offline', (page: OpenPage) => writesOffline(page, 'two'), ['one', 'two']],
  ['closed its chat', closesChat, ['one']],
])(
  'a page of the back/forward cache neither repeats nor loses messages if the page after it %s',
  async (_what, goes, all) => {
    const before = await opens({ binding: resuming })
    await writesOffline(before, 'one')
    const after = await opens({ binding: resuming })
    const sent = [...tab.last.texts]
    await goes(after)
    goBackTo(before)
    await tab.comesOnline()
    expect([...sent, ...tab.last.texts]).toEqual(all)
  },
)

test('what was written without a network comes before what a listener sends when the network is back', async () => {
  const { chat, page } = await opens({ binding: async () => bound() })
  page.dispatchEvent(new Event('offline'))
  chat.send('bob@localhost', 'one')
  chat.addEventListener('status', () => void chat.send('bob@localhost', 'two'), { once: true })
  tab.last.replies()
  expect(tab.last.texts).toEqual(['one', 'two'])
})

/** Types and addresses of the presences of the last session. */
const presences = () =>
  tab.last.sent
    .filter(({ localName }) => localName === 'presence')
    .map(({ attributes }) => [attributes['type'], attributes['to']].filter(Boolean).join(' '))

async function settles() {
  tab.last.answers(archive)
  tab.last.answers('jabber:iq:roster')
  await passes(0)
}

test('a new session that breaks before its first request is introduced when it is resumed', async () => {
  const binding = inTurn(bound(), bound(second), bound({ ...second, resumed: true, delivered: 0, received: 4 }))
  const { chat } = await opens({ binding, rooms: ['tea@rooms.localhost/Alice'] })
  await settles()
  for (const _ of [1, 2]) await reconnects({ chat })
  await tab.comesOnline()
  expect(presences()).toEqual(['', 'tea@rooms.localhost/Alice'])
})

test('a session whose WebSocket breaks before the login is introduced, and the archive asked, when it is resumed', async () => {
  const websocket = { url: 'wss://chat.localhost/xmpp-websocket', token: 't' }
  const bindings = [{}, second, { ...second, resumed: true, delivered: 0 }].map(more => bound({ ...more, websocket }))
  const { chat } = tab.open({ binding: inTurn(...bindings), transport: 'websocket' })
  await passes(0)
  tab.last.becomes(Status.connected)
  tab.last.replies(fromBob('a1', 'first'))
  await settles()
  // The session ends. The WebSocket of the next one breaks before its login.
  for (const _ of [1, 2]) await reconnects({ chat })
  tab.last.sent.length = 0
  tab.last.becomes(Status.connected)
  await passes(0)
  const asked = tab.last.sent.map(({ children }) => children[0]?.namespaceURI)
  expect([presences(), asked.includes(archive)]).toEqual([[''], true])
})

test('a room that is joined or left without a connection is joined later, and left after the messages to it', async () => {
  const { chat } = await opens({ binding: async () => bound({ resumed: true, delivered: 0 }) })
  await settles()
  tab.last.becomes(Status.disconnected)
  chat.join('tea@rooms.localhost', 'Alice')
  chat.retry()
  await tab.comesOnline()
  expect(presences()).toEqual(['tea@rooms.localhost/Alice'])
  tab.last.becomes(Status.disconnected)
  chat.send('tea@rooms.localhost', 'Bye')
  chat.part('tea@rooms.localhost')
  chat.retry()
  await tab.comesOnline()
  expect(tab.last.sentNames.filter(name => name !== 'iq')).toEqual(['message', 'presence'])
  expect(presences()).toEqual(['unavailable tea@rooms.localhost/Alice'])
})

test('a room is joined again by a resumed session until it has answered', async () => {
  const { chat } = await opens({ binding: async () => bound({ resumed: true, delivered: 0 }) })
  await settles()
  chat.join('tea@rooms.localhost', 'Alice')
  const joined = presences()
  const again = []
  for (const answers of [[], [fakeElement('presence', { from: 'tea@rooms.localhost/Bob' })], []]) {
    await reconnects({ chat })
    await tab.comesOnline(...answers)
    again.push(presences())
  }
  expect([joined.at(-1), again]).toEqual([
    'tea@rooms.localhost/Alice',
    [['tea@rooms.localhost/Alice'], ['tea@rooms.localhost/Alice'], []],
  ])
})

describe('A hidden page', () => {
  function becomes(state: 'hidden' | 'visible') {
    document.visibilityState = state
    document.dispatchEvent(new Event('visibilitychange'))
  }

  /** A page without a network. */
  async function goesOffline(options = {}) {
    const { chat } = await opens({ binding: resuming, ...options })
    await losesNetwork()
    return chat
  }

  test.each(['before', 'while'])(
    'that the browser discards has stored what was written %s it was hidden',
    async when => {
      const chat = await goesOffline()
      if (when === 'before') chat.send('bob@localhost', 'one')
      becomes('hidden')
      if (when === 'while') chat.send('bob@localhost', 'one')
      isUp = true
      document.visibilityState = 'visible'
      await opens({ binding: resuming })
      expect([tab.last.texts, Object.keys(tab.storage)]).toEqual([['one'], []])
    },
  )

  const stored = () => tab.storage['warm-bindings tab'] !== undefined

  test('stores nothing without waiting messages, once they are sent, and when it is shown', async () => {
    const chat = await goesOffline()
    becomes('hidden')
    const seen = [stored()]
    chat.send('bob@localhost', 'one')
    seen.push(stored())
    isUp = true
    chat.retry()
    await tab.comesOnline()
    tab.last.answers('urn:xmpp:ping')
    seen.push(stored())
    chat.send('bob@localhost', 'two')
    seen.push(stored())
    becomes('visible')
    seen.push(stored())
    expect(seen).toEqual([false, true, false, true, false])
  })

  test('stores nothing with `keep: false`', async () => {
    const chat = await goesOffline({ keep: false })
    becomes('hidden')
    chat.send('bob@localhost', 'one')
    expect(stored()).toBe(false)
  })

  test('that is loaded without a network, and discarded again, stores what waits', async () => {
    const chat = await goesOffline()
    becomes('hidden')
    chat.send('bob@localhost', 'one')
    tab.open({ binding: resuming })
    await passes(0)
    expect(stored()).toBe(true)
  })

  test.each([
    ['is sent', (_chat: OpenPage['chat']) => tab.last.answers('urn:xmpp:ping')],
    ['fails, because the chat is closed', (chat: OpenPage['chat']) => chat.close()],
  ])('stores nothing that %s, if the storage is full', async (_, happens) => {
    const chat = await goesOffline()
    becomes('hidden')
    chat.send('bob@localhost', 'one')
    const full = jest.spyOn(Object.getPrototypeOf(tab.storage), 'setItem')
    full.mockImplementation(() => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    isUp = true
    chat.retry()
    await tab.comesOnline()
    happens(chat)
    becomes('visible')
    expect(stored()).toBe(false)
  })

  test('does not touch what the page of another user has left, when the user goes back to it', async () => {
    const before = await opens({ binding: resuming })
    await losesNetwork()
    becomes('hidden')
    before.chat.send('bob@localhost', 'of Alice')
    before.page.dispatchEvent(new Event('pagehide'))
    becomes('visible')
    isUp = true
    const carols = async () => ({ ...(await resuming()), jid: 'carol@localhost/1' })
    await writesOffline(await opens({ binding: carols }), 'of Carol')
    const left = tab.storage['warm-bindings tab']
    isUp = false
    goBackTo(before)
    await passes(0)
    becomes('hidden')
    expect([left?.includes('of Carol'), tab.storage['warm-bindings tab']]).toEqual([true, left])
  })

  test('that has given up goes on when the network is back', async () => {
    const chat = await goesOffline()
    becomes('hidden')
    await passes(3_600_000)
    expect(chat.status).toMatchObject({ state: 'ended', code: 'unreachable' })
    isUp = true
    tab.occurs('online')
    await tab.comesOnline()
    expect(chat.status.state).toBe('online')
  })

  test('whose chat was replaced does not replace the other one when the network is back', async () => {
    const { chat } = await opens({ binding: resuming })
    becomes('hidden')
    tab.last.becomes(Status.disconnected, 'conflict')
    await passes(0)
    tab.occurs('online')
    await passes(0)
    expect(chat.status).toMatchObject({ state: 'ended', code: 'replaced' })
  })

  test('that is left keeps what it has stored then', async () => {
    const chat = await goesOffline()
    chat.send('bob@localhost', 'one')
    tab.occurs('pagehide')
    const before = tab.storage['warm-bindings tab']
    becomes('hidden')
    expect(tab.storage['warm-bindings tab']).toBe(before)
  })
})

test('a message to a chat that has ended fails, also again', async () => {
  const { chat, shown, states } = await opens({ binding: inTurn(bound()) })
  await reconnects({ chat })
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
  await passes(0)
  user.chat.send('boss@localhost', 'secret')
  user.page.dispatchEvent(new Event('pagehide'))
  tab.open({ ...service, guest: true })
  await passes(0)
  await tab.comesOnline()
  expect(tab.last.texts).toEqual([])
  Object.assign(globalThis, before)
})

test('a message in doubt does not fail because the archive is slow', async () => {
  const binding = inTurn(bound(), bound(second))
  const first = await opens({ binding }, fromBob('a1', 'first'))
  tab.last.answers(archive)
  await passes(0)
  first.chat.send('bob@localhost', 'On my way')
  first.page.dispatchEvent(new Event('pagehide'))
  putInDoubt()
  const { states } = await opens({ binding })
  await waitForArchive()
  expect(states).toEqual([])
})

test('a message that comes back is sent again, although an earlier ping is answered behind it', async () => {
  const { chat, states } = await opens({ binding: async () => bound() })
  const id = chat.send('bob@far.example', 'Hello')
  tab.last.answers('urn:xmpp:ping')
  expect(states).toEqual(['sent'])
  // The user comes back to the tab. Before the answer to this ping, the server gives up Bob's server.
  document.dispatchEvent(new Event('visibilitychange'))
  tab.last.replies(fakeError(id, 'remote-server-timeout', 'bob@far.example'))
  for (let turn = 0; turn < 4; turn++) {
    tab.last.answers('urn:xmpp:ping')
    await passes(0)
  }
  expect(tab.last.texts).toEqual(['Hello', 'Hello'])
})

test('a chat that had given up does not repeat what a later page sent, when the user goes back', async () => {
  const before = await opens({ binding: resuming })
  // Another chat of the user replaces this one.
  tab.last.becomes(Status.disconnected, 'conflict')
  await passes(0)
  before.chat.send('bob@localhost', 'one')
  before.page.dispatchEvent(new Event('pagehide'))
  const after = await opens({ binding: resuming })
  expect(tab.last.texts.includes('one')).toBe(true)
  after.page.dispatchEvent(new Event('pagehide'))
  goBackTo(before)
  document.dispatchEvent(new Event('visibilitychange'))
  await tab.comesOnline()
  expect(tab.last.texts.includes('one')).toBe(false)
})

describe('A page to which the user goes back', () => {
  const ofBob = async () => ({ ...(await resuming()), jid: 'bob@localhost/1' })

  test('does not send what the page of another user has left, which still finds it', async () => {
    const before = await opens({ binding: resuming })
    before.page.dispatchEvent(new Event('pagehide'))
    await writesOffline(await opens({ binding: ofBob }), 'I am Bob')
    goBackTo(before)
    await tab.comesOnline()
    expect(tab.last.texts).toEqual([])
    await opens({ binding: ofBob })
    expect(tab.last.texts).toEqual(['I am Bob'])
  })

  test('does not repeat what a later page sent for it, if it never had a session, and sends what that left', async () => {
    isUp = false
    const before = tab.open({ binding: resuming })
    await passes(0)
    before.chat.send('bob@localhost', 'one')
    before.page.dispatchEvent(new Event('pagehide'))
    isUp = true
    const after = await opens({ binding: resuming })
    expect(tab.last.texts).toEqual(['one'])
    await writesOffline(after, 'two')
    goBackTo(before)
    await tab.comesOnline()
    expect(tab.last.texts).toEqual(['two'])
  })

  test('is told what has become of its messages', async () => {
    const before = await opens({ binding: resuming })
    const refused = before.chat.send('bob@localhost', 'one')
    await writesOffline(before, 'two')
    const after = await opens({ binding: resuming })
    tab.last.replies(fakeError(refused, 'forbidden'))
    after.page.dispatchEvent(new Event('pagehide'))
    expect(before.states).toEqual([])
    goBackTo(before)
    expect(before.states).toEqual(['failed forbidden', 'sent'])
  })

  test('is told once of a failure that it knows', async () => {
    const before = await opens({ binding: resuming })
    tab.last.replies(fakeError(before.chat.send('bob@localhost', 'one'), 'forbidden'))
    before.page.dispatchEvent(new Event('pagehide'))
    await writesOffline(await opens({ binding: resuming }), 'two')
    goBackTo(before)
    expect(before.states).toEqual(['failed forbidden'])
  })

  test('is told of a failure after the arrival', async () => {
    const before = await opens({ binding: resuming })
    const id = before.chat.send('bob@localhost', 'one')
    tab.last.answers('urn:xmpp:ping')
    await passes(0)
    before.page.dispatchEvent(new Event('pagehide'))
    const after = await opens({ binding: resuming })
    tab.last.replies(fakeError(id, 'forbidden'))
    after.page.dispatchEvent(new Event('pagehide'))
    goBackTo(before)
    expect(before.states).toEqual(['sent', 'failed forbidden'])
  })

  test('is told of a message that a later page has not stored', async () => {
    const before = await opens({ binding: resuming })
    const id = await writesOffline(before, 'one')
    isUp = false
    const after = tab.open({ binding: resuming })
    await passes(0)
    after.chat.close()
    isUp = true
    goBackTo(before)
    await tab.comesOnline()
    await archiveAnswers()
    await archiveAnswers()
    expect(before.states).toEqual(['failed not-confirmed'])
    expect(before.chat.resend(id)).toBe(true)
  })

  test.each(['bosh', 'websocket'])('sends what listeners send when they are told, over %s', async transport => {
    const websocket = { url: 'wss://chat.localhost/xmpp-websocket', token: 't' }
    const options = { binding: async () => ({ ...(await resuming()), websocket }), transport }
    const comes = async (opened = tab.open(options)) => {
      await passes(0)
      tab.last.becomes(transport === 'bosh' ? Status.attached : Status.connected)
      tab.last.replies()
      await passes(0)
      return opened
    }
    const before = await comes()
    const ids = ['one', 'two'].map(text => before.chat.send('bob@localhost', text))
    before.page.dispatchEvent(new Event('pagehide'))
    const after = await comes()
    for (const id of ids) tab.last.replies(fakeError(id, 'forbidden'))
    after.page.dispatchEvent(new Event('pagehide'))
    const resend = () => {
      for (const id of ids) before.chat.resend(id)
    }
    before.chat.addEventListener('messagestate', resend, { once: true })
    goBackTo(before)
    await comes(before)
    expect(tab.last.texts).toEqual(['one', 'two'])
  })

  test('stays closed if a listener closes it when it is told', async () => {
    const before = await opens({ binding: resuming })
    const id = before.chat.send('bob@localhost', 'one')
    before.page.dispatchEvent(new Event('pagehide'))
    const after = await opens({ binding: resuming })
    tab.last.replies(fakeError(id, 'forbidden'))
    after.page.dispatchEvent(new Event('pagehide'))
    before.chat.addEventListener('messagestate', () => before.chat.close())
    const { length } = tab.connections
    goBackTo(before)
    await passes(60_000)
    expect([before.chat.status.state, tab.connections.length]).toEqual(['ended', length])
  })

  test('does not repeat what has arrived in the session of a later page', async () => {
    let session: object = {}
    const binding = async () => ({ ...(await resuming()), ...session })
    const before = await opens({ binding })
    before.page.dispatchEvent(new Event('pagehide'))
    session = { jid: 'alice@localhost/2', resumed: false }
    const after = await opens({ binding })
    after.chat.send('bob@localhost', 'one')
    tab.last.xmlOutput(fakeElement('body', { rid: '20' }, ...tab.last.sent))
    after.page.dispatchEvent(new Event('pagehide'))
    session = { jid: 'alice@localhost/2', received: 20 }
    goBackTo(before)
    await tab.comesOnline()
    expect(tab.last.texts).toEqual([])
  })
})

test('a source that rejects without a reason does not end the chat', async () => {
  const statuses: string[] = []
  const faults: unknown[] = []
  const note = (fault: unknown) => void faults.push(fault)
  process.on('unhandledRejection', note)
  const { chat } = tab.open({ binding: () => Promise.reject() })
  chat.addEventListener('status', ({ detail: { state } }) => void statuses.push(state))
  await passes(0)
  process.off('unhandledRejection', note)
  expect([statuses, faults]).toEqual([['offline'], []])
})

const kept = { tab: 'a'.repeat(32), jid: '', seen: 0, last: '', outgoing: [], sent: [] }

test.each([
  ...['none', '5', 'null', '[]', '{}'],
  ...[{ tab: 5 }, { jid: 7 }, { jid: null }, { seen: {} }, { last: {} }, { outgoing: 5 }, { outgoing: {} }].map(part =>
    JSON.stringify({ ...kept, ...part }),
  ),
  ...[[null], [{ id: 'a', xml: 5 }]].map(outgoing => JSON.stringify({ ...kept, outgoing })),
])('a chat goes online in a tab that has stored %s, and stores valid data', async stored => {
  tab.storage['warm-bindings tab'] = stored
  const { page } = await opens({ binding: async () => bound() })
  page.dispatchEvent(new Event('pagehide'))
  const left = JSON.parse(tab.storage['warm-bindings tab']!)
  expect(left).toEqual({
    tab: expect.stringMatching(/^\d{4,40}$/),
    jid: bound().jid,
    seen: expect.any(Number),
    last: expect.any(String),
    outgoing: expect.any(Array),
    sent: expect.any(Array),
    isBehind: expect.any(Boolean),
  })
})

describe('a chat over BOSH', () => {
  test('whose session ends by a message that is too long fails it, and sends the others', async () => {
    const opened = await opens({ binding: resuming })
    opened.chat.send('bob@localhost', 'x'.repeat(20_000))
    opened.chat.send('bob@localhost', 'after')
    tab.last.becomes(Status.disconnected, 'policy-violation')
    expect(opened.states).toEqual(['failed policy-violation'])
    await passes(1_000)
    await tab.comesOnline()
    expect([opened.chat.status.state, tab.last.texts]).toEqual(['online', ['after']])
  })

  test('asks the server after a silence that is longer than a held request', async () => {
    await opens({ name: 'silent', binding: async () => ({ ...(await resuming()), wait: 60 }) })
    // Chats of earlier tests go on.
    const connection = tab.last
    const pings = () => connection.sent.filter(sent => JSON.stringify(sent).includes('urn:xmpp:ping')).length
    const before = pings()
    await passes(70_000)
    expect(pings()).toBe(before)
    await passes(80_000)
    expect(pings()).toBeGreaterThan(before)
  })

  test('is lost if a proxy answers with a page, whatever its status', async () => {
    const { chat } = await opens({ binding: resuming })
    const { _proto } = tab.last
    const body = fakeElement('body', { xmlns: 'http://jabber.org/protocol/httpbind' })
    expect(_proto._reqToData({ getResponse: () => body })).toBe(body)
    expect(chat.status.state).toBe('online')
    const unreadable = () => {
      throw new Error('bad-format')
    }
    expect(_proto._reqToData({ getResponse: unreadable })).toBe(null)
    expect(chat.status).toMatchObject({ state: 'offline', code: 'unreachable' })
  })

  test('keeps what a later listener to `pagehide` sends', async () => {
    const opened = await opens({ binding: resuming })
    opened.page.dispatchEvent(new Event('pagehide'))
    opened.chat.send('bob@localhost', 'Bye')
    expect(tab.last.texts).toEqual([])
    expect(tab.storage['warm-bindings tab']).toContain('Bye')
  })

  test('sends line ends as the other side reads them', async () => {
    const { chat } = await opens({ binding: resuming })
    chat.send('bob@localhost', 'one\r\ntwo\rthree\n')
    expect(tab.last.texts).toEqual(['one\ntwo\nthree\n'])
  })
})
