import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { connectConverse, eachPage, pageBinding, passes } from '../../support/fake-page.js'
import { type FakeElement, fakeElement, Status } from '../../support/fake-strophe.js'

const page = eachPage()

const binding = async () => ({ ...pageBinding, resumed: true })
const online = { bosh: Status.attached, websocket: Status.connected }

async function goesOnline(transport: 'bosh' | 'websocket') {
  void connectConverse({ binding, transport })
  await passes(0)
  page.last.becomes(online[transport])
  page.hears('connected')
  await passes(0)
}

// After the first stanza the service delivers what waits, and Converse would lose it.
test.each(['bosh', 'websocket'] as const)(
  'a message typed without a connection is sent when Converse takes messages, over %s',
  async transport => {
    await goesOnline(transport)
    page.last.becomes(Status.disconnected)
    await passes(0)
    page.say('1')
    await passes(10_000)
    page.last.becomes(online[transport])
    await passes(0)
    expect(page.connections.flatMap(({ sentNames }) => sentNames)).toEqual([])
    page.hears('reconnected')
    await passes(0)
    expect(page.connections.flatMap(({ sentNames }) => sentNames)).toEqual(['message'])
  },
)

test('a message is followed by a request for its acknowledgement once stream management has begun', async () => {
  await goesOnline('websocket')
  page.say('1')
  page.last.receives('enabled')
  page.say('2')
  expect(page.last.sentNames).toEqual(['message', 'message', 'r'])
})

// Converse repeats only what it has sent after `<enabled/>`, for which it waits first.
test('a message typed before Converse has logged in is sent after that', async () => {
  void connectConverse({ binding, transport: 'websocket' })
  await passes(0)
  page.last.becomes(online.websocket)
  page.say('1')
  expect(page.last.sentNames).toEqual([])
  page.last.receives('enabled')
  page.hears('connected')
  await passes(0)
  expect(page.last.sentNames).toEqual(['message', 'r'])
})

// The service and the server count what the page sends: what Converse repeats must not follow new stanzas.
test('what Converse repeats after a resumption is not delayed', async () => {
  await goesOnline('websocket')
  page.last.receives('enabled')
  page.last.becomes(Status.disconnected)
  await passes(10_000)
  page.last.receives('resumed')
  page.say('1')
  expect(page.last.sentNames).toEqual(['message', 'r'])
})

describe('What a WebSocket may have lost', () => {
  const xml = (id: string, ...inside: FakeElement[]) => JSON.stringify(fakeElement('message', { id }, ...inside))
  const isUnacked = (...stanzas: readonly string[]) =>
    Object.assign(page.session, { smacks_stream_id: 's', unacked_stanzas: stanzas })
  /** Converse has logged in, and `before` that, it has read an element. */
  const comes = async (before: 'body' | 'iq' | 'resumed', event = 'reconnected') => {
    page.last.receives(before)
    if (before === 'resumed') page.session['smacks_resumed'] = true
    page.last.becomes(before === 'body' ? Status.attached : Status.connected)
    if (before === 'iq') page.last.receives('enabled')
    page.hears(event)
    await passes(0)
    return page.last.texts
  }
  const breaks = async () => {
    page.last.becomes(Status.disconnected)
    await passes(1_000)
  }
  /** As the plugin of Converse that pings, after which a stream that was resumed is forgotten. */
  const reconnects = async () => {
    if (page.session['smacks_resumed'] === true)
      Object.assign(page.session, { smacks_stream_id: null, unacked_stanzas: [] })
    page.hears('will-log-in')
    await passes(1_000)
  }

  beforeEach(async () => {
    void connectConverse({ binding })
    await passes(0)
    await comes('iq', 'connected')
    page.say('1')
  })

  test('is sent once more if its stream cannot be resumed', async () => {
    isUnacked(xml('1'))
    await breaks()
    expect(await comes('iq')).toEqual(['Hello'])
    isUnacked()
    await breaks()
    expect(await comes('iq')).toEqual([])
  })

  test('is sent once more over BOSH', async () => {
    isUnacked(xml('1'))
    await breaks()
    page.last.becomes(Status.connectionFailed)
    await passes(0)
    expect(await comes('body')).toEqual(['Hello'])
  })

  test('is no message that another one names', async () => {
    isUnacked(xml('2', fakeElement('replace', { id: '1' })))
    await breaks()
    expect(await comes('iq')).toEqual([])
  })

  test('is not sent again long after its stream was resumed', async () => {
    isUnacked(xml('1'))
    await breaks()
    await comes('resumed')
    isUnacked()
    await reconnects()
    expect(await comes('iq')).toEqual([])
  })

  test('is known after a second break too, of which a ping of Converse tells', async () => {
    isUnacked()
    await breaks()
    await comes('resumed')
    page.say('2')
    isUnacked(xml('2'))
    await reconnects()
    expect(page.session).toMatchObject({ smacks_stream_id: 's', unacked_stanzas: [xml('2')] })
  })
})

test.each([
  ['between its login and `<enabled/>`', Status.connected],
  ['after Converse has reconnected by itself', undefined],
])('a WebSocket that falls silent %s is given up', async (_when, status) => {
  void connectConverse({ binding, transport: 'websocket' })
  await passes(0)
  page.last.receives('iq')
  page.last.becomes(Status.connected)
  if (status === undefined) {
    page.hears('connected')
    await passes(0)
    page.hears('will-log-in')
    await passes(1_000)
  }
  const { calls } = page.last
  await passes(20_000)
  expect(calls.slice(0, 3)).toEqual(['connect', 'reset', 'disconnect'])
})

test('a message typed shortly before the page is left is sent', async () => {
  void connectConverse({ binding, transport: 'websocket' })
  await passes(0)
  page.last.receives('iq')
  page.last.becomes(Status.connected)
  page.say('1')
  page.occurs('pagehide')
  expect(page.last.texts).toEqual(['Hello'])
})

test('an exception in `onStatus` is reported, and does not stop Converse', async () => {
  const reported: unknown[] = []
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) })
  const fault = new TypeError('no such element')
  void connectConverse({
    binding,
    transport: 'bosh',
    onStatus() {
      throw fault
    },
  })
  await passes(0)
  expect([page.connections.length, reported[0]]).toEqual([1, fault])
  page.last.becomes(Status.attached)
})

test('a message that comes back is sent again, although the first question to the server gets no answer', async () => {
  await goesOnline('bosh')
  page.say('1')
  const error = fakeElement('error', {}, fakeElement('remote-server-timeout'))
  const returned = fakeElement('message', { type: 'error', id: '1', from: 'bob@localhost' }, error)
  Object.assign(returned, { querySelector: () => null, outerHTML: '' })
  page.last.receives('body', returned)
  // The link to the server is mended meanwhile, which takes longer than the question waits.
  page.last.answers(undefined, null)
  page.last.answers()
  await passes(0)
  expect(page.last.sentNames.filter(name => name === 'message')).toEqual(['message', 'message'])
})

// Two replies come over two connections, which a browser can read in either order.
test('stanzas over BOSH keep their order if a reply arrives before an earlier reply', async () => {
  await goesOnline('bosh')
  const { rid } = pageBinding
  expect(page.last.receivesReply(rid + 1, fakeElement('presence'))).toEqual([])
  expect(page.last.receivesReply(rid, fakeElement('iq'))).toEqual(['iq', 'presence'])
})

test('the end of a BOSH session that arrives before an earlier reply keeps its reason', async () => {
  await goesOnline('bosh')
  const conflict = fakeElement('error', { xmlns: 'http://etherx.jabber.org/streams' })
  expect(page.last.receivesReply(pageBinding.rid + 1, conflict, 'terminate')).toEqual(['error'])
})

test('Converse takes one message at a time, and does not wait long for one that takes long', async () => {
  const taken: string[] = []
  const ends: (() => void)[] = []
  page.exports.handleMessageStanza = ({ id }) => {
    taken.push(id)
    if (id === 'broken') return Promise.reject(new Error('no chat'))
    return new Promise<void>(resolve => void ends.push(resolve))
  }
  void connectConverse({ binding })
  jest.spyOn(console, 'error').mockImplementation(() => {})
  for (const id of ['1', 'broken', '2', '3']) void page.exports.handleMessageStanza({ id })
  await passes(0)
  expect(taken).toEqual(['1'])
  ends[0]!()
  await passes(0)
  expect(taken).toEqual(['1', 'broken', '2'])
  await passes(5_000)
  expect(taken).toEqual(['1', 'broken', '2', '3'])
})

test('a visible page that has tried often goes on each minute', async () => {
  const asked: number[] = []
  const binding = async () => {
    asked.push(Date.now())
    throw new Error('There is no chat.')
  }
  void connectConverse({ binding, transport: 'bosh', onStatus: page.onStatus })
  for (let minute = 0; minute < 15; minute++) await passes(60_000)
  const pauses = asked.slice(1).map((at, index) => at - asked[index]!)
  expect(pauses[12]).toBe(60_000)
  expect(page.statuses.filter(({ state, retryIn }) => state === 'offline' && retryIn === undefined)).toEqual([])
})

test('a fault in a login of Converse ends the chat, and is reported', async () => {
  const reported: unknown[] = []
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) })
  const websocket = { url: 'http://[', token: 't' }
  void connectConverse({ binding: async () => ({ ...pageBinding, websocket }), onStatus: page.onStatus })
  await passes(0)
  expect(page.statuses.at(-1)).toMatchObject({ state: 'ended', code: 'refused' })
  expect(reported).toMatchObject([{ code: 'ERR_INVALID_URL' }])
})
