import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { SessionBook } from '../../../src/session/registry/session-book.js'
import { Session } from '../../../src/session/session.js'
import { type PageWish, type Store, type StoredSession, StoreUnavailable } from '../../../src/store/store.js'
import { sessionOf } from '../../store/entries.js'
import { bookOf } from '../../support/bench-sessions.js'
import { BoshBench, lost, message } from '../../support/bosh-bench.js'
import { FakeProcesses } from '../../support/fake-processes.js'
import { memoryStore } from '../../support/memory-store.js'

const self = 'aaaaaaaa'
const jid = 'juliet@chat.example/balcony'
const all: PageWish = { scope: ['*'], limit: 100 }

let bench: BoshBench
let store: Store
let book: SessionBook
let reports: unknown[]
let elsewhere: StoredSession[]

beforeEach(() => {
  bench = new BoshBench({}, undefined, { processName: self, issuesTickets: true })
  elsewhere = []
  const made = bookOf(bench, { others: new FakeProcesses().start(self), store: memoryStore(bench.clock, 0), elsewhere })
  book = made.book
  store = made.store
  reports = made.reports
  bench.registry.book = book
})

const stored = async () => (await store.sessions.page(all)).sessions
const failing = async () => Promise.reject(new StoreUnavailable('no-connection'))

describe('a session of this process', () => {
  test('is in the store from its opening, for the user of its login', async () => {
    const login = bench.login(`jid='${jid}'`)
    expect(await stored()).toMatchObject([{ process: self, domain: 'chat.example', jid: undefined, state: 'opening' }])
    await bench.server(link => link.open())
    const { id } = await bench.handOver(login, { jid })
    expect(await stored()).toMatchObject([{ id, jid, user: 'juliet@chat.example', origin: 'warmed', state: 'waiting' }])
  })

  test('is found by its sid and its token, and by the new ones after a resumption', async () => {
    const client = await bench.warmed()
    const key = () => bench.registry.byId(client.id)!.stage.ticket!.key
    const before = key()
    for (const secret of [client.sid, before])
      expect(await store.sessions.find({ secret })).toMatchObject([{ id: client.id }])
    await bench.resume(client)
    expect(key()).not.toBe(before)
    expect(await store.sessions.find({ secret: key() })).toMatchObject([{ id: client.id }])
    expect(await store.sessions.find({ secret: before })).toEqual([])
  })

  test('is removed in one call with all that end in the same turn', async () => {
    const ids = [(await bench.warmed()).id, (await bench.warmed()).id]
    const remove = jest.spyOn(store.sessions, 'remove')
    for (const id of ids) bench.registry.byId(id)!.end('logout', 'silent')
    await new Promise(setImmediate)
    expect(remove.mock.calls).toEqual([[ids, self]])
    expect(await stored()).toEqual([])
  })

  test('stays if it is set down while its process stops, because its record is stored later', async () => {
    const [moved, ended] = [await bench.warmed(), await bench.warmed()]
    bench.phase.begin('stopping')
    bench.registry.remove(bench.registry.byId(moved.id)!, true)
    bench.registry.byId(ended.id)!.end('logout', 'silent')
    book.writeRemoved()
    expect(await stored()).toMatchObject([{ id: moved.id }])
  })

  test('does not count for its user after its end, while its page does not know the end', async () => {
    const { id } = await bench.warmed()
    bench.registry.byId(id)!.end('shutdown', 'afterDelivery')
    expect([bench.registry.size, await store.sessions.count('user', 'juliet@chat.example')]).toEqual([1, 0])
  })

  test('is written again with each change of its state, and not looked at while nothing changes it', async () => {
    const client = await bench.warmed()
    const change = jest.spyOn(store.sessions, 'change')
    book.tick()
    const looks = jest.spyOn(Session.prototype, 'view', 'get')
    for (let second = 0; second < 5; second++) book.tick()
    expect([looks, change].map(({ mock }) => mock.calls)).toEqual([[], []])
    looks.mockRestore()
    await client.next()
    for (let second = 0; second < 5; second++) book.tick()
    expect(change).toHaveBeenCalledTimes(1)
    expect(await stored()).toMatchObject([{ state: 'held', transport: 'bosh' }])
  })

  test('that another process has taken over is left alone', async () => {
    const client = await bench.warmed()
    await store.sessions.put([sessionOf(client.id, { process: 'bbbbbbbb' })])
    await client.next()
    await book.write()
    bench.registry.byId(client.id)!.end('logout', 'silent')
    expect(await stored()).toMatchObject([{ id: client.id, process: 'bbbbbbbb' }])
  })
})

test('sessions at remote endpoints are in the store while they exist', async () => {
  elsewhere.push(sessionOf('there', { process: self, state: 'elsewhere', openedAt: 5 }))
  await book.write()
  expect(await stored()).toMatchObject([{ id: 'there', state: 'elsewhere', openedAt: 5, process: self }])
  elsewhere.pop()
  await book.write()
  expect(await stored()).toEqual([])
})

test('all sessions are listed for a store that has lost them', async () => {
  const { id, sid } = await bench.warmed()
  expect([...book.sessions()]).toMatchObject([{ id, process: self, secrets: [sid, expect.any(String)] }])
})

test('sessions that were ended while this process was silent end, also one that waits without its server', async () => {
  const [first, orphan, second] = [await bench.warmed(), await bench.warmed(), await bench.warmed()]
  await bench.server(() => orphan.link.receive(message('waits')))
  await bench.server(() => orphan.link.end(lost))
  for (const { id } of [first, orphan]) await store.ended.mark({ id }, 300)
  await book.endMarked()
  expect([...bench.registry.all()].map(({ id }) => id)).toEqual([second.id])
})

test('a login that was under way then ends when its user is known', async () => {
  const login = bench.login(`jid='${jid}'`)
  await store.ended.mark({ jid: 'juliet@chat.example', at: Date.now() }, 300)
  await book.endMarked()
  await bench.server(link => link.open())
  await bench.handOver(login, { jid })
  await new Promise(setImmediate)
  expect(bench.registry.size).toBe(0)
})

test('an outage is not reported for each session, but other errors are', async () => {
  store.sessions.put = failing
  await bench.warmed()
  expect(reports).toEqual([])
  const error = new Error('broken')
  store.sessions.put = async () => Promise.reject(error)
  await bench.warmed()
  expect(reports).toContain(error)
})
