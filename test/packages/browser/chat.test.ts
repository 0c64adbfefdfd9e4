import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { browserModule } from '../../support/browser-modules.js'
import { Chat, eachPage, pageBinding, passes } from '../../support/fake-page.js'
import { type FakeElement, fakeElement, Status } from '../../support/fake-strophe.js'

const { createSocket } = browserModule('socket')
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

describe('Until Strophe would repeat them, over WebSocket', () => {
  const bind = fakeElement('bind', { xmlns: 'urn:ietf:params:xml:ns:xmpp-bind' })
  const xml = (name: string, id = '', ...inside: FakeElement[]) => JSON.stringify(fakeElement(name, { id }, ...inside))
  const pings = () => page.last.sentNames.filter(name => name === 'iq').length
  let chat: InstanceType<typeof Chat>

  /** `unacked`: what Strophe has from before, and of which the service does not resume the stream. */
  const comes = (unacked: readonly string[] = []) => {
    const state = { unacked: unacked.map(stanza => ({ name: JSON.parse(stanza).localName, stanza })) }
    Object.assign(page.last, { sm: { state } })
    if (unacked.length > 0) page.last.receives('failed')
    page.last.receives('iq', bind)
    page.last.becomes(Status.connected)
    return state
  }

  beforeEach(async () => {
    const binding = async () => ({ ...pageBinding, resumed: true })
    chat = new Chat({ Strophe: page.Strophe, binding, transport: 'websocket', history: 0 })
    chat.start()
    await passes(0)
    comes()
  })

  afterEach(() => chat.close())

  test.each(['enabled', 'failed'])('messages wait, and are confirmed by a ping after them (%s)', async answer => {
    chat.send('bob@localhost', 'one')
    const before = pings()
    await passes(0)
    expect(page.last.texts).toEqual([])
    page.last.receives(answer)
    await passes(0)
    expect(page.last.texts).toEqual(['one'])
    expect(pings()).toBeGreaterThan(before)
    chat.send('bob@localhost', 'two')
    expect(page.last.texts).toEqual(['one', 'two'])
  })

  test('a room that is left waits for the messages to it', async () => {
    chat.join('tea@rooms.localhost', 'Alice')
    chat.send('tea@rooms.localhost', 'Bye')
    chat.part('tea@rooms.localhost')
    const before = page.last.sent.length
    page.last.receives('enabled')
    await passes(0)
    expect(page.last.sentNames.slice(before, before + 2)).toEqual(['message', 'presence'])
  })

  test('messages wait for the next connection if this one breaks', async () => {
    chat.send('bob@localhost', 'one')
    page.last.becomes(Status.disconnected)
    page.last.receives('enabled')
    await passes(1_000)
    comes()
    expect(page.last.texts).toEqual([])
    page.last.receives('enabled')
    await passes(0)
    expect(page.last.texts).toEqual(['one'])
  })

  test('messages that an earlier connection may have lost wait too, and Strophe does not send them', async () => {
    page.last.receives('enabled')
    await passes(0)
    const id = chat.send('bob@localhost', 'one')
    page.last.becomes(Status.disconnected)
    await passes(1_000)
    const state = comes([xml('message', id), xml('presence'), xml('iq', '1')])
    expect(state.unacked.map(({ name }) => name)).toEqual(['presence'])
    chat.send('bob@localhost', 'two')
    expect(page.last.texts).toEqual(['one'])
    page.last.receives('enabled')
    await passes(0)
    expect(page.last.texts).toEqual(['one', 'one', 'two'])
  })

  test('Strophe itself sends a stanza of the page that names such a message, and none that has failed', async () => {
    page.last.receives('enabled')
    await passes(0)
    const [one, two] = ['one', 'two'].map(body => chat.send('bob@localhost', body))
    const error = fakeElement('error')
    page.last.replies(fakeElement('message', { type: 'error', id: two!, from: 'bob@localhost' }, error))
    page.last.becomes(Status.disconnected)
    await passes(1_000)
    const reaction = xml('message', 'reaction', fakeElement('reactions', { id: one! }))
    const state = comes([xml('message', one), xml('message', two), reaction])
    expect(state.unacked.map(({ stanza }) => stanza)).toEqual([reaction])
  })

  test('a page that is left for good sends them at once', async () => {
    chat.send('bob@localhost', 'one')
    chat.close()
    const { chat: brief } = page.open({ transport: 'websocket', keep: false, binding: async () => pageBinding })
    await passes(0)
    comes()
    brief.send('bob@localhost', 'two')
    expect(page.last.texts).toEqual([])
    page.occurs('pagehide')
    expect(page.last.texts).toEqual(['two'])
  })

  test('Strophe is not told of a stream that it cannot resume, because it would not begin another', () => {
    interface Storage {
      load(): unknown
      save(key: string, state: { readonly id: string | null; readonly unacked: readonly object[] }): void
    }
    let storage: Storage
    class Connection {
      constructor(_url: string, options: { readonly streamManagement: { readonly storage: Storage } }) {
        storage = options.streamManagement.storage
      }
    }
    const { kept } = createSocket({ Connection } as never)
    const state = { id: 's', unacked: [{ stanza: xml('message', 'one', fakeElement('replace', { id: 'two' })) }] }
    storage!.save('', state)
    expect([storage!.load(), kept()]).toEqual([state, ['one']])
    storage!.save('', { id: null, unacked: [] })
    expect([storage!.load(), kept()]).toEqual([null, []])
  })

  test('a connection is given up that falls silent after its login', async () => {
    await passes(9_999)
    expect(page.last.calls).toEqual(['connect'])
    await passes(1)
    expect(page.last.calls).toEqual(['connect', 'reset', 'disconnect'])
  })
})
