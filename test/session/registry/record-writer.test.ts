// A process dies: its sessions go on at another one, from records that it has stored while it lived.
import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { keptRecordOf } from '../../../src/session/session-record.js'
import type { TellEvent } from '../../../src/session/session-types.js'
import { type Store, StoreUnavailable } from '../../../src/store/store.js'
import { linkNamespace } from '../../../src/xmpp/namespaces.js'
import { droppedStanza } from '../../../src/xmpp/xml/element.js'
import {
  ack,
  attachPageCounting,
  attachPageSilently,
  bind,
  comeBack,
  enable,
  logIn,
  newToken,
  request,
  resume,
  stanza,
} from '../../browsers/websocket/pages.js'
import { bookOf } from '../../support/bench-sessions.js'
import { BoshBench, type Client, empty, FakeMending, lost, message, payload } from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'
import {
  enabledByServer,
  movedTo,
  nextBench,
  recordsOf,
  resumable,
  resumedByServer,
  resumesAt,
  takeUpAt,
  takeUpOne,
} from '../../support/next-process.js'
import { attachRecorded, idsIn, keepRecords, recordsOfProcess, sessionAt, sm, storeOf } from './conversation.js'

const r = `<r ${sm}/>`
/** The server no longer has the stream. */
const forgotten = (count = '') =>
  `<failed ${sm}${count}><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`
const about = { issuesTickets: true }
const unavailable = new StoreUnavailable('no-answer')
const conflict = {
  failure: { step: 'stream', code: 'remote-stream-error', condition: 'conflict' },
  streamError: "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
} as const

let store: Store
let dying: BoshBench
let client: Client

beforeEach(async () => {
  store = await storeOf('dying', 'other', 'third')
  ;({ bench: dying, client } = await sessionAt('dying', store))
  await isKept()
})

const keepsRecords = (bench: BoshBench) => keepRecords(bench, store, 'dying')

/** Time passes, and then happens what the store has answered. */
async function passes(seconds: number, bench = dying): Promise<void> {
  await bench.pass(seconds)
  await bench.pass(0)
}

/** Time in which a record is stored. */
const isKept = (bench = dying) => passes(1.3, bench)

/** The page polls, and a record has its request. */
async function polls(): Promise<void> {
  await client.next()
  await isKept()
}

async function breaks(): Promise<void> {
  await dying.server(() => client.link.end(lost))
  await dying.pass(0)
}

/** No later record is stored. */
const storesNoMore = () => jest.spyOn(store.records, 'keep').mockRejectedValue(unavailable)

/** Returns a function for each call that stores records: it lets the call continue. */
function storesSlowly(): (() => void)[] {
  const keep = store.records.keep.bind(store.records)
  const stored: (() => void)[] = []
  jest.spyOn(store.records, 'keep').mockImplementation(async (...all) => {
    await new Promise<void>(resolve => stored.push(resolve))
    return keep(...all)
  })
  return stored
}

/** The store does not tell which process has the session. */
const doubts = () => jest.spyOn(store.records, 'isOwn').mockRejectedValue(unavailable)

/** A page over BOSH sends requests that no record has. */
async function sendsUnrecorded(...requests: readonly string[]): Promise<void> {
  await polls()
  storesNoMore()
  for (const stanzas of requests) await client.next(stanzas)
}

/** The other process, before it has the session. */
function other() {
  const bench = nextBench({}, about)
  const mending = new FakeMending()
  const records = recordsOfProcess(bench, store, 'other', record => takeUpOne(bench, record, mending))
  return { bench, records, mending }
}

/** The process seems to have died, and the other one is asked for its session. */
async function takenUp({ id }: Client) {
  await store.leave('dying')
  return other().records.takeUp({ id })
}

/** The process dies, and the other one takes its session up. */
async function dies() {
  await store.leave('dying')
  const { bench, records, mending } = other()
  expect(await records.takeUp({ secret: client.sid })).toBe('other')
  const page = movedTo(bench, client)
  const resumes = (count?: number, answer?: string) => resumesAt(bench, mending, count, answer)
  return { bench, page, resumes }
}

/** The same, and the server, which has `count` stanzas of the page, resumes the stream. */
async function diesAndResumes(count = 0) {
  const { bench, page, resumes } = await dies()
  return { bench, page, link: await resumes(count) }
}

/** The process dies after so many requests that its record lacks. The server has handled their messages. */
async function diesAfter(count: number) {
  await sendsUnrecorded(...Array.from({ length: count }, (_, number) => message(`${number}`)))
  return diesAndResumes(count)
}

/** The same after five requests. Then the page's second request comes, with the message `y`, long before the first. */
async function missesOne() {
  const died = await diesAfter(5)
  await died.page.at(died.page.rid + 1, message('y'))
  await died.bench.pass(1.6)
  return died
}

/** The process dies after a page over WebSocket has sent `p1`, which its record lacks. */
async function diesAfterSocket() {
  const { socket, id } = await attachRecorded(dying, client.token!)
  await isKept()
  storesNoMore()
  socket.receive(stanza('p1'))
  return { id, ...(await dies()) }
}

/** The process dies under a page over WebSocket, of which the server has `count` stanzas. The page has logged in again. */
async function diesUnder(count: number) {
  const { bench, page, link } = await diesAndResumes(count)
  return { link, back: logIn(bench, await newToken(bench, page)) }
}

test('a process that did nothing for seconds accepts and answers no request, until it knows what others have taken', async () => {
  await client.next()
  const held = await client.next()
  await isKept()
  const overdue = jest.fn(() => true)
  Object.defineProperty(store, 'isOverdue', { get: overdue })
  await dying.server(() => client.link.receive(message('late')))
  expect(held.reply).toBeUndefined()
  const { reply } = await client.next(message('mine'))
  expect(reply).toMatchObject({ status: 0 })
  expect(client.link.sent.join()).not.toContain('mine')
  overdue.mockReturnValue(false)
  bookOf(dying, { store }).book.caughtUp()
  await dying.pass(0)
  expect(held.reply?.body).toBe(payload(message('late')))
  await client.at(client.rid, message('mine'))
  expect(client.link.sent.join()).toContain('mine')
})

test('a process that did nothing for seconds ends no session for inactivity, until it knows what others have taken', async () => {
  const { socket } = await attachRecorded(dying, client.token!)
  await isKept()
  socket.leave()
  const overdue = jest.fn(() => true)
  Object.defineProperty(store, 'isOverdue', { get: overdue })
  await dying.pass(200)
  overdue.mockReturnValue(false)
  // The page could not come back meanwhile.
  bookOf(dying, { store }).book.caughtUp()
  await dying.pass(89)
  expect(dying.registry.byId(client.id)).toBeDefined()
  await dying.pass(2)
  expect(dying.registry.byId(client.id)).toBeUndefined()
})

describe('a page with BOSH, whose process dies', () => {
  test('repeats its held request, and gets what the server repeats', async () => {
    await client.next()
    await dying.server(() => client.link.receive(message('1')))
    await polls()
    await dying.server(() => client.link.receive(message('2')))
    await isKept()
    // The second reply may be lost.
    const { bench, page, resumes } = await dies()
    const again = await page.at(page.rid)
    const link = await resumes()
    expect(link.sent[0]).toBe(`<resume ${sm} previd='first' h='1'/>`)
    link.receive(message('2'))
    await bench.pass(0)
    expect(again.reply?.body).toBe(payload(message('2')))
    const { reply } = await page.next(message('3'))
    expect([reply, link.sent.at(-1)]).toEqual([undefined, message('3')])
  })

  test.each(['before', 'after'])('sends once what it repeats %s the link is mended', async when => {
    await sendsUnrecorded(message('a') + message('b'))
    const { page, resumes } = await dies()
    const mended = when === 'after' ? await resumes(1) : undefined
    await page.at(page.rid, message('a') + message('b'))
    const link = mended ?? (await resumes(1))
    await page.next(message('c'))
    expect(link.sent.slice(1).map(text => text.replace(r, ''))).toEqual([message('b'), message('c')])
  })

  test('gets no error for messages that the server has, if it no longer has the stream', async () => {
    await client.next(message('a'))
    await isKept()
    storesNoMore()
    await client.next(message('b'))
    const { page, resumes } = await dies()
    const held = page.next()
    await resumes(2, forgotten(" h='2'"))
    const { reply } = await held
    expect(reply?.body).toContain('terminate')
    expect(reply?.body).not.toContain('remote-server-timeout')
  })

  test('that attached with `rid` minus 1, and got its first reply: its next message is new', async () => {
    const keep = storesNoMore()
    const first = await client.at(client.rid, message('a'))
    await dying.server(() => client.link.receive(message('1')))
    expect(first.reply).toBeUndefined()
    keep.mockRestore()
    await isKept()
    expect(first.reply?.body).toBe(payload(message('1')))
    const { page, link } = await diesAndResumes(1)
    await page.next(message('b'))
    expect(link.sent.at(-1)).toBe(message('b'))
  })

  test('that attached with `rid` minus 1, and sent nothing, need not wait for a record', async () => {
    const away = storesNoMore()
    await dying.server(() => client.link.receive(message('1')))
    expect((await client.at(client.rid)).reply?.body).toBe(payload(message('1')))
    await client.next(message('a'))
    const { page, link } = await diesAndResumes(1)
    await page.at(client.rid, message('a'))
    await page.at(client.rid + 1, message('b'))
    expect(link.sent.join('')).not.toContain('>a<')
    expect(link.sent.at(-1)).toBe(message('b'))
    away.mockRestore()
  })

  test('that attached with `rid` minus 1 and pauses gets its reply after the record', async () => {
    const keep = storesNoMore()
    const first = await client.at(client.rid, message('a'), "pause='30'")
    expect(first.reply).toBeUndefined()
    keep.mockRestore()
    await isKept()
    expect(first.reply?.body).toBe(empty)
  })

  test('must not negotiate TLS in a request that comes long after a later one', async () => {
    const { page, link } = await missesOne()
    const late = await page.at(page.rid, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    expect(late.reply?.body).toContain("condition='bad-request'")
    expect(link.sent.join('')).not.toContain('starttls')
  })

  test('loses nothing if its first request arrives only at the next process, after the second', async () => {
    storesNoMore()
    for (const text of ['y', 'z']) await client.next(message(text))
    const { page, link } = await diesAndResumes(2)
    await page.at(page.rid - 1, message('y'))
    await page.at(page.rid - 2, message('x'))
    expect(link.sent.slice(1).filter(text => text !== '')).toEqual([message('x')])
  })

  test('gets an error for what comes long after a later request, and after the end of its link', async () => {
    const { bench, page, link } = await missesOne()
    for (const text of ['1', '2']) await bench.server(() => link.receive(message(text)))
    link.end({ failure: { step: 'features', code: 'remote-stream-error' }, streamError: '<stream:error/>' })
    expect(bench.registry.bySid(client.sid)?.hasEnded).toBe(true)
    await page.at(page.rid, "<message xmlns='jabber:client' id='x'/>")
    const { reply } = await page.at(page.rid + 2)
    expect(reply?.body).toContain(message('2'))
    expect(reply?.body).toMatch(/ id='x'><error .*remote-server-timeout/)
  })

  test('that is handed over while a request is missing learns that a later one is not accepted', async () => {
    const { bench, page, link } = await diesAfter(5)
    await page.at(page.rid, message('x'))
    const later = await page.at(page.rid + 2, message('z'))
    await bench.resume(page)
    expect([link.sent.slice(1), later.reply?.status]).toEqual([[message('x')], 0])
  })

  test('may repeat a request that comes long after a later one', async () => {
    const { page, link } = await missesOne()
    await page.at(page.rid, message('x'))
    // Until its reply is forgotten.
    for (let later = 1; later < 8; later++) await page.at(page.rid + later)
    await page.at(page.rid, message('x'))
    expect(link.sent.filter(text => text === message('x'))).toHaveLength(1)
  })

  test('may end its session with a request that comes long after a later one', async () => {
    const { bench, page, link } = await missesOne()
    await page.at(page.rid, message('x'), "type='terminate'")
    expect([link.sent.slice(1, 3), bench.registry.size]).toEqual([[message('y'), message('x')], 0])
    expect(bench.logged).toEqual([])
  })

  test('is refused far ahead of the record', async () => {
    await polls()
    const { page } = await dies()
    expect((await page.at(page.rid + 1_000)).reply?.body).toContain('item-not-found')
  })
})

/** A third process continues the session of this one, which stops, or dies just after it has stored a record. */
function nextOf(bench: BoshBench, how: 'stops' | 'dies') {
  const kept = () => JSON.stringify(keptRecordOf(bench.registry.bySid(client.sid)!, bench.clock.now()))
  const third = nextBench({}, about)
  const mending = new FakeMending()
  const record = JSON.parse(how === 'stops' ? recordsOf(bench)[0]! : kept())
  expect(takeUpOne(third, record, mending)).toBe(true)
  const resumesAgain = (count?: number) => resumesAt(third, mending, count)
  return { third, page: movedTo(third, client), resumesAgain }
}

test.each([
  { how: 'stops', isMended: false, when: 'before' },
  { how: 'stops', isMended: true, when: 'after' },
  { how: 'dies', isMended: false, when: 'before' },
  { how: 'dies', isMended: true, when: 'after' },
] as const)(
  'a page sends once what it repeats, if its second process $how $when the link is mended',
  async ({ how, isMended }) => {
    // The server has handled two messages that no record has.
    await sendsUnrecorded(message('a'), message('b'))
    const { bench, resumes } = await dies()
    if (isMended) await resumes(2)
    const { page, resumesAgain } = nextOf(bench, how)
    const link = await resumesAgain(2)
    await page.at(page.rid - 1, message('a'))
    await page.at(page.rid, message('b'))
    await page.next(message('c'))
    expect(link.sent.slice(1).filter(text => text !== '')).toEqual([message('c')])
  },
)

describe('a page that goes before it has repeated what its dead process had sent costs the next page nothing', () => {
  test.each(['before', 'after'])('over WebSocket, %s the link is mended', async when => {
    const { id, bench, page, resumes } = await diesAfterSocket()
    const mended = when === 'after' ? await resumes(1) : undefined
    await comeBack(bench, page, id, 0)
    attachPageSilently(bench, (await bench.resume(page)).token!).receive(stanza('q1'))
    const last = attachPageSilently(bench, (await bench.resume(page)).token!)
    last.receive(stanza('q2'))
    const link = mended ?? (await resumes(1))
    last.receive(stanza('q3'))
    expect(idsIn(link.sent.join(''))).toEqual(['q1', 'q2', 'q3'])
  })

  test.each(['stops', 'dies'] as const)('over WebSocket, if its process %s before the link is mended', async how => {
    const { id, bench, page } = await diesAfterSocket()
    await comeBack(bench, page, id, 0)
    attachPageSilently(bench, (await bench.resume(page)).token!).receive(stanza('q1'))
    const link = await nextOf(bench, how).resumesAgain(1)
    expect(idsIn(link.sent.join(''))).toEqual(['q1'])
  })

  test.each(['WebSocket', 'BOSH'])('over %s, if the next page comes over BOSH to a third process', async before => {
    if (before === 'BOSH') await sendsUnrecorded(message('a'))
    const { bench, page, resumes } = before === 'BOSH' ? await dies() : await diesAfterSocket()
    await resumes(1)
    const { rid } = await bench.resume(page)
    const { page: there, resumesAgain } = nextOf(bench, 'dies')
    const link = await resumesAgain(1)
    await there.at(rid + 1, message('q1'))
    expect(link.sent.slice(1).join('')).toContain(message('q1'))
  })

  test('at a third process, long after it was loaded again', async () => {
    await sendsUnrecorded(message('a'))
    const { bench, page, link } = await diesAndResumes(1)
    const { rid } = await bench.resume(page)
    await page.at(rid, message('q1'))
    link.say(`<a ${sm} h='2'/>`)
    await bench.pass(20)
    const { third, page: there, resumesAgain } = nextOf(bench, 'dies')
    const last = await resumesAgain(2)
    await there.at(rid + 1, message('q2'))
    await third.pass(2)
    expect(last.sent).toContain(message('q2'))
  })
})

test('stanzas that wait for a page that counts them outlive two processes', async () => {
  const { socket, id } = await attachRecorded(dying, client.token!)
  await dying.server(() => client.link.receive(stanza(1), stanza(2)))
  socket.leave()
  const stopped = nextOf(dying, 'stops')
  keepsRecords(stopped.third)
  await stopped.resumesAgain()
  const { page, third, resumesAgain } = nextOf(stopped.third, 'dies')
  const link = await resumesAgain()
  link.receive(stanza(1), stanza(2), stanza(3))
  await third.pass(0)
  const back = await comeBack(third, page, id, 2)
  await third.pass(0)
  expect(idsIn(back.sent.join(''))).toContain('3')
})

test('a stop between two pages: the next stanza is not taken for one that the server repeats', async () => {
  await client.next()
  await dying.server(() => client.link.receive(message('1')))
  // The poll says that the reply has arrived.
  await polls()
  await dying.server(() => client.link.say(r))
  await dying.pass(3)
  expect(client.link.sent.at(-1)).toBe(`<a ${sm} h='1'/>`)
  // For the new page, the last reply is put back.
  await dying.resume(client)
  await dying.pass(2)
  const next = nextBench({}, about)
  keepsRecords(next)
  const mending = new FakeMending()
  expect(takeUpOne(next, JSON.parse(recordsOf(dying)[0]!), mending)).toBe(true)
  const link = await resumesAt(next, mending)
  expect(link.sent[0]).toBe(`<resume ${sm} previd='first' h='1'/>`)
  link.receive(message('2'))
  await next.pass(0)
  const { outbox } = next.registry.bySid(client.sid)!
  expect(outbox.waiting.map(({ text }) => text)).toEqual([message('1'), message('2')])
})

test('a page that came back in the last second resumes its stream', async () => {
  const { socket, id } = await attachRecorded(dying, client.token!)
  await dying.server(() => client.link.receive(stanza(1)))
  socket.leave()
  await isKept()
  await comeBack(dying, client, id, 1)
  await dying.server(() => client.link.receive(stanza(2)))
  const { bench, page } = await diesAndResumes()
  const again = await comeBack(bench, page, id, 2)
  expect(again.sent.at(-1)).toContain('<resumed ')
})

test('a page that was loaded again in the last second goes on', async () => {
  await polls()
  const { rid } = await dying.resume(client)
  await passes(0.05)
  const { page } = await diesAndResumes()
  expect((await page.at(rid)).reply).toBeUndefined()
})

test('a page that got stanzas twice counts fewer than it is told when it is loaded again', async () => {
  await polls()
  await dying.server(() => client.link.receive(message('1') + message('2')))
  const { bench, page, link } = await diesAndResumes()
  link.receive(message('1') + message('2'))
  await page.at(page.rid)
  const session = bench.registry.bySid(client.sid)!
  const resumed = session.resume({ seconds: 120, attachBinding: 'off' } as Parameters<typeof session.resume>[0])
  expect(resumed?.delivered).toBeGreaterThan(4)
})

test('a page that watches the link is told that stanzas may come again', async () => {
  await client.next(`<watch xmlns='${linkNamespace}'/>`)
  await polls()
  const { page } = await diesAndResumes()
  const { reply } = await page.at(page.rid)
  expect(reply?.body).toContain(`<link xmlns='${linkNamespace}' state='up' takeovers='1'/>`)
})

test('an idle session has the whole time for a new link, although its record is old', async () => {
  const take = store.records.take.bind(store.records)
  jest.spyOn(store.records, 'take').mockImplementation(async (key, by, forms) => {
    const taken = await take(key, by, forms)
    return taken !== undefined && 'text' in taken ? { ...taken, writtenAt: Date.now() - 3_600_000 } : taken
  })
  const { bench } = await dies()
  await bench.pass(40)
  expect(bench.registry.byId(client.id)?.hasEnded).toBe(false)
  await bench.pass(30)
  expect(bench.registry.byId(client.id)?.hasEnded).toBe(true)
})

describe('a page with a WebSocket, whose process dies', () => {
  test('sends once what it repeats, and loses nothing', async () => {
    const { socket, id } = await attachRecorded(dying, client.token!)
    await dying.server(() => client.link.receive(stanza(1)))
    socket.receive(ack(1))
    socket.receive(stanza('p1'))
    await isKept()
    storesNoMore()
    socket.receive(stanza('p2'))
    socket.receive(stanza('p3'))
    await dying.server(() => client.link.receive(stanza(2)))
    const { bench, page, resumes } = await dies()
    const back = await comeBack(bench, page, id, 1)
    expect(back.sent[0]).toBe(`<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
    for (const number of ['p2', 'p3']) back.receive(stanza(number))
    const link = await resumes(2)
    expect(link.sent[0]).toBe(`<resume ${sm} previd='first' h='1'/>`)
    expect(idsIn(link.sent.join(''))).toEqual(['p3'])
    link.receive(stanza(2))
    await bench.pass(0)
    expect(idsIn(back.sent.join(''))).toEqual(['2'])
  })

  test('is told only what a record counts, also when it comes back before: it loses nothing', async () => {
    const { socket, id } = await attachRecorded(dying, client.token!)
    await isKept()
    storesNoMore()
    for (const number of ['p1', 'p2', 'p3']) socket.receive(stanza(number))
    await dying.server(() => client.link.say(`<a ${sm} h='2'/>`))
    socket.leave()
    const again = await comeBack(dying, client, id, 0)
    expect(again.sent[0]).toContain(` h='0'`)
    for (const number of ['p1', 'p2', 'p3', 'p4']) again.receive(stanza(number))
    expect(idsIn(client.link.sent.join(''))).toEqual(['p1', 'p2', 'p3', 'p4'])
    const { bench, page, resumes } = await dies()
    const back = await comeBack(bench, page, id, 0)
    for (const number of ['p1', 'p2', 'p3', 'p4', 'p5']) back.receive(stanza(number))
    const link = await resumes(4)
    expect(idsIn(link.sent.join(''))).toEqual(['p5'])
  })

  test('is not told a lower count than it was told', async () => {
    const { socket, id } = await attachRecorded(dying, client.token!)
    await isKept()
    for (const sent of [stanza('p1'), stanza('p2'), request]) socket.receive(sent)
    await isKept()
    expect(socket.sent).toEqual([])
    storesNoMore()
    await dying.server(() => client.link.say(`<a ${sm} h='2'/>`))
    await dying.pass(0.1)
    expect(socket.sent).toEqual([ack(2)])
    const { bench, page } = await dies()
    const next = await comeBack(bench, page, id, 0)
    expect(next.sent.at(-1)).toContain(`h='2'`)
  })

  test('is told that a stanza has arrived only after a record counts it', async () => {
    const { socket } = await attachRecorded(dying, client.token!)
    await isKept()
    const keep = storesNoMore()
    socket.receive(stanza('p1'))
    await dying.server(() => client.link.say(`<a ${sm} h='1'/>`))
    socket.receive(request)
    await dying.pass(0.5)
    expect(socket.sent).toEqual([])
    keep.mockRestore()
    await isKept()
    expect(socket.sent).toEqual([ack(1)])
  })
})

test('a stanza returns to its sender, if its page breaks off before it has repeated what its dead process had sent', async () => {
  client = await dying.warmed({ management: { mending: new FakeMending() } })
  await dying.server(() => client.link.receive("<message xmlns='jabber:client' from='a.example' id='early'/>"))
  await dying.server(() => client.link.say(enabledByServer))
  const { id, bench, page, resumes } = await diesAfterSocket()
  const link = await resumes(1)
  const back = await comeBack(bench, page, id, 0)
  back.leave()
  for (let seconds = 0; seconds < 400; seconds++) await bench.pass(1)
  expect(link.sent.join('')).toMatch(/to='a.example' id='early'><error/)
})

describe('the server of a session', () => {
  const confirmations = () => client.link.sent.join('').match(/<a [^>]*h='\d+'\/>/g) ?? []
  /** The page gets a stanza of the server, and tells with its next requests that it has it. */
  const isTaken = async () => {
    await client.next()
    await dying.server(() => client.link.receive(message('1')))
    await client.next()
    await client.next()
  }
  const asks = async () => {
    await dying.server(() => client.link.say(r))
    await dying.pass(3)
  }

  test('gets its confirmation only after a record counts the stanzas', async () => {
    const keep = storesNoMore()
    await isTaken()
    await asks()
    expect(confirmations()).toEqual([`<a ${sm} h='0'/>`])
    keep.mockRestore()
    await isKept()
    await asks()
    expect(confirmations().at(-1)).toBe(`<a ${sm} h='1'/>`)
  })

  test('gets no confirmation of what comes while the first record is stored', async () => {
    client = await dying.warmed({ management: { mending: new FakeMending() } })
    jest.spyOn(store.records, 'keep').mockReturnValue(new Promise(() => {}))
    await dying.server(() => client.link.say(enabledByServer))
    await dying.pass(0.01)
    await isTaken()
    await asks()
    expect(confirmations()).toEqual([`<a ${sm} h='0'/>`])
  })

  test('gets it without a record while the store is away for long', async () => {
    Object.defineProperty(store, 'isUp', { get: () => false, configurable: true })
    await isTaken()
    for (let seconds = 0; seconds < 32; seconds++) await dying.pass(1)
    await asks()
    expect(confirmations().at(-1)).toBe(`<a ${sm} h='1'/>`)
  })

  test('gets it without a record once no process could continue the session', async () => {
    Object.defineProperty(dying.registry.byId(client.id)!, 'maySetDown', { get: () => false })
    await isTaken()
    await isKept()
    await asks()
    expect(confirmations().at(-1)).toBe(`<a ${sm} h='1'/>`)
  })
})

describe('records', () => {
  test('wait for a second of changes, and not for confirmations of small stanzas', async () => {
    const keep = jest.spyOn(store.records, 'keep')
    await client.next(message('1'))
    await dying.pass(0.8)
    await client.next(message('2'))
    expect(keep).not.toHaveBeenCalled()
    await isKept()
    expect(keep).toHaveBeenCalledTimes(1)
    await dying.server(() => client.link.say(`<a ${sm} h='2'/>`))
    await dying.pass(9)
    expect(keep).toHaveBeenCalledTimes(1)
    // A page would get an error for each if the stream were lost.
    await dying.pass(3)
    expect(keep).toHaveBeenCalledTimes(2)
    await client.next(message('x'.repeat(10_000)))
    await isKept()
    await dying.server(() => client.link.say(`<a ${sm} h='3'/>`))
    await isKept()
    expect(keep).toHaveBeenCalledTimes(4)
    await dying.pass(30)
    expect(keep).toHaveBeenCalledTimes(4)
    await client.next(message('4'))
    await isKept()
    await dying.server(() => client.link.say(`<a ${sm} h='4'/>`))
    await isKept()
    expect(keep).toHaveBeenCalledTimes(5)
    // A new stanza waits no longer because of the confirmation.
    await client.next(message('5'))
    await isKept()
    expect(keep).toHaveBeenCalledTimes(6)
  })

  test('have no text of a stanza that the server still has, and no secret in clear', async () => {
    const keep = jest.spyOn(store.records, 'keep')
    await dying.server(() => client.link.receive(message('x'.repeat(10_000))))
    await polls()
    const { text } = keep.mock.calls.at(-1)![0]![0]!
    expect(text.length).toBeLessThan(3_000)
    for (const secret of [client.sid, client.token!, 'juliet']) expect(text).not.toContain(secret)
  })

  test('of a page whose stanzas the server does not confirm are stored less often', async () => {
    const keep = jest.spyOn(store.records, 'keep')
    const large = message('x'.repeat(200_000))
    const characters = () =>
      keep.mock.calls.flatMap(([records]) => records).reduce((sum, { text }) => sum + text.length, 0)
    await client.next(large)
    await isKept()
    keep.mockClear()
    for (let second = 0; second < 40; second++) {
      await client.next(message('x'), "pause='100'")
      await dying.pass(1)
    }
    expect(keep.mock.calls.length).toBeGreaterThan(3)
    expect(characters()).toBeLessThan(40 * 64 * 1024)
    for (let number = 0; number < 5; number++) await client.next(large, "pause='100'")
    for (let second = 0; second < 60; second++) await dying.pass(1)
    keep.mockClear()
    for (let second = 0; second < 60; second++) {
      await client.next(message('x'), "pause='100'")
      await dying.pass(1)
    }
    expect(keep).not.toHaveBeenCalled()
    await dying.server(() => client.link.say(`<a ${sm} h='106'/>`))
    await isKept()
    expect(characters()).toBeLessThan(3_000)
  })

  test('with stanzas from before `<enabled/>` are stored less often', async () => {
    const bench = new BoshBench({}, undefined, about)
    keepRecords(bench, store, 'dying')
    const page = await bench.warmed({ management: { mending: new FakeMending() } })
    await bench.server(() => page.link.receive(message('x'.repeat(500_000))))
    await bench.server(() => page.link.say(enabledByServer))
    const keep = jest.spyOn(store.records, 'keep')
    for (let second = 0; second < 40; second++) {
      await bench.server(() => page.link.receive(message('x')))
      bench.registry.byId(page.id)!.pause(100 + second)
      await bench.pass(1)
    }
    const sizes = keep.mock.calls.flatMap(([records]) => records.map(({ text }) => text.length))
    expect([sizes.length > 1, sizes.length < 5]).toEqual([true, true])
  })

  test('do not count once confirmations no longer wait for them', async () => {
    const { kept } = dying.registry
    const session = dying.registry.byId(client.id)!
    await isKept()
    expect(kept!.hasRecord(session)).toBe(true)
    const away = storesNoMore()
    await client.next(message('1'))
    for (let second = 0; second < 20; second++) await dying.pass(1)
    expect(kept!.hasRecord(session)).toBe(true)
    for (let second = 0; second < 20; second++) await dying.pass(1)
    expect(kept!.hasRecord(session)).toBe(false)
    away.mockRestore()
    await isKept()
    expect(kept!.hasRecord(session)).toBe(true)
    storesNoMore()
    await client.next(message('2'))
    for (let second = 0; second < 20; second++) await dying.pass(1)
    expect(kept!.hasRecord(session)).toBe(true)
    kept!.keepAgain(session)
    expect(kept!.hasRecord(session)).toBe(false)
  })

  test('go when their session can no longer be continued, and nobody waits for one', async () => {
    const session = dying.registry.byId(client.id)!
    Object.defineProperty(session, 'maySetDown', { get: () => false })
    await client.next(message('1'))
    await isKept()
    await client.next(message('2'))
    await isKept()
    expect(await takenUp(client)).toBeUndefined()
  })

  test('stay while their session is set down, because the last record is stored later', async () => {
    await client.next()
    expect(recordsOf(dying)).toHaveLength(1)
    await isKept()
    expect(await takenUp(client)).toBe('other')
  })

  test('are not taken while their process lives, which is told to the one that asks', async () => {
    expect(await other().records.takeUp({ id: client.id })).toEqual({ keptBy: 'dying' })
  })
})

test('confirmations wait for records while the store takes some of them', async () => {
  const given = jest.fn()
  const clients = [client]
  while (clients.length < 60) clients.push((await resumable(dying, { seconds: 1_000 })).client)
  await isKept()
  for (const { id } of clients) {
    const { counts } = dying.registry.byId(id)!.uplink.managed!
    const kept = counts.keptUpTo.bind(counts)
    jest.spyOn(counts, 'keptUpTo').mockImplementation(count => {
      if (count === Number.POSITIVE_INFINITY) given()
      kept(count)
    })
  }
  const keep = store.records.keep.bind(store.records)
  jest.spyOn(store.records, 'keep').mockImplementation(async (...all) => {
    if (all[0].length < 50) throw unavailable
    return keep(...all)
  })
  for (let second = 0; second < 35; second++) {
    for (const each of clients) await each.next(message('x'))
    await passes(1)
  }
  expect(given).not.toHaveBeenCalled()
})

test('a session that ends while the store does not take its record is forgotten', async () => {
  let refuse: (reason: unknown) => void
  const answer = new Promise<never>((_resolve, reject) => {
    refuse = reject
  })
  jest.spyOn(store.records, 'keep').mockReturnValue(answer)
  await client.next(message('1'))
  await isKept()
  dying.registry.byId(client.id)!.end('client', 'silent')
  Object.assign(store, { isUp: false })
  refuse!(unavailable)
  for (let second = 0; second < 65; second++) await passes(1)
  expect(dying.clock.pending).toBe(0)
})

test('a token that a page has used is not accepted again, although the process dies at once', async () => {
  attachPageSilently(dying, client.token!)
  await passes(0.25)
  await store.leave('dying')
  const { bench, records } = other()
  await records.takeUp({ id: client.id })
  expect(bench.registry.byId(client.id)?.stage.ticket).toBeUndefined()
})

test('a fault in a record ends only its session', async () => {
  const { client: faulty } = await resumable(dying)
  await isKept()
  const keep = jest.spyOn(store.records, 'keep')
  jest.spyOn(dying.registry.byId(faulty.id)!.uplink.managed!, 'keep').mockImplementation(() => {
    throw new Error('a fault')
  })
  await faulty.next()
  await polls()
  expect(keep.mock.calls.flatMap(([records]) => records.map(({ id }) => id))).toEqual([client.id])
  expect([dying.registry.byId(faulty.id), dying.registry.size]).toEqual([undefined, 1])
})

describe('a process that was only silent', () => {
  test('leaves its sessions without a word to the server, when it learns that others have them', async () => {
    const held = await client.next()
    expect(await takenUp(client)).toBe('other')
    client.link.sent.length = 0
    await isKept()
    expect([client.link.sent, client.link.how, dying.registry.size]).toEqual([[], 'cut', 0])
    // The page repeats its request, which then goes to the other process.
    expect(held.reply?.status).toBe(0)
  })

  test.each([
    ['has taken the session', true],
    ['may have taken the session, while the store is away', false],
  ])('tells its page nothing of a conflict if another process %s', async (_what, isUp) => {
    const held = await client.next()
    expect(await takenUp(client)).toBe('other')
    const away = isUp ? undefined : doubts()
    storesNoMore()
    await dying.server(() => client.link.end(conflict))
    await dying.pass(0)
    expect([held.reply?.status, dying.registry.size]).toEqual([0, isUp ? 0 : 1])
    away?.mockRestore()
    await passes(1)
    expect([client.link.sent.join('').includes('</stream'), dying.registry.size]).toEqual([false, 0])
  })

  test('asks at once who has the session, also if its link was mended a moment before', async () => {
    const { bench, client, mending } = await sessionAt('dying', store)
    await isKept(bench)
    await bench.server(() => client.link.end(lost))
    await bench.pass(0)
    const link = await resumesAt(bench, mending)
    jest.spyOn(store.records, 'isOwn').mockReturnValue(new Promise(() => {}))
    await bench.server(() => link.end(lost))
    expect((await client.next(message('1'))).reply?.status).toBe(0)
  })

  test('tells of a conflict at the server when the store is back, and no other process has the session', async () => {
    const told: unknown[] = []
    const tellEvent: TellEvent = (type, { id }, reason) => void told.push([type, id, reason])
    const { bench, client, mending } = await sessionAt('dying', store, tellEvent)
    await client.next()
    await isKept(bench)
    const away = doubts()
    await bench.server(() => client.link.end(conflict))
    await bench.pass(2)
    away.mockRestore()
    told.length = 0
    await bench.pass(5)
    await resumesAt(bench, mending, 0, forgotten())
    expect((await client.next()).reply?.body).toContain('<conflict ')
    expect(told).toEqual([['session.ended', client.id, 'replaced']])
    // Nothing is wrong with the server.
    expect(bench.unmended).toEqual([])
  })

  test('answers no request while it cannot tell who has the session', async () => {
    doubts()
    const held = await client.next()
    await breaks()
    const next = await client.next(message('1'))
    expect([held.reply?.status, next.reply?.status]).toEqual([0, 0])
    jest.restoreAllMocks()
    await passes(1)
    const again = await client.at(client.rid, message('1'))
    expect(again.reply?.status).not.toBe(0)
  })

  test('ends no session by a request that is too large while it cannot tell who has the session', async () => {
    doubts()
    await breaks()
    const reply = dying.manager.refuseTooLarge(
      `<body xmlns='http://jabber.org/protocol/httpbind' rid='${client.rid}' sid='${client.sid}'>`,
      { secure: true, cookies: undefined },
    )
    expect([reply?.status, dying.registry.size]).toEqual([0, 1])
  })
})

test('a page learns that it can resume its stream only after a record has it', async () => {
  const keep = storesNoMore()
  const socket = attachPageSilently(dying, client.token!)
  socket.receive(enable)
  await dying.pass(0.2)
  expect(socket.sent).toEqual([])
  keep.mockRestore()
  await passes(1)
  expect(socket.sent).toEqual([expect.stringContaining('<enabled ')])
})

test('a page learns from the first record on that only recorded stanzas have arrived', async () => {
  const stored = storesSlowly()
  const page = await dying.warmed({ management: { mending: new FakeMending() } })
  const { socket } = attachPageCounting(dying, page.token!)
  page.link.say(enabledByServer)
  await passes(0.1)
  socket.receive(stanza('1'))
  socket.receive(request)
  page.link.say(`<a ${sm} h='1'/>`)
  await passes(0.1)
  expect([socket.sent, stored.length]).toEqual([[], 1])
  stored[0]!()
  for (let looks = 0; looks < 6; looks++) await passes(0.25)
  stored[1]!()
  await passes(0.1)
  expect(socket.sent).toEqual([`<a ${sm} h='1'/>`])
})

test('a page does not learn this from a record that was being stored when it asked', async () => {
  const stored = storesSlowly()
  const socket = attachPageSilently(dying, client.token!)
  await passes(0.1)
  socket.receive(enable)
  stored[0]!()
  await passes(0.1)
  expect([socket.sent, stored.length]).toEqual([[], 2])
  stored[1]!()
  await passes(0.1)
  expect(socket.sent).toEqual([expect.stringContaining('<enabled ')])
})

test.each(['the record is stored', 'three seconds have passed'])(
  'a page that breaks off before it has learned this keeps its session until %s, and longer',
  async then => {
    const keep = storesNoMore()
    const socket = attachPageSilently(dying, client.token!)
    socket.receive(enable)
    await dying.pass(0.2)
    socket.leave()
    if (then === 'the record is stored') keep.mockRestore()
    await passes(4)
    expect(dying.registry.byId(client.id)?.hasEnded).toBe(false)
  },
)

test('a stanza that was dropped behind an inline `<resumed/>` counts as one that the server repeats', async () => {
  const { client: page, mending } = await resumable(dying)
  await dying.server(() => page.link.receive(message('1')))
  await dying.server(() => page.link.events.onDropped!())
  await dying.server(() => page.link.receive(message('2')))
  await dying.server(() => page.link.end(lost))
  await dying.pass(0)
  const [attempt] = mending.attempts
  expect(attempt!.resumption.h).toBe('0')
  const [one, two, last] = ['1', '2', 'new'].map(text => element(message(text)))
  attempt!.succeed(element(resumedByServer(0)), one!, droppedStanza, two!, last!)
  await dying.pass(0)
  expect((await page.next()).reply?.body).toBe(payload(message('1'), message('2'), message('new')))
})

describe('a page whose link breaks while the store does not answer', () => {
  test('goes on if no other process could have its session', async () => {
    doubts()
    for (const name of ['other', 'third']) await store.leave(name)
    const held = await client.next()
    await breaks()
    expect([held.reply, (await client.next(message('1'))).reply?.status]).toEqual([undefined, undefined])
  })

  test('can repeat its held request', async () => {
    const held = await client.next(message('1'))
    jest.spyOn(store.records, 'isOwn').mockRejectedValueOnce(unavailable)
    await breaks()
    expect(held.reply?.status).toBe(0)
    // The next attempt: the session is its own.
    await passes(1)
    const again = await client.at(client.rid, message('1'))
    expect([again.reply?.body.includes('terminate') ?? false, dying.registry.size]).toEqual([false, 1])
  })

  test.each([0, 1])('does not count as away while it repeats its requests (store away: %s)', async isAway => {
    const bench = new BoshBench({ inactivity: 150 }, undefined, about)
    keepsRecords(bench)
    const management = { mending: new FakeMending(600_000) }
    const { client: page } = await resumable(bench, { management, seconds: 150 })
    await isKept(bench)
    let current = await page.next()
    if (isAway) doubts()
    await bench.server(() => page.link.end(lost))
    for (let second = 0; second < 300; second++) {
      await passes(1, bench)
      if (current.reply !== undefined) current = await (current.reply.status === 0 ? page.at(page.rid) : page.next())
    }
    expect(bench.registry.byId(page.id)?.hasEnded).toBe(false)
  })
})

test('a page loses no message if its process dies after its first record', async () => {
  client = await dying.warmed({ management: { mending: new FakeMending() } })
  const { socket, id } = attachPageCounting(dying, client.token!)
  const keep = store.records.keep.bind(store.records)
  let mayStore = () => {}
  const whenever = new Promise<void>(resolve => {
    mayStore = resolve
  })
  jest
    .spyOn(store.records, 'keep')
    .mockImplementationOnce(async (...given) => {
      await whenever
      return keep(...given)
    })
    .mockRejectedValue(unavailable)
  await dying.server(() => client.link.say(enabledByServer))
  // The first record is being stored.
  await dying.pass(0.01)
  socket.receive(stanza('p1'))
  await dying.server(() => client.link.say(`<a ${sm} h='1'/>`))
  socket.receive(request)
  await dying.pass(0.1)
  const isTold = socket.sent.some(text => text.includes(`h='1'`))
  mayStore()
  await passes(0.1)
  const { link, back } = await diesUnder(1)
  back.receive(resume(id, 0))
  // A page forgets what it was told of.
  if (!isTold) back.receive(stanza('p1'))
  back.receive(stanza('p2'))
  expect(link.sent.join('')).toContain(`id='p2'`)
  expect(link.sent.join('')).not.toContain(`id='p1'`)
})

describe('a refusal of the service', () => {
  const isSent = () => client.link.sent.join('').includes(`id='large'`)
  const large = element(
    `<message xmlns='jabber:client' from='romeo@a.example/1' to='juliet@chat.example/balcony' id='large'/>`,
  )

  test('waits for a record although an earlier session ended while the store was away for long', async () => {
    const { client: other } = await resumable(dying)
    await isKept()
    let isUp = false
    Object.defineProperty(store, 'isUp', { get: () => isUp, configurable: true })
    await dying.server(() => other.link.receive(message('1')))
    await dying.pass(2)
    dying.registry.byId(other.id)!.end('logout', 'loggedOut')
    for (let second = 0; second < 30; second++) await dying.pass(1)
    isUp = true
    const away = storesNoMore()
    await dying.server(() => client.link.events.onDropped!(large))
    for (let second = 0; second < 5; second++) await dying.pass(1)
    expect(isSent()).toBe(false)
    away.mockRestore()
  })

  test('that waits for a record is sent if the session ends', async () => {
    await dying.server(link => link.events.onDropped!(large))
    dying.registry.byId(client.id)!.end('logout', 'loggedOut')
    expect(client.link.sent.join('').split(`id='large'`)).toHaveLength(2)
  })

  test('that waits for a record is sent by the next process, if that stores no records', async () => {
    storesNoMore()
    await dying.server(link => link.events.onDropped!(large))
    const bench = nextBench({}, about)
    const [mending] = takeUpAt(bench, recordsOf(dying))
    const link = await resumesAt(bench, mending!)
    expect(link.sent.join('').split(`id='large'`)).toHaveLength(2)
  })

  test('that waits for a record, among many, does not fill the memory', async () => {
    storesNoMore()
    const id = 'x'.repeat(1_000)
    const dropped = { ...large, text: large.text.replace('large', id) }
    await dying.server(link => {
      for (let count = 0; count < 1_000; count++) link.events.onDropped!(dropped)
    })
    for (let second = 0; second < 40; second++) await dying.pass(1)
    const { length } = client.link.sent.join('')
    expect(length > 50_000 && length < 100_000).toBe(true)
  })

  test('is not taken for a stanza that the page repeats', async () => {
    const { socket, id } = await attachRecorded(dying, client.token!)
    await isKept()
    storesNoMore()
    socket.receive(stanza('p1'))
    socket.receive(stanza('p2'))
    const { link, back } = await diesUnder(2)
    back.receive(resume(id, 0))
    back.receive(stanza('p1'))
    link.events.onDropped!(large)
    back.receive(stanza('p2'))
    back.receive(stanza('p3'))
    const sent = link.sent.join('')
    expect(['large', 'p1', 'p2', 'p3'].map(name => sent.includes(`id='${name}'`))).toEqual([true, false, false, true])
  })
})

test('a page that logged in before the doubt does not bind while another process may have the session', async () => {
  const socket = logIn(dying, client.token!)
  doubts()
  await breaks()
  expect(dying.registry.byId(client.id)?.uplink.managed?.isDoubted).toBe(true)
  socket.receive(bind)
  expect(socket.sent.join('')).not.toContain('<jid>')
})

test('a session goes on if its server had not confirmed thousands of small stanzas', async () => {
  const { socket, id } = await attachRecorded(dying, client.token!)
  for (let count = 0; count < 6_000; count++) socket.receive(`<presence xmlns='jabber:client'/>`)
  for (let second = 0; second < 8; second++) await isKept()
  socket.leave()
  const { link, back } = await diesUnder(5_500)
  expect(link.sent.join('').split('<presence ')).toHaveLength(501)
  back.receive(resume(id, 0))
  expect(back.sent.at(-1)).toContain('<resumed ')
})

test('a page whose session another page has used over BOSH since cannot resume its stream', async () => {
  const { socket, id } = await attachRecorded(dying, client.token!)
  socket.receive(stanza('p1'))
  socket.leave()
  const second = await dying.resume(client)
  await second.next(message('b1'))
  expect((await comeBack(dying, second, id, 0)).sent.at(-1)).toContain('<item-not-found ')
})
