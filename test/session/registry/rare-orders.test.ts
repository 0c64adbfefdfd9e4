// Counts of stanzas in orders of events that are rare: nothing that waits is confirmed, and nothing is sent twice.
import { beforeEach, expect, jest, test } from '@jest/globals'
import { type Store, StoreUnavailable } from '../../../src/store/store.js'
import {
  attachPageCounting,
  attachPageSilently,
  bind,
  enable,
  logIn,
  request,
  resume,
  stanza,
} from '../../browsers/websocket/pages.js'
import { BoshBench, type Client, FakeMending, message } from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'
import {
  enabledByServer,
  movedTo,
  nextBench,
  resumable,
  resumedByServer,
  takeUpOne,
} from '../../support/next-process.js'
import { attachRecorded, keepRecords, recordsOfProcess, sessionAt, sm, storeOf } from './conversation.js'

const about = { issuesTickets: true }
const unavailable = new StoreUnavailable('no-answer')

let store: Store
let dying: BoshBench
let client: Client

beforeEach(async () => {
  store = await storeOf('dying', 'other')
  ;({ bench: dying, client } = await sessionAt('dying', store))
})

async function isKept(bench = dying): Promise<void> {
  await bench.pass(1.1)
  await bench.pass(0)
}

const storesNoMore = () => jest.spyOn(store.records, 'keep').mockRejectedValue(unavailable)

/** The process dies after its server has got `count` stanzas. The page is back at the next process. */
async function diesAfter(count: number) {
  await store.leave('dying')
  const bench = nextBench({}, about)
  const mending = new FakeMending()
  const records = recordsOfProcess(bench, store, 'other', record => takeUpOne(bench, record, mending))
  expect(await records.takeUp({ secret: client.sid })).toBe('other')
  const link = mending.attempts[0]!.succeed(element(resumedByServer(count)))
  await bench.pass(0)
  return { link, back: logIn(bench, (await bench.resume(movedTo(bench, client))).token!) }
}

test('an outage that is over is not counted later', async () => {
  await isKept()
  let isUp = false
  Object.defineProperty(store, 'isUp', { get: () => isUp, configurable: true })
  const session = dying.registry.bySid(client.sid)!
  // Something that changes no record.
  session.run(() => {})
  await dying.pass(1)
  isUp = true
  await dying.pass(5)
  await dying.pass(60)
  const keep = jest.spyOn(store.records, 'keep').mockReturnValue(new Promise(() => {}))
  const socket = attachPageSilently(dying, client.token!)
  socket.receive(enable)
  await dying.pass(0.5)
  await dying.pass(0.5)
  expect([keep.mock.calls.length > 0, dying.registry.kept!.hasRecord(session)]).toEqual([true, true])
  expect(socket.sent).toEqual([])
})

/** The service pings the server, which answers late that it counts stanzas. Returns the ping's id. */
async function pingedBeforeEnabled(bench: BoshBench, { link }: Client): Promise<string> {
  await bench.pass(11)
  await bench.pass(1)
  const id = / id='([^']+)' to=/.exec(link.sent.find(text => text.includes('urn:xmpp:ping'))!)![1]!
  await bench.server(() => link.say(enabledByServer))
  return id
}

test('the answer to the ping of the service confirms no stanza that waits', async () => {
  const bench = new BoshBench({}, undefined, { serverMilliseconds: 40_000 })
  const page = await bench.warmed({ management: { mending: new FakeMending() } })
  await page.next(message('x'))
  const id = await pingedBeforeEnabled(bench, page)
  await bench.server(() => page.link.receive(message('a')))
  await bench.server(() => page.link.receive(message('b')))
  await bench.server(() => page.link.receive(`<iq xmlns='jabber:client' type='result' id='${id}'/>`))
  await bench.server(() => page.link.say(`<r ${sm}/>`))
  await bench.pass(2.25)
  expect(page.link.sent.at(-1)).toBe(`<a ${sm} h='0'/>`)
})

test('a page repeats what was sent before and after a ping of the service: it is sent once', async () => {
  const bench = new BoshBench({}, undefined, { ...about, serverMilliseconds: 40_000 })
  const page = await bench.warmed({ management: { mending: new FakeMending() } })
  const { socket, id } = attachPageCounting(bench, page.token!)
  socket.receive(stanza('p1'))
  await pingedBeforeEnabled(bench, page)
  socket.receive(stanza('p2'))
  socket.leave()
  const back = logIn(bench, (await bench.resume(page)).token!)
  back.receive(resume(id, 0))
  for (const name of ['p1', 'p2']) back.receive(stanza(name))
  const sent = page.link.sent.join('')
  expect([sent.split(`id='p1'`).length - 1, sent.split(`id='p2'`).length - 1]).toEqual([1, 1])
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
  await dying.pass(0.1)
  await dying.pass(0)
  const { link, back } = await diesAfter(1)
  back.receive(resume(id, 0))
  // A page forgets what it was told of.
  if (!isTold) back.receive(stanza('p1'))
  back.receive(stanza('p2'))
  expect(link.sent.join('')).toContain(`id='p2'`)
  expect(link.sent.join('')).not.toContain(`id='p1'`)
})

test('a session that fails leaves its stanzas that wait to the server', async () => {
  await dying.server(() => client.link.receive(message('waits')))
  const session = dying.registry.bySid(client.sid)!
  session.run(() => {
    throw new TypeError('not foreseen')
  })
  expect(dying.registry.size).toBe(0)
  expect(client.link.sent).toEqual([`<a ${sm} h='0'/>`])
})

test('a stanza that was dropped long ago does not make the server keep one that the page has', async () => {
  const { bench, client: page } = await resumable(new BoshBench({ inactivity: 60 }))
  await bench.server(() => page.link.receive(message('1')))
  await bench.server(() => page.link.events.onDropped!())
  // The page gets it, and says so.
  await page.next()
  await page.next()
  await bench.server(() => page.link.receive(message('2')))
  await page.next()
  await bench.pass(61)
  const session = bench.registry.bySid(page.sid)!
  expect(session.undelivered).toBe(0)
  await bench.server(() => page.link.receive(message('3')))
  expect(session.undelivered).toBe(1)
  await bench.pass(200)
  expect(bench.registry.size).toBe(0)
  expect(page.link.sent.at(-1)).toBe(`<a ${sm} h='3'/>`)
})

const large = element(
  `<message xmlns='jabber:client' from='romeo@a.example/1' to='juliet@chat.example/balcony' id='large'/>`,
)

test('a refusal that the dead process has sent is not taken for a stanza of the page', async () => {
  const { socket, id } = await attachRecorded(dying, client.token!)
  await isKept()
  await dying.server(link => link.events.onDropped!(large))
  await isKept()
  const isSent = () => client.link.sent.join('').includes(`id='large'`)
  expect(isSent()).toBe(true)
  const keep = storesNoMore()
  await dying.server(link => link.events.onDropped!({ ...large, text: large.text.replace('large', 'second') }))
  await isKept()
  expect(keep).toHaveBeenCalled()
  expect(client.link.sent.join('')).not.toContain('second')
  socket.leave()
  const { link, back } = await diesAfter(1)
  back.receive(resume(id, 0))
  back.receive(stanza('p1'))
  expect(link.sent.join('')).toContain(`id='p1'`)
})

test('refusals do not wait for a record while the store is away for long', async () => {
  await isKept()
  storesNoMore()
  await dying.server(link => link.events.onDropped!(large))
  const isSent = () => client.link.sent.join('').includes(`id='large'`)
  for (let second = 0; second < 20; second++) await dying.pass(1)
  expect(isSent()).toBe(false)
  for (let second = 0; second < 20; second++) await dying.pass(1)
  expect(isSent()).toBe(true)
})

test('a refusal that waits for a record is sent if the session ends', async () => {
  await isKept()
  await dying.server(link => link.events.onDropped!(large))
  dying.registry.byId(client.id)!.end('logout', 'loggedOut')
  expect(client.link.sent.join('').split(`id='large'`)).toHaveLength(2)
})

test('refusals that wait for a record do not fill the memory', async () => {
  await isKept()
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

test.each([false, true])('stanzas from before `<enabled/>` outlive the process (a late answer: %s)', async isLate => {
  const bench = new BoshBench({}, undefined, about)
  keepRecords(bench, store, 'dying')
  client = await bench.warmed({ management: { mending: new FakeMending() } })
  await bench.server(() => client.link.receive(message('early')))
  // The process looks whether it could store a record.
  if (isLate) await isKept(bench)
  await bench.server(() => client.link.say(enabledByServer))
  await isKept(bench)
  const { back } = await diesAfter(0)
  for (const text of [bind, enable]) back.receive(text)
  expect(back.sent.join('')).toContain('early')
})

test('a refusal of the service is not taken for a stanza that the page repeats', async () => {
  const { socket, id } = await attachRecorded(dying, client.token!)
  await isKept()
  storesNoMore()
  socket.receive(stanza('p1'))
  socket.receive(stanza('p2'))
  const { link, back } = await diesAfter(2)
  back.receive(resume(id, 0))
  back.receive(stanza('p1'))
  link.events.onDropped!(large)
  back.receive(stanza('p2'))
  back.receive(stanza('p3'))
  const sent = link.sent.join('')
  expect(['large', 'p1', 'p2', 'p3'].map(name => sent.includes(`id='${name}'`))).toEqual([true, false, false, true])
})

test('a page whose session another page has used over BOSH since cannot resume its stream', async () => {
  const { bench, client: first } = await resumable(new BoshBench({}, undefined, about))
  const { socket, id } = attachPageCounting(bench, first.token!)
  socket.receive(stanza('p1'))
  socket.leave()
  const second = await bench.resume(first)
  await second.next(message('b1'))
  const back = logIn(bench, (await bench.resume(second)).token!)
  back.receive(resume(id, 0))
  const [, h] = / h='(\d+)'/.exec(back.sent.at(-1)!) ?? []
  // What the page repeats.
  if (h === '0') back.receive(stanza('p1'))
  const sent = first.link.sent.join('')
  expect(sent.split(`id='p1'`).length - 1).toBe(1)
})

test('a page that logged in before the doubt does not bind while another process may have the session', async () => {
  await isKept()
  const socket = logIn(dying, client.token!)
  jest.spyOn(store.records, 'isOwn').mockRejectedValue(unavailable)
  await dying.server(() => client.link.end({ failure: { step: 'features', code: 'remote-connection-failed' } }))
  await dying.pass(0)
  expect(dying.registry.byId(client.id)?.uplink.managed?.isDoubted).toBe(true)
  socket.receive(bind)
  expect(socket.sent.join('')).not.toContain('<jid>')
})

test('a session goes on if its server had not confirmed thousands of small stanzas', async () => {
  const { socket, id } = await attachRecorded(dying, client.token!)
  for (let count = 0; count < 6_000; count++) socket.receive(`<presence xmlns='jabber:client'/>`)
  for (let second = 0; second < 8; second++) await isKept()
  socket.leave()
  const { link, back } = await diesAfter(5_500)
  expect(link.sent.join('').split('<presence ')).toHaveLength(501)
  back.receive(resume(id, 0))
  expect(back.sent.at(-1)).toContain('<resumed ')
})
