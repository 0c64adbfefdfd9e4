import { createSecretKey, randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { Phase } from '../../../src/lib/phase.js'
import { formOf, StoredRecords } from '../../../src/session/registry/stored-records.js'
import { type Store, StoreUnavailable } from '../../../src/store/store.js'
import { sessionOf } from '../../store/entries.js'
import { sessionsIn } from '../../support/bench-sessions.js'
import { BoshBench } from '../../support/bosh-bench.js'
import { FakeClock } from '../../support/fake-clock.js'
import { type FakeProcess, FakeProcesses } from '../../support/fake-processes.js'
import { memoryStore } from '../../support/memory-store.js'

const jid = 'juliet@chat.example/balcony'
const key = createSecretKey(randomBytes(32))
const user = 'juliet@chat.example'
const there = sessionOf('there', { process: '', jid, user, state: 'elsewhere', openedAt: 1_000 })
const all = { scope: ['*'], limit: 100, after: undefined }
const handover = { seconds: 30, attachBinding: 'off' } as const

test('sessions at a remote endpoint are listed with the others, and not ended', async () => {
  const bench = new BoshBench()
  const { id: first } = await bench.warmed()
  await bench.pass(2)
  const { id: last } = await bench.warmed()
  const known = sessionsIn(bench, { elsewhere: [there] })
  const ids = async (jid?: string) => (await known.page({ ...all, jid })).sessions.map(({ id }) => id)
  expect(await ids()).toEqual([first, 'there', last])
  expect(await ids(jid)).toEqual([first, 'there', last])
  expect(Object.fromEntries(await known.states(['*']))).toEqual({ waiting: 2, elsewhere: 1 })
  const states = [first, 'there', 'nowhere'].map(async id => (await known.get(id))?.state)
  expect(await Promise.all(states)).toEqual(['waiting', 'elsewhere', undefined])
  expect(await known.resume('there', handover)).toBeUndefined()
  expect([await known.end('there'), await known.end(first)]).toEqual([false, true])
  expect(await ids()).toEqual(['there', last])
  expect(await known.endAll({ jid })).toEqual({ ended: 1, elsewhere: 1 })
  expect(await ids()).toEqual(['there'])
  const ofVisit = sessionsIn(bench, { elsewhere: [{ ...there, tab: { admin: 'portal', user, visit: 'v1', tab: '' } }] })
  const ended = await ofVisit.endAll({ visit: { admin: 'portal', visit: 'v1' }, scope: ['*'] })
  expect(ended).toEqual({ ended: 0, elsewhere: 1 })
})

describe('with several processes', () => {
  let store: Store
  let processes: FakeProcesses
  let here: Member
  let other: Member
  let clock: FakeClock
  let phase: Phase

  interface Member {
    readonly self: FakeProcess
    readonly bench: BoshBench
    readonly known: ReturnType<typeof sessionsIn>
  }

  function start(name: string): Member {
    const self = processes.start(name)
    const bench = new BoshBench({}, undefined, { processName: name })
    const records = new StoredRecords({
      ...{ self: name, store, keys: () => [key], clock, seconds: 300, phase, log: bench.log },
      take: () => false,
      end() {},
    })
    return { self, bench, known: sessionsIn(bench, { others: self, store, records }) }
  }

  beforeEach(() => {
    clock = new FakeClock()
    store = memoryStore(clock, 0)
    phase = new Phase()
    phase.begin('serving')
    processes = new FakeProcesses()
    here = start('aaaaaaaa')
    other = start('bbbbbbbb')
  })

  const failing = async () => Promise.reject(new StoreUnavailable('no-answer'))
  const isMarked = (id: string) => store.ended.isEnded({ id, openedAt: 0 })

  test('each lists the sessions of all, with their processes', async () => {
    const { id: first } = await here.bench.warmed()
    await other.bench.pass(1)
    const { id: last } = await other.bench.warmed()
    for (const { known } of [here, other]) {
      const { sessions, total } = await known.page(all)
      const rows = sessions.map(({ id, process, jid }) => `${id} ${process} ${jid}`)
      expect([total, rows]).toEqual([2, [`${first} aaaaaaaa ${jid}`, `${last} bbbbbbbb ${jid}`]])
      expect(await known.states(['*'])).toEqual(new Map([['waiting', 2]]))
      expect((await known.getMany([last, first, 'none'])).map(({ id }) => id)).toEqual([last, first])
      expect(known.processes).toEqual(['aaaaaaaa', 'bbbbbbbb'])
    }
    expect(await here.known.get(last)).toMatchObject({ process: 'bbbbbbbb', state: 'waiting', openedAt: 1_000 })
    expect(await other.known.get(last)).toMatchObject({ process: 'bbbbbbbb', state: 'waiting', openedAt: 1_000 })
    await expect(here.known.resume(last, handover)).rejects.toMatchObject({ code: 'session-unreachable' })
  })

  test('a session that another process takes up at the moment is found', async () => {
    let taker: string | undefined = 'bbbbbbbb'
    const records = { takeUp: async () => taker, end: async () => false }
    const known = sessionsIn(here.bench, { others: here.self, store, records })
    const found = known.get('bbbbbbbb-1')
    await new Promise(setImmediate)
    await store.sessions.put([sessionOf('bbbbbbbb-1', { process: 'bbbbbbbb' })])
    here.bench.clock.advance(100)
    expect((await found)?.process).toBe('bbbbbbbb')
    const missing = expect(known.get('bbbbbbbb-2')).rejects.toMatchObject({ code: 'store-unavailable' })
    await new Promise(setImmediate)
    here.bench.clock.advance(100)
    await missing
    taker = undefined
    expect(await known.get('bbbbbbbb-2')).toBeUndefined()
  })

  test('a session in another form is awaited, and is unknown if no process takes it up', async () => {
    await store.records.put([{ id: 'other', secrets: [], form: '2', text: 'sealed' }], 'stopping', 300)
    const look = async () => {
      await new Promise(setImmediate)
      here.bench.clock.advance(800)
    }
    const none = here.known.get('other')
    for (let looks = 1; looks < 11; looks++) await look()
    expect(await none).toBeUndefined()
    const found = here.known.get('other')
    await look()
    await store.sessions.put([sessionOf('other', { process: 'bbbbbbbb' })])
    await look()
    expect((await found)?.process).toBe('bbbbbbbb')
  })

  test('a list shows the states of this moment', async () => {
    const client = await here.bench.warmed()
    await client.next()
    expect((await here.known.page({ ...all, state: 'held' })).total).toBe(1)
    expect((await other.known.get(client.id))?.state).toBe('held')
  })

  test('a session of another process is ended there', async () => {
    const { id } = await other.bench.warmed()
    expect(await here.known.end(id)).toBe(true)
    expect([other.bench.registry.size, await here.known.end(id)]).toEqual([0, false])
  })

  test('a session whose process is silent counts as ended, because its process will read the mark', async () => {
    const { id } = await other.bench.warmed()
    other.self.isSilent = true
    const missed: (readonly string[])[] = []
    store.ended.missed = async processes => void missed.push(processes)
    expect(await here.known.end(id)).toBe(true)
    expect([other.bench.registry.size, await isMarked(id), missed]).toEqual([1, true, [['bbbbbbbb']]])
    store.ended.missed = failing
    await expect(here.known.end(id)).rejects.toMatchObject({ code: 'session-unreachable' })
    store.ended.mark = failing
    await expect(here.known.end(id)).rejects.toMatchObject({ code: 'session-unreachable' })
  })

  test('a session that was set down is ended for good, also if its entry still names the process', async () => {
    await store.sessions.put([sessionOf('down', { process: 'bbbbbbbb' })])
    await store.records.put([{ id: 'down', secrets: [], form: formOf(key), text: 'sealed' }], 'stopping', 300)
    expect([await here.known.end('down'), await here.known.end('down')]).toEqual([true, false])
    expect([await store.records.take({ id: 'down' }, 'b', [formOf(key)]), await isMarked('down')]).toEqual([
      { by: 'aaaaaaaa' },
      true,
    ])
  })

  test('all sessions of a user are ended, also in silent processes', async () => {
    await here.bench.warmed()
    await other.bench.warmed()
    const silent = start('cccccccc')
    await silent.bench.warmed()
    silent.self.isSilent = true
    expect(await here.known.endAll({ jid })).toEqual({ ended: 3, elsewhere: 0 })
    expect([here.bench, other.bench, silent.bench].map(({ registry }) => registry.size)).toEqual([0, 0, 1])
    const session = sessionOf('1', { jid, user: 'juliet@chat.example', openedAt: Date.now() - 1_000 })
    expect(await store.ended.isEnded(session)).toBe(true)
    expect(await store.ended.isEnded({ ...session, openedAt: Date.now() + 1_000 })).toBe(false)
  })

  test('a session is ended by its full JID, however its server spells it, also in a silent process', async () => {
    const bound = { jid: 'Juliet@Chat.Example/balcony', user: 'juliet@chat.example', domain: 'chat.example' }
    const session = sessionOf('1', { ...bound, process: 'bbbbbbbb', openedAt: Date.now() - 1_000 })
    await store.sessions.put([session])
    other.self.isSilent = true
    const listed = { ...all, user: 'juliet@chat.example', jid: 'juliet@chat.example/balcony' }
    expect((await here.known.page(listed)).total).toBe(1)
    expect(await here.known.endAll({ jid: 'juliet@chat.example/other' })).toMatchObject({ ended: 0 })
    expect(await store.ended.isEnded(session)).toBe(false)
    expect(await here.known.endAll({ jid: 'juliet@chat.example/balcony' })).toMatchObject({ ended: 1 })
    expect(await store.ended.isEnded(session)).toBe(true)
  })

  test('without the store, all reachable sessions of a user are ended, and the call fails', async () => {
    await here.bench.warmed()
    await other.bench.warmed()
    store.ended.mark = failing
    await expect(here.known.endAll({ jid })).rejects.toMatchObject({ code: 'store-unavailable' })
    expect([here.bench.registry.size, other.bench.registry.size]).toEqual([0, 0])
  })

  test('without the store, or while it is not whole, only sessions of this process can be read', async () => {
    const { id } = await here.bench.warmed()
    const known = sessionsIn(here.bench, { others: here.self, store: { ...store, isWhole: false } })
    await expect(known.get('bbbbbbbb-2')).rejects.toMatchObject({ code: 'store-unavailable' })
    store.sessions.find = failing
    store.sessions.page = failing
    expect(await here.known.get(id)).toMatchObject({ state: 'waiting' })
    await expect(here.known.get('bbbbbbbb-1')).rejects.toMatchObject({ code: 'store-unavailable' })
    await expect(here.known.page(all)).rejects.toMatchObject({ code: 'store-unavailable' })
  })

  test('a process that seems to have died has no sessions, but its sessions end, because it may live', async () => {
    const { id } = await other.bench.warmed()
    other.self.isDead = true
    const missed: unknown[] = []
    store.ended.missed = async processes => void missed.push(processes)
    expect([await here.known.get(id), await here.known.end(id)]).toEqual([undefined, true])
    expect(await here.known.endAll({ jid: 'juliet@chat.example', scope: ['*'] })).toMatchObject({ ended: 1 })
    expect(missed).toEqual([['bbbbbbbb'], ['bbbbbbbb']])
  })

  test('a session may be at a process that is lost, unless another has taken it', async () => {
    other.self.isLost = true
    await store.records.keep([{ id: 'bbbbbbbb-2', secrets: [], form: formOf(key), text: 'sealed' }], 'bbbbbbbb', 300)
    await store.records.take({ id: 'bbbbbbbb-2' }, 'aaaaaaaa', [formOf(key)])
    const ids = ['bbbbbbbb-1', 'bbbbbbbb-2', 'aaaaaaaa-1', '1']
    expect(await Promise.all(ids.map(id => here.known.isLost(id)))).toEqual([true, false, false, false])
  })
})
