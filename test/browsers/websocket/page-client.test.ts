import { describe, expect, jest, test } from '@jest/globals'
import type { RecordWriter } from '../../../src/session/registry/record-writer.js'
import { unreachable } from '../../../src/xmpp/stream-errors.js'
import {
  type BoshBench,
  type Client,
  errorReply,
  FakeMending,
  features,
  lost,
  message,
  payload,
} from '../../support/bosh-bench.js'
import { close, type FakeWebSocket, open } from '../../support/fake-web-socket.js'
import { resumable } from '../../support/next-process.js'
import * as pages from './pages.js'
import {
  ack,
  attachedPage,
  attachPage,
  attachPageSilently,
  benchWithTickets,
  comeBack,
  countingPage,
  managedPage,
  newToken,
  resume,
  stanza,
  streamError,
  warmedWithTickets,
} from './pages.js'

const ids = (texts: readonly string[]) =>
  texts.flatMap(text => [...text.matchAll(/^<message [^>]*id='([^']+)'/g)].map(([, id]) => id))
const numbered = (count: number, from = 1) => Array.from({ length: count }, (_, index) => stanza(from + index))
const resumedAt = (id: string, count: number) => `<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='${count}'/>`
const notFound = expect.stringMatching(/^<failed xmlns='urn:xmpp:sm:3'><item-not-found /)

/** The answer to a backend that resumes the session. */
function handedOut(bench: BoshBench, client: Client): { readonly token: string; readonly delivered: number } {
  const { token, delivered } = bench.registry.byId(client.id)!.resume({ seconds: 120, attachBinding: 'off' })!
  return { token: token!, delivered }
}

describe('an old resource that a page still writes as `from`', () => {
  const unchanged = [
    `<message from='juliet@chat.example/balcony'><body from='a'/></message>`,
    `<message to='a'><body from='a'> from='b'</body></message>`,
    `<message xmlns:a='b' a:from='c'/>`,
    `<note xmlns='urn:note' from='a'/>`,
  ]

  test.each([
    [`<message to='x' from='a@b/c'/>`, `<message to='x'/>`],
    [`<message from="a'b@c/d>e" to='x'>from='y'</message>`, `<message to='x'>from='y'</message>`],
    [`<message id=" from='a'" from='a@b'/>`, `<message id=" from='a'"/>`],
    [
      `<message id='>' from="a"><a from='b'> from='c'</a></message>`,
      `<message id='>'><a from='b'> from='c'</a></message>`,
    ],
    [
      `<iq\n  type = 'get'\n\tfrom\n = \n'a>b'\nid='1'><q from=''/></iq>`,
      `<iq\n  type = 'get'\nid='1'><q from=''/></iq>`,
    ],
    [`<message from='&quot;&#39;&lt;'>&lt;from='x'></message>`, `<message>&lt;from='x'></message>`],
    [`<message${' '.repeat(200_000)} from='a@b'/>`, '<message/>'],
    ...unchanged.map(text => [text, text] as const),
  ])('is removed from %.80s, and nothing else is', async (sent, passedOn) => {
    const { client, page } = await attachedPage()
    const written = (text: string) => text.replace(/^<(message|iq)/, "<$1 xmlns='jabber:client'")
    page.receive(written(sent))
    expect(client.link.sent).toEqual([written(passedOn)])
  })
})

describe('the memory of stanzas that a page has not acknowledged', () => {
  const large = stanza(1, 'x'.repeat(50_000))

  test('is free once the page acknowledges them, or its session ends', async () => {
    const { bench, socket } = await countingPage()
    for (let sent = 0; sent < 3; sent++) await bench.server(link => link.receive(large))
    expect(bench.waiting.bytes).toBeGreaterThan(3 * 2 * large.length)
    socket.receive(ack(2))
    expect(bench.waiting.bytes).toBeLessThan(2 * 2 * large.length)
    socket.receive(ack(3))
    expect(bench.waiting.bytes).toBe(0)
    await bench.server(link => link.receive(large))
    socket.leave()
    await bench.server(link => link.receive(large))
    expect(bench.waiting.bytes).toBeGreaterThan(2 * 2 * large.length)
    bench.registry.endAllSilently()
    expect(bench.waiting.bytes).toBe(0)
  })

  test('is free once the page has resumed with all of them', async () => {
    const { bench, client, socket, id } = await countingPage()
    await bench.server(link => link.receive(large))
    socket.leave()
    await comeBack(bench, client, id, 1)
    expect(bench.waiting.bytes).toBe(0)
  })

  test('ends the session of a page that acknowledges nothing while memory is short', async () => {
    const { bench, socket } = await countingPage({ mostWaiting: 400_000 })
    for (let sent = 0; sent < 5; sent++) await bench.server(link => link.receive(large))
    expect(socket.sent).toContainEqual(streamError('policy-violation'))
    expect(bench.counts.sessionsEnded.limit).toBe(1)
    expect([bench.registry.size, bench.waiting.bytes]).toEqual([0, 0])
  })
})

test('a page whose session fails unexpectedly gets internal-server-error, logged under websocket', async () => {
  const { bench, client, page } = await attachedPage()
  client.link.send = () => {
    throw new TypeError('not foreseen')
  }
  page.receive(stanza(1))
  expect(page.sent).toContainEqual(streamError('internal-server-error'))
  const faults = bench.logged.filter(line => line.includes('"level":50')).map(line => JSON.parse(line))
  expect(faults).toMatchObject([{ part: 'websocket', session: client.id, msg: 'a session failed' }])
})

test('the log has the reason why a page lost its WebSocket, and its address', async () => {
  const { bench, client } = await warmedWithTickets()
  const notes: unknown[] = []
  bench.log.debug = (...note: unknown[]) => void notes.push(note)
  attachPage(bench, client.token!).leave()
  const about = { session: client.id, transport: 'websocket', address: '192.0.2.7' }
  expect(notes).toEqual([[{ ...about, reason: 'socket-broken' }, 'a page lost its WebSocket']])
  await bench.pass(91)
  expect(notes.slice(1)).toEqual([[{ ...about, reason: 'inactivity' }, 'session ended']])
})

describe('a page with stream management', () => {
  test('sends its count of stanzas, and gets the count of the service', async () => {
    const { client, socket } = await countingPage()
    for (const text of [stanza(1), "<presence xmlns='jabber:client'/>", "<note xmlns='urn:note'/>"])
      socket.receive(text)
    socket.receive("<note xmlns='jabber:client'/>")
    socket.receive(pages.request)
    expect(socket.sent).toEqual([ack(2)])
    expect(client.link.sent).toHaveLength(4)
  })

  test('gets <r/> with its first stanzas, and again if more are unacknowledged', async () => {
    const { bench, socket } = await countingPage()
    await bench.server(link => link.receive(stanza('a')))
    await bench.server(link => link.receive(stanza('b'), stanza('c')))
    expect(socket.sent).toEqual([stanza('a'), pages.request, stanza('b'), stanza('c')])
    socket.receive(ack(1))
    expect(socket.sent.slice(4)).toEqual([pages.request])
    // A page that acknowledges slowly, or less after a disconnect (as xmpp.js does), is not asked again and again.
    socket.receive(ack(1))
    socket.receive(ack(0))
    expect(socket.sent).toHaveLength(5)
    socket.receive(ack(3))
    expect(socket.sent).toHaveLength(5)
  })

  test('and without acknowledgements gets stanzas up to a limit, and then its server is not read', async () => {
    const { bench, client, socket } = await countingPage()
    let sent = 0
    while (!client.link.paused) await bench.server(link => link.receive(stanza(sent++)))
    expect(ids(socket.sent)).toHaveLength(1000)
    expect(sent).toBe(2001)
    // The service asked only after the first stanza.
    expect(socket.sent.filter(text => text === pages.request)).toHaveLength(1)
    socket.receive(ack(1))
    while (client.link.paused || ids(socket.sent).length < sent) socket.receive(ack(ids(socket.sent).length))
    expect(ids(socket.sent)).toEqual(Array.from({ length: sent }, (_, id) => String(id)))
    expect(client.link.paused).toBe(false)
  })

  test.each(['2', 'x'])('that acknowledges %j of one stanza is disconnected', async count => {
    const { bench, socket } = await countingPage()
    await bench.server(link => link.receive(stanza('a')))
    socket.receive(`<a xmlns='urn:xmpp:sm:3' h='${count}'/>`)
    expect(socket.sent.at(-2)).toEqual(streamError('undefined-condition'))
    const why = "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='2' send-count='1'/>"
    expect(socket.sent.at(-2)!.includes(why)).toBe(count === '2')
    expect(bench.registry.size).toBe(0)
    expect(bench.logged.join()).toContain('a WebSocket broke a rule: undefined-condition')
  })

  test.each([
    ['send <r/> before <enable/>', pages.request],
    ['send <a/> before <enable/>', ack(0)],
    ['resume a stream when it is attached', resume('x', 0)],
    ['enable stream management twice', pages.enable],
  ])('may not %s', async (_what, sent) => {
    const { bench, page } = await attachedPage()
    if (sent === pages.enable) page.receive(sent)
    page.receive(sent)
    expect(page.sent.at(-1)).toContain('<unexpected-request ')
    expect(bench.registry.size).toBe(1)
  })
})

describe('a page whose connection broke', () => {
  test('resumes its stream', async () => {
    const { bench, client, socket, id } = await countingPage()
    socket.receive(stanza('c1'))
    await bench.server(link => link.receive(stanza('a'), stanza('b')))
    socket.leave()
    await bench.server(link => link.receive(stanza('c')))
    const again = await comeBack(bench, client, id, 1)
    expect(again.sent).toEqual([resumedAt(id, 1), stanza('b'), stanza('c'), pages.request])
    again.receive(ack(3))
    again.receive(stanza('c2'))
    again.receive(pages.request)
    expect(again.sent.at(-1)).toBe(ack(2))
    expect(client.link.sent).toEqual([stanza('c1'), stanza('c2')])
  })

  test('that resumes with all stanzas received lets the server be read again', async () => {
    const { bench, client, socket, id } = await countingPage({ maxQueueElements: 3 })
    await bench.server(link => link.receive(...['a', 'b', 'c', 'd'].map(name => stanza(name))))
    socket.leave()
    await bench.server(link => link.receive(stanza('e')))
    expect(client.link.paused).toBe(true)
    const again = pages.logIn(bench, await newToken(bench, client))
    again.receive(resume(id, 4))
    expect(ids(again.sent)).toEqual(['e'])
    expect(client.link.paused).toBe(false)
  })

  test.each<[string, (id: string) => string]>([
    ['another stream', () => resume('0123456789abcdef', 1)],
    ['a higher count than was sent', id => resume(id, 3)],
    ['a lower count than it has acknowledged', id => resume(id, 0)],
    ['a count that is no number', id => `<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='one'/>`],
    ['no stream id', () => "<resume xmlns='urn:xmpp:sm:3'/>"],
  ])('and that resumes with %s may start again, and gets the unacknowledged stanzas', async (_what, wish) => {
    const { bench, client, socket, id } = await countingPage()
    await bench.server(link => link.receive(stanza('a'), stanza('b')))
    socket.receive(ack(1))
    socket.leave()
    const again = pages.logIn(bench, await newToken(bench, client))
    again.sent.length = 0
    again.receive(wish(id))
    expect(again.sent).toEqual([notFound])
    again.receive(pages.bind)
    await bench.pass(1)
    expect(again.sent[1]).toContain('<jid>juliet@chat.example/balcony</jid>')
    expect(again.sent.slice(2)).toEqual([stanza('b')])
  })

  test('cannot resume once a page over BOSH has taken the waiting stanzas', async () => {
    const { bench, client, socket, id } = await countingPage()
    await bench.server(link => link.receive(stanza('a'), stanza('b')))
    socket.leave()
    const over = await bench.resume(client)
    expect((await over.next()).reply?.body).toBe(payload(stanza('a'), stanza('b')))
    const again = await comeBack(bench, over, id, 0)
    expect(again.sent).toEqual([notFound])
    again.receive(pages.bind)
    await bench.pass(1)
    // The next page gets the stanzas that a BOSH page may have missed.
    expect(ids(again.sent)).toEqual(['a', 'b'])
  })

  test('cannot resume the stream of an earlier page', async () => {
    const { bench, client, id } = await countingPage()
    attachPage(bench, await newToken(bench, client)).leave()
    const again = await comeBack(bench, client, id, 0)
    expect(again.sent.at(-1)).toEqual(notFound)
  })

  test('and that does not return: its session ends by inactivity, and senders get errors for unacknowledged stanzas', async () => {
    const { bench, client, socket } = await countingPage()
    const letter = (id: string) => `<message xmlns='jabber:client' from='romeo@chat.example/a' id='${id}'/>`
    await bench.server(link => link.receive(letter('had'), letter('lost')))
    socket.receive(ack(1))
    socket.leave()
    await bench.server(link => link.receive(letter('late')))
    await bench.pass(89)
    expect(bench.registry.byId(client.id)?.view).toMatchObject({ state: 'quiet' })
    await bench.pass(2)
    expect(bench.registry.size).toBe(0)
    expect(bench.counts.sessionsEnded.inactivity).toBe(1)
    expect(client.link.sent.map(text => / id='(\w+)'/.exec(text)?.[1])).toEqual(['lost', 'late'])
    for (const text of client.link.sent) expect(text).toContain("type='error'")
  })
})

describe('a page that has sent nothing after its bind request', () => {
  const waiting = numbered(50, 0)
  const first = waiting.slice(0, 3)

  async function waitingWith(stanzas: readonly string[]) {
    const { bench, client } = await warmedWithTickets()
    await bench.server(link => link.receive(...stanzas))
    return { bench, client }
  }

  /** The service writes the waiting stanzas, and the connection loses them. */
  async function losesAll(bench: BoshBench, client: Client): Promise<FakeWebSocket> {
    const page = attachPageSilently(bench, client.token!, { pings: true })
    page.isConnected = false
    await bench.pass(1)
    return page
  }

  test('gets waiting stanzas after the answer to its first message', async () => {
    const { bench, client } = await waitingWith(first)
    const page = attachPageSilently(bench, client.token!)
    await bench.server(link => link.receive(stanza('late')))
    await bench.pass(0.5)
    expect(page.sent).toEqual([])
    page.receive(pages.enable)
    expect(page.sent[0]).toContain('<enabled ')
    expect(page.sent.slice(1)).toEqual([...first, stanza('late'), pages.request])
  })

  test('gets waiting stanzas after a second, and no timer remains', async () => {
    const { bench, client } = await waitingWith(first)
    const page = attachPageSilently(bench, client.token!)
    await bench.pass(1)
    expect(page.sent).toEqual(first)
    await bench.server(link => link.receive(stanza('late')))
    expect(page.sent.at(-1)).toBe(stanza('late'))
    expect(bench.registry.byId(client.id)!.deadline).toBe(Number.POSITIVE_INFINITY)
  })

  test.each([0.5, 5])('and whose connection breaks after %d s has received nothing', async seconds => {
    for (const pings of [true, false]) {
      const { bench, client } = await waitingWith(waiting)
      const page = attachPageSilently(bench, client.token!, { pings })
      // Written data is lost.
      page.isConnected = false
      await bench.pass(seconds)
      page.leave()
      const over = handedOut(bench, client)
      expect(over.delivered).toBe(0)
      const again = attachPage(bench, over.token)
      expect(ids(again.sent)).toEqual(waiting.map((_, id) => String(id)))
    }
  })

  test('and then enables stream management has received the earlier stanzas if it can resume', async () => {
    const { bench, client } = await waitingWith(first)
    const page = await losesAll(bench, client)
    page.receive(pages.enable)
    const id = / id='([^']+)'/.exec(page.sent.at(-1)!)![1]!
    await bench.server(link => link.receive(stanza('a'), stanza('b')))
    page.leave()
    const over = handedOut(bench, client)
    expect(over.delivered).toBe(0)
    const again = pages.logIn(bench, over.token)
    again.sent.length = 0
    again.receive(resume(id, 1))
    expect(ids(again.sent)).toEqual(['b'])
    again.leave()
    expect(handedOut(bench, client).delivered).toBe(4)
  })

  test('gets no more stanzas than the service can store for it', async () => {
    const { bench, client } = await waitingWith(numbered(1500))
    const page = await losesAll(bench, client)
    await bench.server(link => link.receive(stanza('last')))
    // Stanzas that are taken from the outbox together are sent together.
    const sent = ids(page.sent).length
    expect(sent).toBeLessThan(1501)
    page.emit('pong', Buffer.from('1'))
    page.isConnected = true
    await bench.pass(0)
    expect(ids(page.sent)).toHaveLength(1501)
  })
})

describe('a page without stream management', () => {
  test('has received all stanzas before an answered ping, and the next page gets the others', async () => {
    const { bench, client, page } = await attachedPage({}, { pings: true })
    await bench.server(link => link.receive(stanza('a'), stanza('b')))
    await bench.server(link => link.receive(stanza('c')))
    await bench.pass(0.5)
    page.isConnected = false
    await bench.server(link => link.receive(stanza('d'), stanza('e')))
    expect(ids(page.sent)).toEqual(['a', 'b', 'c', 'd', 'e'])
    page.leave()
    const over = handedOut(bench, client)
    expect(over.delivered).toBe(3)
    const again = attachPage(bench, over.token, { pings: true })
    expect(ids(again.sent)).toEqual(['d', 'e'])
    expect(handedOut(bench, client).delivered).toBe(3)
  })

  test('gets one ping for many stanzas in a row, and another for the last stanza', async () => {
    const { bench, client, page } = await attachedPage({}, { pings: true })
    const ping = jest.spyOn(page, 'ping')
    for (let id = 0; id < 50; id++) await bench.server(link => link.receive(stanza(id)))
    expect(ping).toHaveBeenCalledTimes(1)
    await bench.pass(0.5)
    expect(ping).toHaveBeenCalledTimes(2)
    // At the limit, it gets a ping at once.
    for (let part = 0; part < 3; part++) await bench.server(link => link.receive(...numbered(1000)))
    page.leave()
    expect(handedOut(bench, client).delivered).toBe(3050)
  })

  test('may answer the last of several pings only', async () => {
    const { bench, client, page } = await attachedPage({}, { pings: true })
    page.isConnected = false
    await bench.server(link => link.receive(stanza('a')))
    page.emit('pong', Buffer.from('0'))
    page.emit('pong', Buffer.from('hello'))
    page.emit('pong', Buffer.from('7'))
    await bench.server(link => link.receive(stanza('b')))
    page.leave()
    expect(handedOut(bench, client).delivered).toBe(1)
  })

  test('and that closes its stream has received all: no sender gets an error', async () => {
    const { bench, client, page } = await attachedPage({}, { pings: true })
    page.isConnected = false
    const letter = `<message xmlns='jabber:client' from='romeo@chat.example/a' id='a'/>`
    await bench.server(link => link.receive(letter))
    page.receive(close)
    expect(bench.registry.size).toBe(0)
    expect(client.link.sent).toEqual([])
  })
})

describe('a page that reads slowly', () => {
  test('gets only as much as it reads, and the next page gets the rest', async () => {
    const { bench, client, page } = await attachedPage()
    page.bufferedAmount = 100_000
    const long = (id: string) => stanza(id, `<body>${'x'.repeat(40_000)}</body>`)
    await bench.server(link => link.receive(...['a', 'b', 'c', 'd'].map(long)))
    expect(page.sent).toEqual([])
    page.bufferedAmount = 0
    const send = page.send.bind(page)
    page.send = text => {
      send(text)
      page.bufferedAmount += text.length
    }
    page.connection.emit('drain')
    expect(ids(page.sent)).toEqual(['a', 'b'])
    const next = attachPage(bench, await newToken(bench, client))
    expect(ids(next.sent)).toEqual(['c', 'd'])
    expect(page.sent.at(-2)).toEqual(streamError('conflict'))
  })

  test('loses its session to the next page, and its connection is cut at the time limit', async () => {
    const { bench, client, page } = await attachedPage()
    page.bufferedAmount = 100_000
    await newToken(bench, client)
    await bench.pass(4)
    expect([page.closedWith, page.isGone]).toEqual([undefined, false])
    await bench.pass(1)
    expect([page.closedWith, page.isGone]).toEqual([1000, true])
    // It is another page's session.
    expect(bench.registry.byId(client.id)?.view).toMatchObject({ state: 'waiting' })
  })
})

describe('a session that has ended', () => {
  /** Its page does not read, and has not got a stanza yet. */
  async function endsUnread(bench: BoshBench, socket: FakeWebSocket): Promise<void> {
    socket.bufferedAmount = 100_000
    await bench.server(link => link.receive(stanza('a')))
    await bench.server(link => link.end(lost))
  }

  test('sends its page all waiting stanzas, even without acknowledgements, and then the reason', async () => {
    const { bench, socket } = await countingPage()
    await bench.server(link => link.receive(...numbered(1500)))
    await bench.server(link => link.receive(stanza('last')))
    expect(ids(socket.sent)).not.toContain('last')
    await bench.server(link => link.end(lost))
    expect(ids(socket.sent).at(-1)).toBe('last')
    expect(socket.sent.at(-2)).toEqual(streamError('remote-connection-failed'))
    expect(socket.sent.at(-2)).toContain(unreachable)
    expect(socket.sent.at(-1)).toBe(close)
    expect(bench.registry.size).toBe(0)
  })

  test('still reads acknowledgements until its page has the end', async () => {
    const { bench, client, socket } = await countingPage()
    const late = (id: string) => `<message xmlns='jabber:client' from='romeo@chat.example/a' id='${id}'/>`
    await bench.server(link => link.receive(late('a'), late('b')))
    socket.bufferedAmount = 100_000
    await bench.server(link => link.receive(late('c')))
    bench.registry.shutDown()
    socket.receive(stanza('mine'))
    socket.receive(ack(1))
    socket.leave()
    expect(client.link.sent.map(text => / id='(\w+)'/.exec(text)?.[1])).toEqual(['b', 'c'])
  })

  test('returns what its page sends before it has read the end', async () => {
    const { bench, socket } = await countingPage()
    await endsUnread(bench, socket)
    socket.receive(stanza('mine'))
    socket.receive(pages.request)
    expect(socket.sent).toEqual([ack(1)])
    socket.drain()
    expect(ids(socket.sent)).toEqual(['a', 'mine'])
    expect(socket.sent.find(text => text.includes("id='mine'"))).toContain('<remote-server-timeout ')
    expect(socket.sent.at(-1)).toBe(close)
    expect(bench.registry.size).toBe(0)
  })

  test('is not read any more when more has been returned than its page reads', async () => {
    const { bench, socket } = await countingPage()
    await endsUnread(bench, socket)
    let sent = 0
    for (; !socket.isPaused && sent < 2_000; sent++) socket.receive(stanza(`mine${sent}`))
    expect(sent).toBe(1_000)
  })

  test('is removed at once while its page is away, if nothing waits', async () => {
    const { bench, page } = await attachedPage()
    page.leave()
    await bench.server(link => link.end(lost))
    expect(bench.registry.size).toBe(0)
  })

  test.each(['does not read', 'is away'])('is resumed for what waits if its page %s', async what => {
    const { bench, client, page } = await attachedPage()
    if (what === 'is away') {
      page.leave()
      await bench.server(link => link.receive(stanza('a')))
      await bench.server(link => link.end(lost))
    } else {
      await endsUnread(bench, page)
      expect(bench.registry.byId(client.id)?.view).toMatchObject({ state: 'ended' })
      page.leave()
    }
    const next = attachPageSilently(bench, await newToken(bench, client))
    expect(ids(next.sent)).toEqual(['a'])
    expect(next.sent.slice(-2)).toEqual([streamError('remote-connection-failed'), close])
    expect(bench.registry.size).toBe(0)
  })
})

test('the page that attaches has the session until another resumes it, over either transport', async () => {
  const { bench, client, page } = await attachedPage()
  const over = await bench.resume(client)
  expect(page.sent).toEqual([streamError('conflict'), close])
  page.receive(stanza('late'))
  expect((await client.next(message('older'))).reply?.body).toContain("condition='item-not-found'")
  const held = await over.next(message('mine'))
  expect(client.link.sent).toEqual([message('mine')])
  const again = attachPage(bench, await newToken(bench, over))
  expect(held.reply?.body).not.toBe(errorReply)
  expect((await over.next(message('late'))).reply?.body).toContain("condition='item-not-found'")
  again.receive(stanza('c'))
  expect(client.link.sent).toEqual([message('mine'), stanza('c')])
})

test('a second login, another stream or TLS is a policy-violation, and the log has the rule', async () => {
  for (const [sent, rule] of [
    [pages.auth('x'), 'a session has one login'],
    [pages.authenticate('x'), 'a session has one login'],
    [open(), 'a stream restarts once'],
    ["<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", 'TLS and compression cannot be negotiated'],
    [`<message xmlns='jabber:client'><body>${'x'.repeat(270_000)}</body></message>`, 'MAX_STANZA_BYTES'],
  ] as const) {
    const { bench, page } = await attachedPage()
    page.receive(sent)
    expect(page.sent).toEqual([streamError('policy-violation'), close])
    expect(bench.logged.filter(line => line.includes('broke a rule')).join()).toContain(rule)
    expect(bench.registry.size).toBe(0)
  }
})

describe('an element of stream management', () => {
  test.each([
    [60, pages.request],
    [10, pages.request.replace('/>', ` at='${'€'.repeat(40)}'/>`)],
  ])('counts towards the page’s send rate (%i requests)', async (times, request) => {
    const { bench, socket } = await countingPage({ byteRate: { sessionBytes: 1_000, sessionBurst: 1_000 } })
    for (let time = 0; time < times; time++) socket.receive(request)
    expect(socket.isPaused).toBe(true)
    await bench.pass(2)
    expect(socket.isPaused).toBe(false)
  })

  test('may not be long', async () => {
    const { socket } = await countingPage()
    socket.receive(ack(0).replace('/>', `>${'<a/>'.repeat(300)}</a>`))
    expect(socket.sent).toEqual([streamError('policy-violation'), close])
  })
})

describe('a page whose server counts stanzas', () => {
  test('gets <a/> when the server confirms all stanzas, and the server gets <r/>', async () => {
    const { bench, link, socket } = await managedPage()
    for (const text of numbered(2)) socket.receive(text)
    socket.receive(pages.request)
    expect([socket.sent, link.sent]).toEqual([[], [...numbered(2), pages.request]])
    await bench.server(() => link.say(ack(1)))
    expect(socket.sent).toEqual([])
    await bench.server(() => link.say(ack(2)))
    expect(socket.sent).toEqual([ack(2)])
    await bench.pass(5)
    expect(socket.sent).toEqual([ack(2)])
  })

  test('gets <a/> after a second with the confirmed count, which never decreases', async () => {
    const { bench, link, socket } = await managedPage()
    for (const text of numbered(3)) socket.receive(text)
    await bench.server(() => link.say(ack(2)))
    socket.receive(pages.request)
    socket.receive(pages.request)
    await bench.pass(1.25)
    expect(socket.sent).toEqual([ack(2)])
    for (const text of numbered(3, 4)) socket.receive(text)
    socket.receive(pages.request)
    await bench.pass(1.25)
    await bench.server(() => link.say(ack(6)))
    socket.receive(pages.request)
    expect(socket.sent).toEqual([ack(2), ack(2), ack(6)])
  })

  test('gets no further <a/> while the link is mended, and then the full count', async () => {
    const { bench, mending, link, socket } = await managedPage()
    for (const text of numbered(2)) socket.receive(text)
    await bench.server(() => link.say(ack(1)))
    await bench.server(() => link.end(lost))
    socket.receive(stanza(3))
    socket.receive(pages.request)
    await bench.pass(1.25)
    expect(socket.sent).toEqual([ack(1)])
    const second = mending.attempts[0]!.succeed()
    await bench.pass(0)
    await bench.server(() => second.receive(features))
    socket.receive(pages.request)
    await bench.server(() => second.say(resumedAt('first', 2)))
    await bench.server(() => second.say(ack(3)))
    expect([socket.sent, second.sent.slice(1)]).toEqual([[ack(1), ack(3)], [stanza(3) + pages.request]])
  })

  test('resumes with the count that the server has confirmed, and may repeat the other stanzas', async () => {
    const { bench, client, link, socket, id } = await managedPage()
    for (const text of numbered(3)) socket.receive(text)
    await bench.server(() => link.say(ack(1)))
    socket.leave()
    link.sent.length = 0
    const again = await comeBack(bench, client, id, 0)
    expect(again.sent).toEqual([resumedAt(id, 1)])
    for (const text of numbered(3, 2)) again.receive(text)
    expect(link.sent.join('')).toBe(stanza(4))
    await bench.server(() => link.say(ack(4)))
    again.receive(pages.request)
    expect(again.sent.at(-1)).toBe(ack(4))
  })

  test('without stream management has the stanzas before its pongs confirmed to the server', async () => {
    const { bench, client } = await resumable(benchWithTickets())
    const { link } = client
    const socket = attachPage(bench, client.token!, { pings: true })
    await bench.server(() => link.receive(...numbered(2)))
    socket.isConnected = false
    await bench.pass(0.25)
    await bench.server(() => link.receive(...numbered(2)))
    await bench.server(() => link.say(pages.request))
    await bench.pass(2.25)
    expect(link.sent).toEqual([ack(2)])
  })

  test('may send more while the server is not read, so that it can acknowledge', async () => {
    const { bench, link, socket } = await managedPage({ maxQueueElements: 2 })
    await bench.server(() => link.receive(...numbered(1000)))
    await bench.server(() => link.receive(...numbered(3)))
    expect(link.paused).toBe(true)
    for (let sent = 0; sent < 3; sent++) socket.receive(stanza(1, 'x'.repeat(100_000)))
    expect(socket.isPaused).toBe(false)
    socket.receive(ack(1000))
    expect(link.paused).toBe(false)
    socket.receive(stanza(1, 'x'.repeat(100)))
    expect(socket.isPaused).toBe(true)
    await bench.server(() => link.say(ack(3)))
    expect(socket.isPaused).toBe(false)
  })
})

test('a page gets <enabled/> and waiting stanzas after three seconds, although the store takes no record', async () => {
  const bench = benchWithTickets()
  const management = { mending: new FakeMending(), enabled: 'requested' } as const
  const client = await bench.warmed({ management })
  await bench.server(link => link.say("<enabled xmlns='urn:xmpp:sm:3' id='s' resume='true'/>"))
  const nothing = () => {}
  const no = () => false
  bench.registry.kept = {
    ...{ touched: nothing, keepNow: nothing, keepAgain: nothing, removed: nothing },
    ...{ isOwn: () => undefined, hasRecord: no, mayBeTaken: no, writesRecords: no },
  } as unknown as RecordWriter
  const socket = attachPageSilently(bench, client.token!)
  socket.receive(pages.enable)
  await bench.server(link => link.receive(stanza('a')))
  await bench.pass(2.75)
  expect(socket.sent).toEqual([])
  await bench.pass(0.5)
  expect(socket.sent[0]).toContain('<enabled ')
  expect(ids(socket.sent)).toEqual(['a'])
})
