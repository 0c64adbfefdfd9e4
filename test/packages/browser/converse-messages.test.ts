import { describe, expect, jest, test } from '@jest/globals'
import { connectConverse, eachPage, pageBinding, passes } from '../../support/fake-page.js'
import { type FakeElement, fakeElement, fakeError, Status } from '../../support/fake-strophe.js'

const page = eachPage()

const binding = async () => ({ ...pageBinding, resumed: true })
const online = { bosh: Status.attached, websocket: Status.connected }

async function starts(options: object = {}) {
  void connectConverse({ binding, onStatus: page.onStatus, ...options })
  await passes(0)
}

async function goesOnline(transport: 'bosh' | 'websocket', source: () => Promise<object> = binding) {
  await starts({ binding: source, transport })
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
    // A server ends the stream of a client that names another session's JID (RFC 6120 §8.1.2.1), and so ends each next one.
    expect(page.last.sent[0]!.getAttribute('from')).toBeNull()
  },
)

// Converse repeats only what it has sent after `<enabled/>`, for which it waits first.
test('a message typed before Converse has logged in is sent after that', async () => {
  await starts({ transport: 'websocket' })
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

// With `attach`, Strophe says that it is attached before anything has passed.
test('over BOSH, Converse is online with the first answer', async () => {
  await starts({ transport: 'bosh' })
  page.last.becomes(Status.attached)
  expect(page.statuses.at(-1)?.state).toBe('connecting')
  page.last.receives('body')
  expect(page.statuses.at(-1)?.state).toBe('online')
})

test('Converse is offline as soon as the browser says so', async () => {
  await goesOnline('websocket')
  page.occurs('offline')
  await passes(0)
  expect(page.statuses.map(({ state }) => state)).toEqual(['connecting', 'online', 'offline'])
})

// Converse asks for what follows its newest message, and the user writes also without a connection.
test('after an outage, Converse asks the archive for all that came meanwhile', async () => {
  const asks = (time: string) => {
    const start = fakeElement('field', { var: 'start' }, fakeElement('value', {}, time))
    page.last.send(fakeElement('iq', { type: 'set' }, fakeElement('query', { xmlns: 'urn:xmpp:mam:2' }, start)))
    return page.last.sent.at(-1)!.textContent
  }
  await goesOnline('bosh')
  const later = new Date(Date.now() + 60_000).toISOString()
  expect(asks(later)).toBe(later)
  page.last.receives('body')
  const heard = new Date(Date.now()).toISOString()
  page.last.becomes(Status.disconnected)
  await passes(30_000)
  expect([asks(later), asks('2020-01-01T00:00:00.000Z')]).toEqual([heard, '2020-01-01T00:00:00.000Z'])
})

// The service ends a session for it, and would end each next one.
test.each(['bosh', 'websocket'] as const)(
  'a message that is too long for the service fails, and the others are sent, over %s',
  async transport => {
    await goesOnline(transport)
    page.last.xmlInput(fakeElement('iq'))
    page.last.receives('enabled')
    page.say('1', 'x'.repeat(20_000))
    page.say('2')
    page.last.becomes(Status.connectionFailed, 'policy-violation')
    page.last.becomes(Status.disconnected, 'policy-violation')
    await passes(2_000)
    page.last.xmlInput(fakeElement('iq'))
    page.last.becomes(online[transport])
    page.hears('reconnected')
    await passes(0)
    expect(page.last.texts).toEqual(['Hello'])
  },
)

describe('What a WebSocket may have lost', () => {
  const counting = (name: string, h: number) => fakeElement(name, { xmlns: 'urn:xmpp:sm:3', h: String(h) })
  const unacked = () =>
    (page.session['unacked_stanzas'] as readonly string[]).map(
      text => (JSON.parse(text) as FakeElement).attributes['id'],
    )
  /** Converse has logged in, and before that, it has read an element. */
  const comes = async (before: FakeElement, event = 'reconnected') => {
    page.last.xmlInput(before)
    if (before.localName === 'resumed') page.session['smacks_resumed'] = true
    page.last.becomes(before.localName === 'body' ? Status.attached : Status.connected)
    if (before.localName === 'iq') page.last.receives('enabled')
    page.hears(event)
    await passes(0)
    return page.last.texts
  }
  const breaks = async () => {
    page.last.becomes(Status.disconnected)
    await passes(2_000)
  }
  const bound = fakeElement('iq')
  const usesBosh = async () => {
    page.last.becomes(Status.connectionFailed)
    await passes(0)
    return comes(fakeElement('body', { xmlns: '' }))
  }
  const begins = async () => {
    await starts()
    await comes(bound, 'connected')
    page.say('1')
  }

  test('is sent once more if its stream cannot be resumed, until it is acknowledged', async () => {
    await begins()
    await breaks()
    expect(await comes(bound)).toEqual(['Hello'])
    page.last.xmlInput(counting('a', 1))
    await breaks()
    expect(await comes(bound)).toEqual([])
  })

  test('is sent once more over BOSH', async () => {
    await begins()
    await breaks()
    expect(await usesBosh()).toEqual(['Hello'])
    expect(unacked()).toEqual([])
  })

  test('is left to the next page as the service counts it', async () => {
    await begins()
    page.last.send(fakeElement('iq', { id: '2' }))
    page.last.xmlInput(counting('a', 1))
    page.occurs('pagehide')
    expect([unacked(), page.session['num_stanzas_handled_by_server']]).toEqual([['2'], 1])
  })

  test('is also sent once more if it is a retraction, which Converse sends past the module', async () => {
    await begins()
    const body = fakeElement('body', {}, 'This was retracted')
    page.last.send(fakeElement('message', { id: '2', type: 'chat', to: 'bob@localhost' }, body))
    await breaks()
    expect(await comes(bound)).toEqual(['Hello', 'This was retracted'])
  })

  test('is not what the service asks on an old connection', async () => {
    await begins()
    const old = page.last
    page.hears('will-log-in')
    await passes(2_000)
    old.send(fakeElement('iq', { id: '2' }))
    await comes(counting('resumed', 0))
    expect(unacked()).toEqual(['1'])
  })

  test('is unknown, and not sent again, if the server refuses to count', async () => {
    await starts()
    page.last.xmlInput(bound)
    page.last.becomes(Status.connected)
    page.last.send(fakeElement('enable'))
    page.last.receives('failed')
    page.hears('connected')
    await passes(0)
    page.say('1')
    await breaks()
    expect(await comes(bound)).toEqual([])
  })

  test('is also sent for the page before, in the same tab, before what the user types meanwhile', async () => {
    const body = fakeElement('body', {}, 'Before')
    const stanzas = [
      fakeElement('iq', { id: '2' }),
      fakeElement('message', { id: '3', type: 'chat', to: 'bob@localhost' }, body),
    ]
    // It was left while it changed to BOSH.
    const outgoing = [{ id: '3', xml: JSON.stringify(stanzas[1]) }]
    page.storage['warm-bindings'] = JSON.stringify({ jid: pageBinding.jid, outgoing })
    page.session['unacked_stanzas'] = stanzas.map(stanza => JSON.stringify(stanza))
    await starts()
    page.say('4')
    expect(await usesBosh()).toEqual(['Before', 'Hello'])
  })

  test('is what the last page of the tab has sent, if the user goes back to an earlier page', async () => {
    await begins()
    page.occurs('pagehide')
    const { hears, occurs, say, last } = page
    page.reload()
    await starts()
    await comes(counting('resumed', 1), 'connected')
    page.say('2', 'Later')
    page.occurs('pagehide')
    last.becomes(Status.disconnected)
    // Such an answer counts nothing that the later page has sent.
    last.xmlInput(counting('a', 1))
    occurs('pageshow', { persisted: true })
    say('3', 'Back')
    Object.assign(page, { hears })
    await passes(2_000)
    expect([last.texts, await comes(bound)]).toEqual([['Hello'], ['Later', 'Back']])
  })

  test('is not sent for another user', async () => {
    let user = 'alice'
    await starts({ guest: true, binding: async () => ({ ...pageBinding, jid: `${user}@localhost/1` }) })
    await comes(bound, 'connected')
    page.say('1')
    user = 'guest'
    await breaks()
    expect(await comes(bound)).toEqual([])
  })

  test('is left to Converse, with all that it does not count itself', async () => {
    await begins()
    page.last.send(fakeElement('iq', { id: '2' }))
    page.say('3')
    page.last.xmlInput(counting('a', 1))
    expect(unacked()).toEqual(['1', '2', '3'])
    await breaks()
    expect(await comes(counting('resumed', 2))).toEqual([])
    expect(unacked()).toEqual(['2', '3'])
    await breaks()
    expect(await comes(bound)).toEqual([])
  })

  test('is not forgotten if `<a/>` or `<resumed/>` has no count, and Converse gets the last count', async () => {
    await begins()
    page.say('2')
    page.last.xmlInput(counting('a', 1))
    const [ack, resumed] = [fakeElement('a'), fakeElement('resumed')]
    page.last.xmlInput(ack)
    page.last.xmlInput(counting('a', 1))
    await breaks()
    await comes(resumed)
    expect(unacked()).toEqual(['2'])
    expect([ack, resumed].map(({ attributes }) => attributes['h'])).toEqual(['1', '1'])
  })

  test('is known after a second break too, of which a ping of Converse tells', async () => {
    await begins()
    await breaks()
    await comes(counting('resumed', 1))
    page.say('2')
    expect(page.session['smacks_resumed']).toBe(false)
    const old = page.last
    page.hears('will-log-in')
    await passes(2_000)
    // The service may still send on the old connection.
    old.receives('enabled')
    old.receives('iq')
    old.isTold('mending', false)
    await comes(counting('resumed', 1))
    expect(unacked()).toEqual(['2'])
    await passes(500)
    expect(page.statuses).not.toContainEqual(expect.objectContaining({ code: 'mending' }))
  })
})

test('what a user does during a login, such as typing, is not sent: the service would refuse it', async () => {
  await starts({ transport: 'websocket' })
  page.say('1', '')
  expect(page.last.sentNames).toEqual([])
  page.last.becomes(Status.connected)
  page.say('1', '')
  expect(page.last.sentNames).toEqual(['message'])
})

// Plugins that listen to `connected` would never start.
test('Converse has connected before it can reconnect', async () => {
  const isReconnecting = () => Reflect.get(page.last, 'reconnecting')
  await starts({ transport: 'websocket' })
  for (const event of [undefined, 'connected', 'reconnected']) {
    page.last.becomes(Status.connected)
    if (event !== undefined) page.hears(event)
    await passes(0)
    page.last.becomes(Status.disconnected)
    await passes(10_000)
    expect(isReconnecting()).toBe(event !== undefined)
  }
})

test.each([
  ['between its login and `<enabled/>`', Status.connected],
  ['after Converse has reconnected by itself', undefined],
])('a WebSocket that falls silent %s is given up', async (_when, status) => {
  await starts({ transport: 'websocket' })
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

test('a message that waits in a hidden page is sent by the next page, although the browser discards the tab', async () => {
  const document = Reflect.get(globalThis, 'document')
  await goesOnline('bosh')
  page.last.becomes(Status.disconnected)
  document.visibilityState = 'hidden'
  page.say('1')
  expect(JSON.parse(page.storage['warm-bindings']!).outgoing).toHaveLength(1)
  document.visibilityState = 'visible'
  page.reload()
  await goesOnline('bosh')
  expect(page.last.texts).toEqual(['Hello'])
  expect(JSON.parse(page.storage['warm-bindings']!).tab).toBeUndefined()
})

test('a hidden page stores what waits also while it logs in, and if it is loaded without a network', async () => {
  const stored = () => JSON.parse(page.storage['warm-bindings']!).outgoing.length
  let isUp = true
  const source = async () => {
    if (isUp) return binding()
    throw new TypeError('no network')
  }
  await goesOnline('bosh', source)
  isUp = false
  page.last.becomes(Status.disconnected)
  await passes(0)
  Reflect.get(globalThis, 'document').visibilityState = 'hidden'
  page.say('1')
  const seen = [stored()]
  isUp = true
  await passes(10_000)
  seen.push(stored())
  isUp = false
  page.last.becomes(Status.disconnected)
  await passes(60_000)
  seen.push(stored())
  page.reload()
  await starts({ binding: source })
  expect([...seen, stored()]).toEqual([1, 1, 1, 1])
})

test('a message typed shortly before the page is left is sent', async () => {
  await starts({ transport: 'websocket' })
  page.last.receives('iq')
  page.last.becomes(Status.connected)
  page.say('1')
  page.occurs('pagehide')
  expect(page.last.texts).toEqual(['Hello'])
})

describe('What waits when its page is left', () => {
  const writesOffline = async (text = 'Hello', source: () => Promise<object> = binding) => {
    await goesOnline('bosh', source)
    page.last.becomes(Status.disconnected)
    await passes(0)
    page.say(text, text)
    page.occurs('pagehide')
  }

  /** Returns what the page then sends. */
  const goesBackTo = async ({ hears, occurs }: Pick<typeof page, 'hears' | 'occurs'>) => {
    occurs('pageshow', { persisted: true })
    await passes(2_000)
    page.last.becomes(Status.attached)
    hears('reconnected')
    await passes(0)
    return page.last.texts
  }

  test.each([
    ['is sent by the next page of the tab, and not again if the user goes back', true],
    ['is sent if the user goes back from another site', false],
  ])('%s', async (_what, isReloaded) => {
    await writesOffline()
    const before = { ...page }
    if (isReloaded) {
      page.reload()
      await goesOnline('bosh')
      expect(page.last.texts).toEqual(['Hello'])
    }
    expect(await goesBackTo(before)).toEqual(isReloaded ? [] : ['Hello'])
  })

  test.each([
    ['is all there if the user goes back, although the storage took only its beginning', false],
    ['is all sent once if the storage took only its beginning, and a later page has sent that', true],
  ])('%s', async (_what, isReloaded) => {
    await goesOnline('bosh')
    page.last.becomes(Status.disconnected)
    await passes(0)
    const texts = ['a', 'b'].map(letter => letter.repeat(3_000))
    for (const [index, text] of texts.entries()) page.say(String(index), text)
    const set = (storage: Record<string, string>, key: string, value: string) =>
      value.length < 5_000 && Reflect.set(storage, key, value)
    Object.assign(globalThis, { sessionStorage: new Proxy(page.storage, { set: set as never }) })
    page.occurs('pagehide')
    expect(JSON.parse(page.storage['warm-bindings']!).outgoing).toHaveLength(1)
    const before = { ...page }
    if (isReloaded) {
      page.reload()
      await goesOnline('bosh')
      expect(page.last.texts).toEqual([texts.shift()])
    }
    expect(await goesBackTo(before)).toEqual(texts)
  })

  test.each([
    ['alice', ['Hello']],
    ['bob', []],
  ])('is sent by no page of another user to which the user goes back, who is %s', async (name, sent) => {
    let user = 'alice'
    const ofUser = async () => ({ ...pageBinding, jid: `${user}@localhost/1`, resumed: true })
    await writesOffline('Hello', ofUser)
    const before = { ...page }
    page.reload()
    user = 'bob'
    await writesOffline('I am Bob', ofUser)
    user = name
    const texts = goesBackTo(before)
    expect(page.storage['warm-bindings']).toContain('I am Bob')
    expect(await texts).toEqual(sent)
  })

  test('is not sent again if its request has arrived in the session of a later page, and the user goes back', async () => {
    const later = { jid: 'alice@localhost/2', resumed: true, received: 5 }
    let next: object = {}
    await goesOnline('bosh', async () => ({ ...pageBinding, ...next }))
    page.occurs('pagehide')
    const before = { ...page }
    page.reload()
    await goesOnline('bosh', async () => ({ ...pageBinding, ...later, resumed: false }))
    page.say('1')
    page.last.xmlOutput(fakeElement('body', { rid: '5' }, ...page.last.sent))
    page.occurs('pagehide')
    next = later
    expect(await goesBackTo(before)).toEqual([])
  })

  test.each<[string, object, string[]]>([
    ['is sent if its request has not arrived', { resumed: true, received: 4 }, ['Hello']],
    ['is not sent if its request has arrived', { resumed: true, received: 5 }, []],
    ['is sent if this is unknown, as in a new session', { resumed: false }, ['Hello']],
  ])('%s', async (_what, next, sent) => {
    await goesOnline('bosh')
    page.say('1')
    page.last.xmlOutput(fakeElement('body', { rid: '5' }, ...page.last.sent))
    page.occurs('pagehide')
    page.reload()
    await goesOnline('bosh', async () => ({ ...pageBinding, ...next }))
    expect(page.last.texts).toEqual(sent)
  })
})

/** Faults that the page reports. */
function noteReports(): readonly unknown[] {
  const reported: unknown[] = []
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) })
  return reported
}

test('an exception in `onStatus` is reported, and does not stop Converse', async () => {
  const reported = noteReports()
  const fault = new TypeError('no such element')
  const onStatus = () => {
    throw fault
  }
  await starts({ onStatus, transport: 'bosh' })
  expect([page.connections.length, reported[0]]).toEqual([1, fault])
  page.last.becomes(Status.attached)
})

test('a message that comes back is sent again before others, although the first question to the server gets no answer', async () => {
  await goesOnline('bosh')
  page.say('1')
  const returned = fakeError('1')
  Object.assign(returned, { querySelectorAll: () => [], outerHTML: '' })
  page.last.receives('body', returned)
  // The link to the server is mended meanwhile, which takes longer than the question waits.
  page.last.answers(undefined, null)
  page.say('2', 'Later')
  page.last.answers()
  await passes(0)
  page.say('3', 'Now')
  expect(page.last.texts).toEqual(['Hello', 'Hello', 'Later', 'Now'])
})

// Two replies come over two connections, which a browser can read in either order.
test('over BOSH, a reply that arrives before an earlier one waits, unless it ends the session with a reason', async () => {
  await goesOnline('bosh')
  const { rid } = pageBinding
  expect(page.last.receivesReply(rid + 1, fakeElement('presence'))).toEqual([])
  expect(page.last.receivesReply(rid, fakeElement('iq'))).toEqual(['iq', 'presence'])
  const conflict = fakeElement('error', { xmlns: 'http://etherx.jabber.org/streams' })
  expect(page.last.receivesReply(rid + 3, conflict, 'terminate')).toEqual(['error'])
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
  void starts({ binding, transport: 'bosh' })
  for (let minute = 0; minute < 15; minute++) await passes(60_000)
  const pauses = asked.slice(1).map((at, index) => at - asked[index]!)
  expect(pauses[12]).toBe(60_000)
  expect(page.statuses.filter(({ state, retryIn }) => state === 'offline' && retryIn === undefined)).toEqual([])
})

test('a fault in a login of Converse ends the chat, and is reported', async () => {
  const reported = noteReports()
  const websocket = { url: 'http://[', token: 't' }
  await starts({ binding: async () => ({ ...pageBinding, websocket }) })
  expect(page.statuses.at(-1)).toMatchObject({ state: 'ended', code: 'refused' })
  expect(reported).toMatchObject([{ code: 'ERR_INVALID_URL' }])
})
