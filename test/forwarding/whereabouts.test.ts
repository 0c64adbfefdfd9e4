import { beforeEach, expect, test } from '@jest/globals'
import type { PeerLink } from '../../src/forwarding/peer-links.js'
import type { Owner, Peers } from '../../src/forwarding/peers.js'
import { createWhereabouts, type Whereabouts } from '../../src/forwarding/whereabouts.js'
import { Phase } from '../../src/lib/phase.js'
import { type KeptBy, type OtherForm, type Store, StoreUnavailable } from '../../src/store/store.js'
import { sessionOf } from '../store/entries.js'
import { FakeClock } from '../support/fake-clock.js'
import { memoryStore } from '../support/memory-store.js'

const owners = new Map<string, Owner>(['b', 'c'].map(name => [name, { name, link: {} as PeerLink }]))
const others = new Map(owners)
const key = { secret: 'sid' }

let clock: FakeClock
let store: Store
let records: Set<string>
let taker: string | KeptBy | OtherForm | undefined
let phase: Phase
let isHere: boolean
let isWhole: boolean
let areFilesRead: boolean
let setDown: Promise<void>
let whereabouts: Whereabouts

beforeEach(() => {
  clock = new FakeClock()
  store = memoryStore(clock)
  records = new Set()
  taker = undefined
  phase = new Phase()
  phase.begin('serving')
  isHere = false
  isWhole = true
  areFilesRead = true
  setDown = Promise.resolve()
  const peers = {
    self: 'a',
    ownerNamed: (name: string) => owners.get(name),
    forNewSession: (asked: Set<string>) => [...others.values()].find(({ name }) => !asked.has(name)),
  } as unknown as Peers
  whereabouts = createWhereabouts({
    peers,
    store: {
      sessions: store.sessions,
      readProcesses: store.readProcesses,
      get isWhole() {
        return isWhole
      },
    },
    clock,
    takeUp: async key => {
      if (!records.delete(JSON.stringify(key))) return taker
      isHere = true
      return 'a'
    },
    phase,
    whenSetDown: () => setDown,
    areFilesRead: () => areFilesRead,
  })
})

const put = (process: string) => store.sessions.put([sessionOf('id', { process, secrets: ['sid'] })])
const find = (lost?: string) => whereabouts.find(key, () => isHere, lost)
/** Ends the pause between two looks. */
async function look(pause = 100): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  clock.advance(pause)
}

/** For longer than any session is awaited. */
async function lookOften(): Promise<void> {
  for (let looks = 1; looks < 11; looks++) await look(800)
}

test('a session is here, or at the process that the store names', async () => {
  await put('b')
  expect(await find()).toBe(owners.get('b'))
  isHere = true
  expect(await find()).toBe('here')
})

test('an entry of a process that has lost the session, or has died, does not count', async () => {
  await put('b')
  records.add(JSON.stringify(key))
  expect(await find('b')).toBe('here')
  isHere = false
  await put('dead')
  expect(await find()).toBeUndefined()
})

test('a session that another process is taking up is awaited', async () => {
  taker = 'c'
  const found = find('b')
  for (const pause of [100, 200, 400]) await look(pause)
  await put('c')
  await look(800)
  expect(await found).toBe(owners.get('c'))
})

test.each(['a', 'b'])('a session that %s has taken up, and does not have, is not awaited', async process => {
  taker = process
  expect(await find('b')).toBeUndefined()
})

test.each<[string, () => unknown]>([
  ['in another form', () => (taker = { form: '2' })],
  ['that another worker may read from a file, as both start,', () => (areFilesRead = false)],
])('a session %s is awaited for six seconds: then no process can take it up', async (_what, begin) => {
  begin()
  const found = find()
  for (const pause of [100, 200, 400, 800]) await look(pause)
  await put('c')
  await look(800)
  expect(await found).toBe(owners.get('c'))
  await store.sessions.remove(['id'], 'c')
  const none = find()
  await lookOften()
  expect(await none).toBeUndefined()
})

test.each([
  ['whose process is silent is not unknown: its process can still be dead', { keptBy: 'dead' }],
  ['that a busy process takes up is not unknown', 'c'],
])('a session %s', async (_what, by) => {
  taker = by
  const refused = expect(find()).rejects.toBeInstanceOf(StoreUnavailable)
  await lookOften()
  await refused
})

test('a process that stops takes nothing up, and names another process that can', async () => {
  phase.begin('draining')
  records.add(JSON.stringify(key))
  expect(await find()).toBe(owners.get('b'))
  expect(await find('b')).toBe(owners.get('c'))
  expect(records.size).toBe(1)
})

test('a process that stops awaits the entry of a process that died, and then names one that takes its session up', async () => {
  phase.begin('draining')
  await put('dead')
  const found = find('dead')
  for (const pause of [100, 200, 400]) await look(pause)
  await store.sessions.remove(['id'], 'dead')
  await look(800)
  expect(await found).toBe(owners.get('b'))
  await put('dead')
  const refused = expect(find('dead')).rejects.toBeInstanceOf(StoreUnavailable)
  await lookOften()
  await refused
})

test('nothing is said about a session while the store is not whole, or if only a later process can take it up', async () => {
  isWhole = false
  await expect(find()).rejects.toThrow(StoreUnavailable)
  isWhole = true
  phase.begin('stopping')
  for (const name of owners.keys()) others.delete(name)
  await expect(find()).rejects.toThrow(StoreUnavailable)
})

test.each<[string, () => Promise<unknown>]>([
  ['of another process', () => whereabouts.arrives(key, () => isHere)],
  ['of a client', () => find()],
])('a request %s is answered only after this process has set its sessions down', async (_whose, request) => {
  await put('b')
  isHere = true
  phase.begin('setting-down')
  let isSetDown = () => {}
  setDown = new Promise(resolve => {
    isSetDown = resolve
  })
  const answer = request()
  await look()
  isHere = false
  isSetDown()
  expect([false, owners.get('b')]).toContain(await answer)
})
