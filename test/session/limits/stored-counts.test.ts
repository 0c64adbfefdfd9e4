import { beforeEach, expect, jest, test } from '@jest/globals'
import { StoredCounts } from '../../../src/session/limits/stored-counts.js'
import { type Store, StoreUnavailable } from '../../../src/store/store.js'
import { sessionOf } from '../../store/entries.js'
import { FakeClock } from '../../support/fake-clock.js'
import { memoryStore } from '../../support/memory-store.js'

const address = '192.0.2.1'
const both = ['address', 'unauthenticated'] as const

let store: Store
let limits: { address: number; unauthenticated: number }
let counts: StoredCounts
const onAlone = jest.fn()

beforeEach(() => {
  onAlone.mockReset()
  store = memoryStore(new FakeClock())
  limits = { address: 3, unauthenticated: 2 }
  counts = new StoredCounts({ store, limits, onAlone })
})

const putSessions = (count: number) =>
  store.sessions.put(Array.from({ length: count }, (_, id) => sessionOf(String(id), { address, process: 'other' })))

test('sessions of all processes count for their address', async () => {
  await putSessions(2)
  expect(await counts.take(address, both)).toBeUndefined()
  await putSessions(3)
  expect(await counts.take(address, both)).toBe('address')
  expect(await counts.take('192.0.2.2', both)).toBeUndefined()
  await store.sessions.remove(['0'], 'other')
  expect(await counts.take(address, both)).toBeUndefined()
})

test('a session that is refused takes no place', async () => {
  await putSessions(3)
  for (let times = 0; times < 9; times++) expect(await counts.take(address, both)).toBe('address')
  await store.sessions.remove(['0', '1', '2'], 'other')
  expect([await counts.take(address, both), await counts.take(address, both)]).toEqual([undefined, undefined])
})

test('sessions that this process opens at the same moment count, although the store does not have them yet', async () => {
  const taken = await Promise.all([1, 2, 3, 4].map(() => counts.take(address, ['address'])))
  expect(taken).toEqual([undefined, undefined, undefined, 'address'])
  counts.giveBack('address', address)
  expect(await counts.take(address, ['address'])).toBeUndefined()
})

test('sessions without a login are counted in this process alone', async () => {
  const count = jest.spyOn(store.sessions, 'count')
  for (const full of [undefined, undefined, 'unauthenticated'])
    expect(await counts.take(address, ['unauthenticated'])).toBe(full)
  expect(count).not.toHaveBeenCalled()
})

test('without a limit, the store is not asked', async () => {
  limits.address = 0
  const count = jest.spyOn(store.sessions, 'count')
  for (let times = 0; times < 9; times++) expect(await counts.take(address, ['address'])).toBeUndefined()
  expect(count).not.toHaveBeenCalled()
})

test('if the store is away, this process counts alone', async () => {
  await putSessions(9)
  store.sessions.count = async () => Promise.reject(new StoreUnavailable('no-answer'))
  const taken = [1, 2, 3, 4].map(() => counts.take(address, ['address']))
  expect(await Promise.all(taken)).toEqual([undefined, undefined, undefined, 'address'])
  expect(onAlone).toHaveBeenCalledTimes(3)
})
