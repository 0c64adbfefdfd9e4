// What the module for pages must not lose or send twice if the archive, the server or the browser is slow.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { archive, bound, FakeTab, fromBob, second, turns } from '../../support/fake-chat.js'
import { fakeElement, Status } from '../../support/fake-strophe.js'

declare const document: EventTarget

let tab: FakeTab

beforeEach(() => {
  tab = new FakeTab()
})

afterEach(() => tab.close())

const ping = 'urn:xmpp:ping'
test('messages after an unanswered question to the archive are asked for later', async () => {
  const bindings = [bound(), bound(second), bound({ ...second, resumed: true, rid: 20, delivered: 1 })]
  const binding = async () => bindings.shift()
  const { chat, page, shown } = tab.open({ binding })
  await tab.comesOnline(fromBob('a1', 'first'))
  tab.last.answers(archive)
  await turns()
  tab.last.becomes(Status.disconnected)
  chat.retry()
  await tab.comesOnline(fromBob('a3', 'third'))
  // The archive is slow. It has `second` between them.
  for (let asked = 0; asked < 3; asked++) {
    tab.last.answers(archive, null)
    await turns()
  }
  expect(shown).toEqual(['first', 'third'])
  page.dispatchEvent(new Event('pagehide'))
  tab.open({ binding })
  await tab.comesOnline()
  const asked = tab.last.sent.find(({ children }) => children[0]?.namespaceURI === archive)
  expect(asked?.getElementsByTagName('after')[0]?.textContent).toBe('a1')
})

test('a message in doubt does not fail because the archive is slow', async () => {
  const bindings = [bound(), bound(second)]
  const first = tab.open({ binding: async () => bindings.shift() })
  await tab.comesOnline(fromBob('a1', 'first'))
  tab.last.answers(archive)
  await turns()
  first.chat.send('bob@localhost', 'On my way')
  first.page.dispatchEvent(new Event('pagehide'))
  const key = 'warm-bindings tab'
  const memory = JSON.parse(tab.storage.get(key)!)
  const [outgoing] = [...memory.outgoing, ...memory.sent]
  memory.outgoing = []
  memory.sent = [{ ...outgoing, isSent: true, isInDoubt: true }]
  tab.storage.set(key, JSON.stringify(memory))
  const { states } = tab.open({ binding: async () => bindings.shift() })
  await tab.comesOnline()
  for (let asked = 0; asked < 3; asked++) {
    tab.last.answers(archive, null)
    await turns()
  }
  expect(states).toEqual([])
})

test('a message that comes back is sent again, although an earlier ping is answered behind it', async () => {
  const { chat, states } = tab.open({ binding: async () => bound() })
  await tab.comesOnline()
  const id = chat.send('bob@far.example', 'Hello')
  tab.last.answers(ping)
  expect(states).toEqual(['sent'])
  // The user comes back to the tab. Before the answer to this ping, the server gives up Bob's server.
  document.dispatchEvent(new Event('visibilitychange'))
  tab.last.replies(
    fakeElement(
      'message',
      { type: 'error', id, from: 'bob@far.example' },
      fakeElement('error', {}, fakeElement('remote-server-timeout')),
    ),
  )
  for (let turn = 0; turn < 4; turn++) {
    tab.last.answers(ping)
    await turns()
  }
  expect(tab.last.texts).toEqual(['Hello', 'Hello'])
})

test('a page of the back/forward cache does not repeat what a page sent whose chat was closed', async () => {
  let isUp = true
  const binding = async () => {
    if (isUp) return bound({ resumed: true, delivered: 0, rid: 10 })
    throw new TypeError('no network')
  }
  const before = tab.open({ binding })
  await tab.comesOnline()
  isUp = false
  tab.last.becomes(Status.disconnected)
  await turns()
  before.chat.send('bob@localhost', 'one')
  before.page.dispatchEvent(new Event('pagehide'))
  isUp = true
  const after = tab.open({ binding })
  await tab.comesOnline()
  const sent = [...tab.last.texts]
  after.chat.close()
  after.page.dispatchEvent(new Event('pagehide'))
  before.page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  await tab.comesOnline()
  expect([...sent, ...tab.last.texts]).toEqual(['one'])
})

test('a chat that had given up does not repeat what a later page sent, when the user goes back', async () => {
  const binding = async () => bound({ resumed: true, delivered: 0, rid: 10 })
  const before = tab.open({ binding })
  await tab.comesOnline()
  // Another chat of the user replaces this one.
  tab.last.becomes(Status.disconnected, 'conflict')
  await turns()
  before.chat.send('bob@localhost', 'one')
  before.page.dispatchEvent(new Event('pagehide'))
  const after = tab.open({ binding })
  await tab.comesOnline()
  expect(tab.last.texts.includes('one')).toBe(true)
  after.page.dispatchEvent(new Event('pagehide'))
  before.page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  document.dispatchEvent(new Event('visibilitychange'))
  await tab.comesOnline()
  expect(tab.last.texts.includes('one')).toBe(false)
})

test('a source that rejects without a reason does not end the chat', async () => {
  const statuses: string[] = []
  const faults: unknown[] = []
  const note = (fault: unknown) => void faults.push(fault)
  process.on('unhandledRejection', note)
  const { chat } = tab.open({ binding: () => Promise.reject() })
  chat.addEventListener('status', event => {
    statuses.push((event as CustomEvent<{ state: string }>).detail.state)
  })
  await turns()
  await new Promise(setImmediate)
  process.off('unhandledRejection', note)
  expect([statuses, faults]).toEqual([['offline'], []])
})
