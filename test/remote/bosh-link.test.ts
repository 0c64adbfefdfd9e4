import { describe, expect, jest, test } from '@jest/globals'
import { WaitingMemory } from '../../src/lib/limits/waiting-memory.js'
import { BoshLink } from '../../src/remote/bosh-link.js'
import { createEndpoint, type Endpoint } from '../../src/remote/endpoint.js'
import type { EndpointSession } from '../../src/remote/endpoint-session.js'
import { RemoteFault } from '../../src/remote/remote-fault.js'
import type { LinkEnd, LinkEvents } from '../../src/xmpp/link.js'
import { childrenOf } from '../../src/xmpp/xml/document.js'
import { calledAfterEach } from '../support/closers.js'
import { isCollected } from '../support/collected.js'
import { element } from '../support/element.js'
import { eventually } from '../support/eventually.js'
import { type EndpointRequest, ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { unnoted } from '../support/unlimited.js'
import { endpointParts, staysUnasked } from './parts.js'

const closers = calledAfterEach()

const streams = 'http://etherx.jabber.org/streams'
const features = `<stream:features xmlns:stream='${streams}'/>`
const agreed = (hold: number, requests: number, polling = 5) =>
  ` sid='s1' wait='60' hold='${hold}' requests='${requests}' inactivity='30' polling='${polling}' authid='a1' from='far.example'`
const terms = agreed(1, 2)
const message = (text: string) => `<message xmlns='jabber:client'><body>${text}</body></message>`
const presence = "<presence xmlns='jabber:client'/>"

async function open(
  options: {
    domain?: string
    from?: string
    encrypted?: boolean
    endpoint?: Promise<Endpoint>
    maxReplyBytes?: number | undefined
    onElement?: LinkEvents['onElement']
  } = {},
) {
  const there = await ScriptedEndpoint.start()
  const { maxReplyBytes = 65_536 } = options
  const parts = endpointParts({ maxReplyBytes })
  const endpoint = createEndpoint(there.url, parts)
  const told: string[] = []
  const drops: 'dropped'[] = []
  const ends: LinkEnd[] = []
  const drained = jest.fn()
  const sessions = new Set<EndpointSession>()
  const waiting = new WaitingMemory()
  const { from, encrypted = false, domain = 'far.example' } = options
  const link = new BoshLink(
    { lang: 'de', from },
    {
      onOpen: ({ id, from: sender }) => told.push(`open ${id} ${sender}`),
      onElement: options.onElement ?? (({ text }) => told.push(text)),
      onDropped: () => void drops.push('dropped'),
      onFlush: () => told.push('flush'),
      onDrain: drained,
      onEnd: end => {
        ends.push(end)
        const { step, code, condition } = end.failure
        told.push(`end ${step} ${code}${condition === undefined ? '' : ` ${condition}`}`)
      },
    },
    {
      ...{ domain, clock: parts.clock, waiting, open: sessions, onFailed: unnoted, stateOf: () => undefined },
      endpoint: options.endpoint ?? Promise.resolve(endpoint),
      facts: { encrypted, plainAllowed: encrypted },
    },
  )
  closers.push(
    () => there.stop(),
    () => endpoint.close(),
  )
  const { clock } = parts
  /** Returns the next request, after the pause between requests. */
  const next = (pause = 1000) => {
    clock.advance(pause)
    return there.request()
  }
  const rests = (timers = 1) => eventually('it rests', () => clock.pending === timers)
  const send = (...texts: readonly string[]) => {
    for (const text of texts) link.send([element(message(text))])
  }
  return {
    ...{ there, link, told, drops, ends, drained, clock, waiting, sessions, send, next, rests },
    /** Resolves with all that is told. */
    async hears(line: string) {
      await eventually(`${line} is told`, () => told.some(each => each.startsWith(line)))
      return told
    },
    isGone: () => eventually('nothing is left', () => sessions.size + clock.pending + there.open === 0),
    /** Sends a message. Returns the next request. */
    asks(text: string) {
      send(text)
      return next()
    },
    /** The link sends no request before so many milliseconds have passed. */
    async asksAfter(milliseconds: number) {
      clock.advance(milliseconds - 1)
      await staysUnasked(there)
      return next(1)
    },
    /** Returns the next empty request, once `timers` timers are pending. */
    async poll(timers?: number) {
      await rests(timers)
      return next(10)
    },
  }
}

/** The stream is open, and its client has sent nothing. */
async function streaming(options?: Parameters<typeof open>[0], agreed = terms) {
  const call = await open(options)
  const creation = await call.there.request()
  creation.answer(features, agreed)
  await call.hears('flush')
  return { ...call, creation }
}

/** The client has sent a stanza, and the endpoint holds a request. */
async function opened(options?: Parameters<typeof open>[0]) {
  const call = await streaming(options)
  call.link.send([element(presence)])
  const held = await call.there.request()
  call.told.length = 0
  return { ...call, held }
}

const said = ({ body }: EndpointRequest) => body.replace(/ rid='\d+'/, '')
const plain = (inside: string, attributes = '') =>
  `<body sid='s1'${attributes} xmlns='http://jabber.org/protocol/httpbind'${inside === '' ? '/>' : `>${inside}</body>`}`

describe('opening a stream at a remote BOSH endpoint', () => {
  test('sends all attributes that servers require', async () => {
    const { there } = await open({ from: 'juliet@far.example' })
    const creation = await there.request()
    expect(said(creation)).toBe(
      "<body to='far.example' xml:lang='de' xmlns:xmpp='urn:xmpp:xbosh' wait='50' hold='1' ver='1.6' content='text/xml; charset=utf-8' xmpp:version='1.0' xmlns='http://jabber.org/protocol/httpbind'/>",
    )
    expect(creation.rid).toBeGreaterThan(0)
  })

  test('sends the user’s JID over TLS, with U-labels, because servers expect them', async () => {
    const domain = 'xn--bcher-kva.example'
    const { there, link } = await open({ domain, from: `ju'liet@${domain}`, encrypted: true })
    expect(link.facts).toEqual({ encrypted: true, plainAllowed: true })
    const creation = await there.request()
    expect(creation.body).toContain(" from='ju&apos;liet@bücher.example' ")
    creation.answer(features, terms)
    link.restart()
    expect((await there.request()).body).toContain(" to='bücher.example'")
  })

  test('fetches features that come later, although every reply repeats other elements', async () => {
    const { there, hears, poll } = await open()
    ;(await there.request()).answer('', terms)
    const second = await poll(2)
    expect(said(second)).toBe(plain(''))
    second.answer(`<stream:features/>`, `${terms} xmlns:stream='${streams}' charsets='utf8'`)
    expect(await hears('flush')).toEqual(['open a1 far.example', features, 'flush'])
  })

  test('keeps no reference to the login after the session has started', async () => {
    const { link } = await streaming()
    const login = new WeakRef(link.events)
    link.events = { onElement() {}, onEnd() {} }
    expect(await isCollected(login)).toBe(true)
    link.close()
  })

  test('fails if no features arrive within 10 s', async () => {
    const { there, told, clock, hears, poll, isGone } = await open()
    ;(await there.request()).answer('', terms)
    const held = await poll(2)
    clock.advance(9000)
    expect(told).toEqual([])
    clock.advance(1000)
    expect(await hears('end')).toEqual(['end features timeout'])
    const terminate = await there.request()
    expect(said(terminate)).toBe(plain('', " type='terminate'"))
    expect(terminate.rid).toBe(held.rid + 1)
    held.answer()
    terminate.answer('', " type='terminate'")
    await isGone()
  })

  test.each([
    ['without a sid', 200, '<body xmlns="http://jabber.org/protocol/httpbind"/>', 'remote-protocol-error'],
    ['that is no body', 200, '<message xmlns="jabber:client"/>', 'remote-protocol-error'],
    ['that is no XML', 200, 'It works!', 'remote-protocol-error'],
    ['with HTTP 404', 404, 'Not Found', 'host-unknown'],
    ['with HTTP 403', 403, 'Forbidden', 'remote-connection-failed policy-violation'],
    ['with a redirect', 302, '', 'remote-protocol-error'],
  ])('fails for a reply %s', async (_, status, text, code) => {
    const { there, hears, isGone } = await open()
    ;(await there.request()).send(status, text)
    expect(await hears('end')).toEqual([`end ${status === 404 ? 'connect' : 'features'} ${code}`])
    await isGone()
    await staysUnasked(there)
  })

  test('fails if there is no endpoint', async () => {
    const fault = new RemoteFault({ step: 'resolve', code: 'host-unknown' })
    const { hears, isGone } = await open({ endpoint: Promise.reject(fault) })
    expect(await hears('end')).toEqual(['end resolve host-unknown'])
    await isGone()
  })

  test('for a restart uses the same stream prefix, in a separate request', async () => {
    const { link, held, hears, next, send, asks } = await opened()
    const second = await asks('before')
    send('still before')
    link.restart({ lang: 'fr' })
    send('behind')
    held.answer()
    const third = await next()
    expect(third.payload).toBe(message('still before'))
    second.answer()
    const fourth = await next()
    expect(said(fourth)).toBe(
      plain('', " to='far.example' xml:lang='fr' xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true'"),
    )
    third.answer()
    expect((await next()).payload).toBe(message('behind'))
    fourth.answer(features)
    expect(await hears('flush')).toEqual(['open a1 far.example', features, 'flush'])
  })

  test('for a restart fails if no features arrive', async () => {
    const { link, clock, held, hears } = await opened()
    held.answer()
    link.restart({})
    clock.advance(10_000)
    expect(await hears('end')).toEqual(['end features timeout'])
  })
})

describe('an open link to a remote endpoint', () => {
  test('delivers elements with their namespaces, drops those that seem to be ours, and asks again', async () => {
    const { drops, held, hears, poll } = await opened()
    const ours =
      "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='wss://evil.example/'/><body type='terminate'/>"
    held.answer(
      ours +
        "<message><body>1</body></message><x:iq xmlns:x='jabber:client'/><presence xmlns='jabber:client' a:b='c'/>",
      " xmlns:a='urn:a'",
    )
    expect(await hears('flush')).toEqual([
      "<message xmlns='jabber:client'><body>1</body></message>",
      "<x:iq xmlns:x='jabber:client'/>",
      "<presence xmlns:a='urn:a' xmlns='jabber:client' a:b='c'/>",
      'flush',
    ])
    expect(drops).toEqual(['dropped', 'dropped'])
    expect(said(await poll())).toBe(plain(''))
  })

  test.each([
    ['has too many', ''],
    ['has too many and is too long', ' '.repeat(500_000)],
  ])('drops stanzas of a reply that %s', async (_what, rest) => {
    const { told, drops, held, hears } = await opened({ maxReplyBytes: 500_000 })
    held.answer(presence.repeat(10_003) + rest)
    await hears('flush')
    expect([told.length, drops]).toEqual([10_001, ['dropped', 'dropped', 'dropped']])
  })

  const inheriting = `<iq xmlns='jabber:client' xmlns:p='${'x'.repeat(200)}'>${'<p:a/>'.repeat(100)}</iq>`

  test.each([
    ['ten times too many stanzas', '<iq/>'.repeat(100_001), 1_000_000],
    ['too many other elements', '<a/>'.repeat(10_001), 1_000_000],
    ['ten times too many stanzas, and is too long', '<iq/>'.repeat(100_001), 65_536],
    ['too many other elements, and is too long', '<a/>'.repeat(20_000), 65_536],
    ['a stream id that is too long', '', undefined, ` authid='${'x'.repeat(1024)}'`],
    ['an element whose children would inherit too long declarations', inheriting, undefined],
  ])('ends with a reply that has %s', async (_what, inner, maxReplyBytes, attributes = '') => {
    const { held, hears } = await opened({ maxReplyBytes, onElement: ({ text }) => void childrenOf(text) })
    held.answer(inner, attributes)
    expect(await hears('end')).toEqual(['end features remote-protocol-error'])
  })

  test('holds one request while idle, sends data with another, and collects more data', async () => {
    const { there, link, held, drained, next, send, asks } = await opened()
    const second = await asks('one')
    expect(second.payload).toBe(message('one'))
    expect(link.backlog).toBe(0)
    send('two', 'three')
    await staysUnasked(there)
    expect(link.backlog).toBe((message('two') + message('three')).length)
    expect(drained).not.toHaveBeenCalled()
    // Each endpoint with `hold` 1 does this.
    held.answer()
    const third = await next()
    expect(third.payload).toBe(message('two') + message('three'))
    expect(link.backlog).toBe(0)
    expect(drained).toHaveBeenCalledTimes(1)
    second.answer()
    await second.over
    await staysUnasked(there)
    expect(there).toMatchObject({ open: 1, mostOpen: 2 })
  })

  test('sends a request only after the last has arrived, because some endpoints need this', async () => {
    const { there, held, hears, send, asksAfter } = await opened()
    // This request uses the connection of an earlier request.
    send('one')
    const second = await asksAfter(500)
    expect(second.rid).toBe(held.rid + 1)
    // The endpoint may have sent this before it got the last request.
    held.answer(message('by chance'))
    await hears('flush')
    // The last request used a new connection, which a busy server reads late.
    send('two')
    expect((await asksAfter(1000)).payload).toBe(message('two'))
    // An empty reply shows that the last has arrived.
    send('three')
    second.answer()
    expect((await there.request()).payload).toBe(message('three'))
  })

  test('limits the size of a request, because endpoints do so', async () => {
    const { link, held, next, asks } = await opened()
    const large = message('x'.repeat(200_000))
    const second = await asks('one')
    for (let sent = 0; sent < 3; sent++) link.send([element(large)])
    for (const before of [held, second]) {
      before.answer()
      expect((await next()).payload).toBe(large)
    }
  })

  test('requests nothing while it is paused, reads the held reply, and keeps the session', async () => {
    const { there, link, told, held, clock, hears, asksAfter } = await opened()
    link.pause()
    held.answer(message('still comes'))
    await hears('flush')
    const poll = await asksAfter(15_000)
    poll.answer()
    await poll.over
    await eventually('it rests again', () => clock.pending === 1)
    link.resume()
    // After an immediate empty answer, the next request waits for `polling`.
    await staysUnasked(there)
    clock.advance(5000)
    expect(said(await there.request())).toBe(plain(''))
    expect(told).toEqual([message('still comes'), 'flush'])
  })

  test('keeps the session alive while its client sends nothing', async () => {
    const { asksAfter } = await streaming()
    expect(said(await asksAfter(15_000))).toBe(plain(''))
  })
})

test.each([
  [5, 5000],
  [0, 1000],
])(
  'an endpoint that does not hold requests, and says polling=%i, gets one after %i ms',
  async (polling, milliseconds) => {
    const { there, link, hears, poll, send, asksAfter, rests } = await streaming({}, agreed(0, 1, polling))
    link.send([element(presence)])
    const sent = await there.request()
    sent.answer()
    const first = await poll()
    first.answer()
    await rests()
    const second = await asksAfter(milliseconds)
    second.answer(message('news'))
    await hears(message('news'))
    const third = await poll()
    // Stanzas do not wait for `polling`, but the endpoint accepts only one request.
    send('now')
    await staysUnasked(there)
    third.answer()
    expect((await there.request()).payload).toBe(message('now'))
    expect(there.mostOpen).toBe(1)
  },
)

describe('a request whose connection breaks', () => {
  const breaks: readonly [string, (request: EndpointRequest) => void][] = [
    ['without an answer', request => request.break()],
    [
      'in the middle of the answer',
      request => {
        request.begin('<body', { 'Content-Length': '99' })
        setImmediate(() => request.break())
      },
    ],
    ['by a proxy', request => request.send(502, 'Bad Gateway')],
    ['by an answer that says so', request => request.answer('', " type='error'")],
  ]

  test.each(breaks)(
    '%s each time is repeated with the same rid until the endpoint may have ended the session',
    async (_, act) => {
      const { there, told, held, clock, hears, isGone, rests } = await opened()
      act(held)
      for (const pause of [0, 250, 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000]) {
        if (pause > 0) {
          await rests()
          clock.advance(pause - 1)
          expect(clock.pending).toBe(1)
          clock.advance(1)
        }
        const again = await there.request()
        expect(again.body).toBe(held.body)
        expect(told).toEqual([])
        act(again)
      }
      expect(await hears('end')).toEqual(['end features remote-connection-failed'])
      const terminate = await there.request()
      expect(said(terminate)).toBe(plain('', " type='terminate'"))
      expect(terminate.rid).toBe(held.rid + 1)
      terminate.answer('', " type='terminate'")
      await isGone()
    },
  )

  test('together with the next request is repeated first', async () => {
    const { there, held, clock, hears, asks, rests } = await opened()
    const second = await asks('hello')
    second.break()
    await second.over
    held.break()
    const again = await there.request()
    expect(again.body).toBe(held.body)
    // The next request waits too, even after its own pause.
    clock.advance(999)
    await staysUnasked(there)
    again.break()
    await rests()
    clock.advance(250)
    const third = await there.request()
    expect(third.body).toBe(held.body)
    third.answer(message('first'))
    const last = await there.request()
    expect(last.body).toBe(second.body)
    last.answer(message('second'))
    expect(await hears(message('second'))).toEqual([message('first'), 'flush', message('second'), 'flush'])
  })

  test('may get item-not-found if the endpoint has already answered the next request', async () => {
    const { there, held, hears, poll, asks } = await opened()
    const second = await asks('hello')
    held.break()
    const again = await there.request()
    again.answer('', " type='terminate' condition='item-not-found'")
    await again.over
    second.answer(message('here you are'))
    expect(await hears('flush')).toEqual([message('here you are'), 'flush'])
    expect((await poll()).rid).toBe(held.rid + 2)
  })

  test('ends the link if this request and the next get item-not-found', async () => {
    const { there, held, hears, asks } = await opened()
    const second = await asks('hello')
    held.break()
    const again = await there.request()
    for (const request of [again, second]) {
      request.answer('', " type='terminate' condition='item-not-found'")
      await request.over
    }
    expect(await hears('end')).toEqual(['end features remote-connection-failed item-not-found'])
  })

  test('because a proxy has a shorter timeout than its wait is repeated', async () => {
    const { there, told, held, clock } = await opened()
    let request = held
    for (let time = 0; time < 10; time++) {
      clock.advance(30_000)
      request.send(504, 'Gateway Timeout')
      request = await there.request()
      expect(request.body).toBe(held.body)
    }
    expect(told).toEqual([])
  })

  test('is repeated also if it creates the session', async () => {
    const { there, hears } = await open()
    const first = await there.request()
    first.break()
    const second = await there.request()
    expect(second.body).toBe(first.body)
    second.answer(features, terms)
    expect(await hears('flush')).toHaveLength(3)
  })

  test('because the reply is overdue is repeated', async () => {
    const { held, hears, clock, asksAfter } = await opened()
    const again = await asksAfter(65_000)
    expect(again.body).toBe(held.body)
    expect(await held.over).toBe('gone')
    clock.advance(65_000)
    expect(await hears('end')).toEqual(['end features timeout'])
  })
})

describe('the end of a session at a remote endpoint', () => {
  const ending = " type='terminate' condition='system-shutdown'"

  test.each<[string, string, (held: EndpointRequest) => void]>([
    ['the endpoint', 'system-shutdown', held => held.answer('<text>Farewell</text>', ending)],
    ['HTTP 404', 'item-not-found', held => held.send(404, '')],
    ['HTTP 403', 'policy-violation', held => held.send(403, '')],
    ['HTTP 400', 'bad-request', held => held.send(400, '')],
  ])('by %s is reported as %s', async (_what, condition, end) => {
    const { there, held, hears, isGone } = await opened()
    end(held)
    expect(await hears('end')).toEqual([`end features remote-connection-failed ${condition}`])
    await isGone()
    await staysUnasked(there)
  })

  test.each([
    ['conflict', 'remote-stream-error conflict'],
    ['host-unknown', 'host-unknown host-unknown'],
  ])('by a stream error %s is reported with that error', async (condition, outcome) => {
    const { ends, held, hears } = await opened()
    const error = `<stream:error xmlns:stream='${streams}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
    held.answer(error, " type='terminate' condition='remote-stream-error'")
    expect(await hears('end')).toEqual([`end features ${outcome}`])
    expect(ends[0]?.streamError).toBe(error)
  })

  test('may be a stream error in an ordinary reply', async () => {
    const { there, held, hears } = await opened()
    held.answer(
      `${message('last')}<stream:error xmlns:stream='${streams}'><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
    )
    expect(await hears('end')).toEqual([message('last'), 'end features remote-stream-error reset'])
    expect(said(await there.request())).toContain("type='terminate'")
  })

  test('by the endpoint comes after earlier elements of the same reply', async () => {
    const { held, hears, isGone, asks } = await opened()
    const second = await asks('ping')
    second.answer(message('farewell'), ending)
    await second.over
    held.answer(message('first'))
    expect(await hears('end')).toEqual([
      ...[message('first'), 'flush', message('farewell'), 'flush'],
      'end features remote-connection-failed system-shutdown',
    ])
    await isGone()
  })

  test('leaves what the endpoint may lack to the client, once and in order', async () => {
    const { there, link, held, hears, send, asks } = await opened()
    const second = await asks('one')
    send('two', 'three')
    second.answer('<broken')
    expect(await hears('end')).toEqual(['end features remote-protocol-error'])
    // What the client gets back must not be the last words to the endpoint, too.
    expect(said(await there.request())).toBe(plain('', " type='terminate'"))
    expect(link.isBroken).toBe(true)
    const taken = () => link.takeUnconfirmed().map(({ text }) => text)
    expect(taken()).toEqual([presence, message('one'), message('two'), message('three')])
    expect(taken()).toEqual([])
    held.answer()
  })

  test.each([
    ['does not leave what the endpoint has answered, or has shown to have', 0, []],
    ['leaves a request whose predecessor was answered only because its time was over', 59_500, [message('one')]],
  ])('%s', async (_what, milliseconds, left) => {
    const { link, clock, held, hears, asks } = await opened()
    clock.advance(milliseconds)
    const second = await asks('one')
    held.answer()
    await held.over
    second.send(404, '')
    await hears('end')
    expect(link.takeUnconfirmed().map(({ text }) => text)).toEqual(left)
  })

  test('by this service includes unsent data, and waits for open requests', async () => {
    const { there, link, told, held, sessions, next, isGone, send, asks } = await opened()
    const second = await asks('one')
    send('two', 'three')
    link.close()
    const terminate = await next()
    expect(said(terminate)).toBe(plain(message('two') + message('three'), " type='terminate'"))
    expect(terminate.rid).toBe(held.rid + 2)
    terminate.answer('', " type='terminate'")
    held.answer()
    expect(sessions.size).toBe(1)
    second.answer(message('too late'))
    await isGone()
    expect(told).toEqual([])
    send('four')
    link.close()
    await staysUnasked(there)
  })

  test('by this service is repeated if its connection breaks, because it has the last stanzas', async () => {
    const { there, link, held, next, isGone, send, asks } = await opened()
    const second = await asks('one')
    send('two')
    link.close()
    const terminate = await next()
    held.answer()
    second.answer()
    await Promise.all([held.over, second.over])
    terminate.break()
    const again = await Promise.race([there.request(), isGone().then(() => undefined)])
    expect(again?.body).toBe(terminate.body)
    again?.answer('', " type='terminate'")
    await isGone()
    await staysUnasked(there)
  })

  test('by this service waits five seconds at most', async () => {
    const { there, link, held, clock, next, isGone } = await opened()
    link.close()
    const terminate = await next()
    clock.advance(4989)
    expect(there.open).toBe(2)
    clock.advance(1)
    expect(await Promise.all([terminate.over, held.over])).toEqual(['gone', 'gone'])
    await isGone()
  })

  test('by this service before the endpoint is found sends nothing', async () => {
    let found: (endpoint: Endpoint) => void = () => {}
    const endpoint = new Promise<Endpoint>(resolve => {
      found = resolve
    })
    const { there, link, told, sessions, clock } = await open({ endpoint })
    link.close()
    expect(sessions.size + clock.pending).toBe(0)
    found(createEndpoint(there.url, endpointParts()))
    await new Promise(resolve => setImmediate(resolve))
    expect(there.connections).toBe(0)
    expect(told).toEqual([])
  })
})

describe('a reply that has not arrived completely', () => {
  const beginning = `<body xmlns='http://jabber.org/protocol/httpbind'>${message('x'.repeat(50_000))}`

  test('counts as waiting memory', async () => {
    const { link, held, hears, waiting } = await opened()
    expect(waiting.bytes).toBe(0)
    held.begin(beginning)
    await eventually('it is counted', () => waiting.bytes >= beginning.length)
    expect(link.unfinishedBytes).toBe(waiting.bytes)
    held.end('</body>')
    await hears('<message')
    expect([waiting.bytes, link.unfinishedBytes]).toEqual([0, 0])
    link.close()
  })

  test.each([
    [
      'during the creation',
      async () => {
        const call = await open()
        return { ...call, held: await call.there.request() }
      },
    ],
    ['during the session', opened],
  ])('is dropped at once when its link is abandoned, %s', async (_when, begin) => {
    const { link, held, waiting, isGone, there, sessions } = await begin()
    held.begin(beginning)
    await eventually('it is counted', () => waiting.bytes >= beginning.length)
    link.abandon()
    expect([waiting.bytes, link.unfinishedBytes]).toEqual([0, 0])
    expect(await held.over).toBe('gone')
    if (sessions.size > 0) (await there.request()).answer('', " type='terminate'")
    await isGone()
    expect(waiting.bytes).toBe(0)
  })
})

test('stanzas of a reply that is still arriving are delivered, if the next request learns that the session has ended', async () => {
  const { there, held, hears, asks } = await opened()
  const second = await asks('ping')
  const reply = `<body xmlns='http://jabber.org/protocol/httpbind'>${message('last words')}</body>`
  held.begin(reply.slice(0, -10))
  // ejabberd answers so if it does not know the sid.
  second.send(404, '')
  await second.over
  await staysUnasked(there)
  held.end(reply.slice(-10))
  expect(await hears('end')).toEqual([
    message('last words'),
    'flush',
    'end features remote-connection-failed item-not-found',
  ])
})
