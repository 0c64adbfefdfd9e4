import { beforeEach, expect, test } from '@jest/globals'
import type { PeerLink } from '../../src/forwarding/peer-links.js'
import type { Owner, Peers } from '../../src/forwarding/peers.js'
import { createWhereabouts, type Whereabouts } from '../../src/forwarding/whereabouts.js'
import { type SessionEntry, type Store, StoreUnavailable } from '../../src/store/store.js'
import { FakeClock } from '../support/fake-clock.js'
import { memoryStore } from '../support/memory-store.js'

const owner = (name: string): Owner => ({ name, link: {} as PeerLink })
const owners = new Map(['b', 'c'].map(name => [name, owner(name)]))
const others = new Map(owners)
const key = { secret: 'sid' }

let clock: FakeClock
let store: Store
let records: Set<string>
let mayTakeUp: boolean
let isHere: boolean
let isStopping: boolean
let isWhole: boolean
let areFilesRead: boolean
let whereabouts: Whereabouts

beforeEach(() => {
  clock = new FakeClock()
  store = memoryStore(clock)
  records = new Set()
  mayTakeUp = true
  isHere = false
  isStopping = false
  isWhole = true
  areFilesRead = true
  const peers = {
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
    takeUp: async key => records.delete(JSON.stringify(key)),
    mayTakeUp: () => mayTakeUp,
    isStopping: () => isStopping,
    whenSetDown: async () => {},
    isLeaving: () => false,
    areFilesRead: () => areFilesRead,
  })
})

const put = (process: string) =>
  store.sessions.put([
    {
      id: 'id',
      process,
      domain: 'd',
      origin: 'warmed',
      isPage: false,
      openedAt: 0,
      state: 'held',
      secrets: ['sid'],
    } satisfies SessionEntry,
  ])
const find = (lost?: string) => whereabouts.find(key, () => isHere, lost)
/** Ends the pause between two looks. */
async function look(pause = 100): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  clock.advance(pause)
}

test('a session is here, or at the process that the store names', async () => {
  await put('b')
  expect(await find()).toBe(owners.get('b'))
  isHere = true
  expect(await find()).toBe('here')
})

test('a session that was set down is taken up, once', async () => {
  records.add(JSON.stringify(key))
  expect(await find()).toBe('here')
  const again = find()
  await look()
  expect(await again).toBeUndefined()
})

test('an entry of a process that has lost the session, or has died, does not count', async () => {
  await put('b')
  records.add(JSON.stringify(key))
  expect(await find('b')).toBe('here')
  await put('dead')
  const found = find()
  await look()
  expect(await found).toBeUndefined()
})

test('a session that another process is taking up is found at the second look', async () => {
  const found = find('b')
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  await put('c')
  clock.advance(100)
  expect(await found).toBe(owners.get('c'))
})

test('a session that another worker reads from its file is found while both start', async () => {
  areFilesRead = false
  const found = find()
  for (const pause of [100, 200, 400, 800]) await look(pause)
  await put('c')
  await look(1_600)
  expect(await found).toBe(owners.get('c'))
  await store.sessions.remove(['id'], 'c')
  const none = find()
  for (const pause of [100, 200, 400, 800, 1_600, 3_200]) await look(pause)
  expect(await none).toBeUndefined()
})

test('a process that stops takes nothing up, and names another process that can', async () => {
  mayTakeUp = false
  records.add(JSON.stringify(key))
  expect(await find()).toBe(owners.get('b'))
  expect(await find('b')).toBe(owners.get('c'))
  expect(records.size).toBe(1)
})

test('nothing is said about a session while the store is not whole, or if only a later process can take it up', async () => {
  isWhole = false
  const found = find()
  await look()
  await expect(found).rejects.toThrow(StoreUnavailable)
  isWhole = true
  isStopping = true
  mayTakeUp = false
  for (const name of owners.keys()) others.delete(name)
  await expect(find()).rejects.toThrow(StoreUnavailable)
})
