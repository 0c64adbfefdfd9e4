import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { readNetworks } from '../../../src/config/kinds/networks.js'
import type { SessionLimits } from '../../../src/session/limits/session-limits.js'
import { type Store, StoreUnavailable } from '../../../src/store/store.js'
import { sessionOf } from '../../store/entries.js'
import { FakeClock } from '../../support/fake-clock.js'
import { memoryStore } from '../../support/memory-store.js'
import { nextBench, recordsOf, resumable, takeUpAt } from '../../support/next-process.js'
import { noLimits, noSessionLimits, type Settings } from '../../support/unlimited.js'

const plenty = { memoryAllows: () => true, descriptorsAreLeft: () => true }
const shortages = [
  ['memory', { ...plenty, memoryAllows: () => false }],
  ['descriptors', { ...plenty, descriptorsAreLeft: () => false }],
] as const

function limitsOf(
  limits: Settings['limits'],
  sessionsPerAddress = 0,
  more: Parameters<typeof noSessionLimits>[0] = {},
): SessionLimits {
  return noSessionLimits({
    limits: { ...noLimits, ...limits },
    rates: { sessionsPerAddress },
    trustedProxies: readNetworks('loopback', () => undefined),
    resources: plenty,
    resourcesOfClients: plenty,
    ...more,
  })
}

/** Returns why another session would be refused. Opens none. */
function refusalOf(limits: SessionLimits, address: string) {
  const reason = limits.admit(address)
  if (reason === undefined) limits.notOpened(address)
  return reason
}

const logins = { refused: 0, isSilent: true, delayedJid: undefined }

/** Opens sessions of a client that logs in itself. */
function open(limits: SessionLimits, count: number, address: string): object[] {
  return Array.from({ length: count }, () => {
    const session = { end() {} }
    expect(limits.admit(address)).toBeUndefined()
    limits.opened(session, address, logins, 0)
    return session
  })
}

describe('all sessions together', () => {
  test('without a login are refused above a quarter of the limit', () => {
    const limits = limitsOf({ sessions: 6 })
    const [first] = open(limits, 1, '192.0.2.1')
    // Sessions of trusted proxies count too, although a proxy has no limit.
    const [second] = open(limits, 1, '127.0.0.1')
    expect([limits.refusalOfClient(2), limits.refusal(2)]).toEqual(['strangers', undefined])
    limits.ended(first!)
    expect(limits.refusalOfClient(2)).toBe('strangers')
    limits.loggedIn(first!)
    limits.loggedIn(first!)
    expect(limits.refusalOfClient(2)).toBeUndefined()
    open(limits, 1, '192.0.2.2')
    expect(limits.refusalOfClient(3)).toBe('strangers')
    limits.removed(second!)
    expect(limits.refusalOfClient(2)).toBeUndefined()
    expect(limits.refusalOfClient(6)).toBe('sessions')
  })

  test('may always include one session without a login', () => {
    const limits = limitsOf({ sessions: 1 })
    expect(limits.refusalOfClient(0)).toBeUndefined()
    open(limits, 1, '192.0.2.1')
    expect(limits.refusalOfClient(0)).toBe('strangers')
  })

  test('are refused while memory or descriptors are short', () => {
    for (const [limit, resources] of shortages) expect(limitsOf({}, 0, { resources }).refusal(0)).toBe(limit)
  })
})

describe('a tenth is reserved for warm calls', () => {
  const refusals = (limits: SessionLimits) => [limits.refusalOfClient(0), limits.refusal(0)]

  test('of the limit for held requests', () => {
    const limits = limitsOf({ heldRequests: 20 })
    limits.heldRequests = 17
    expect(refusals(limits)).toEqual([undefined, undefined])
    limits.heldRequests = 18
    expect(refusals(limits)).toEqual(['held', undefined])
  })

  test('of the held requests that sessions without a login may still send', () => {
    const limits = limitsOf({ heldRequests: 20 })
    const sessions = open(limits, 9, '192.0.2.1')
    expect(refusals(limits)).toEqual(['held', undefined])
    limits.loggedIn(sessions[0]!)
    expect(refusals(limits)).toEqual([undefined, undefined])
  })

  test('of held requests, where an idle session without a login counts for five at most', () => {
    const limits = limitsOf({ heldRequests: 60 }, 0, { bosh: { maxRequests: 255 } })
    open(limits, 10, '192.0.2.1')
    expect(refusals(limits)).toEqual([undefined, undefined])
    open(limits, 1, '192.0.2.1')
    expect(refusals(limits)).toEqual(['held', undefined])
  })

  test('of memory and descriptors', () => {
    for (const [limit, resourcesOfClients] of shortages)
      expect(refusals(limitsOf({}, 0, { resourcesOfClients }))).toEqual([limit, undefined])
  })
})

describe('sessions of one client', () => {
  test('are refused at the limit, and accepted again when one has ended', () => {
    const limits = limitsOf({ sessionsPerAddress: 2 })
    const [first] = open(limits, 2, '192.0.2.1')
    expect(refusalOf(limits, '192.0.2.1')).toBe('address')
    expect(refusalOf(limits, '192.0.2.2')).toBeUndefined()
    limits.removed(first!)
    limits.removed(first!)
    expect(refusalOf(limits, '192.0.2.1')).toBeUndefined()
    open(limits, 1, '192.0.2.1')
    expect(refusalOf(limits, '192.0.2.1')).toBe('address')
  })

  test('are counted for an IPv6 /64 network', () => {
    const limits = limitsOf({ sessionsPerAddress: 2 })
    open(limits, 1, '2001:db8:0:7::1')
    open(limits, 1, '2001:db8:0:7:ffff::2')
    expect(refusalOf(limits, '2001:db8:0:7::3')).toBe('address')
    expect(refusalOf(limits, '2001:db8:0:8::3')).toBeUndefined()
  })

  test('without a login have their own limit', () => {
    const limits = limitsOf({ unauthenticatedPerAddress: 2 })
    const [first, second] = open(limits, 2, '192.0.2.1')
    expect(refusalOf(limits, '192.0.2.1')).toBe('unauthenticated')
    limits.loggedIn(first!)
    limits.loggedIn(first!)
    expect(refusalOf(limits, '192.0.2.1')).toBeUndefined()
    open(limits, 1, '192.0.2.1')
    expect(refusalOf(limits, '192.0.2.1')).toBe('unauthenticated')
    limits.removed(second!)
    expect(refusalOf(limits, '192.0.2.1')).toBeUndefined()
  })

  test('are limited by their rate', async () => {
    const limits = limitsOf({}, 1)
    const tries = await Promise.all(Array.from({ length: 6 }, () => limits.isTooOften('192.0.2.1')))
    expect(tries).toEqual([false, false, false, false, false, true])
    expect(await limits.isTooOften('192.0.2.2')).toBe(false)
    for (let time = 0; time < 10; time++) expect(await limits.isTooOften('127.0.0.1')).toBe(false)
  })
})

describe('sessions of one client in several processes', () => {
  const address = '192.0.2.1'
  let store: Store
  let limits: SessionLimits
  let alone: number

  beforeEach(() => {
    store = memoryStore(new FakeClock())
    alone = 0
    limits = sharing(3)
  })

  const sharing = (sessionsPerAddress: number) =>
    limitsOf({ sessionsPerAddress, unauthenticatedPerAddress: 9 }, 0, {
      shared: { self: 'aaaaaaaa', store, onAlone: () => void alone++ },
    })
  const putSessions = (count: number) =>
    store.sessions.put(Array.from({ length: count }, (_, id) => sessionOf(String(id), { address, process: 'other' })))

  test('count for their address, but take no place if they are refused', async () => {
    await putSessions(2)
    expect(await limits.admit(address)).toBeUndefined()
    await putSessions(3)
    for (let times = 0; times < 12; times++) expect(await limits.admit(address)).toBe('address')
    expect(await limits.admit('192.0.2.2')).toBeUndefined()
    await store.sessions.remove(['0', '1', '2'], 'other')
    expect([await limits.admit(address), await limits.admit(address)]).toEqual([undefined, undefined])
  })

  test('count, if this process opens them at the same moment, before the store has them', async () => {
    const taken = await Promise.all([1, 2, 3, 4].map(() => limits.admit(address)))
    expect(taken).toEqual([undefined, undefined, undefined, 'address'])
    limits.notOpened(address)
    expect(await limits.admit(address)).toBeUndefined()
  })

  test('without a limit are not asked for', async () => {
    const count = jest.spyOn(store.sessions, 'count')
    limits = sharing(0)
    for (let times = 0; times < 9; times++) expect(await limits.admit(address)).toBeUndefined()
    expect(count).not.toHaveBeenCalled()
  })

  test('are those of this process if the store is away', async () => {
    await putSessions(9)
    store.sessions.count = async () => Promise.reject(new StoreUnavailable('no-answer'))
    const taken = [1, 2, 3, 4].map(() => limits.admit(address))
    expect(await Promise.all(taken)).toEqual([undefined, undefined, undefined, 'address'])
    expect(alone).toBe(3)
  })
})

test('a limit of 0 means no limit', () => {
  const limits = limitsOf({})
  open(limits, 1_000, '192.0.2.1')
  limits.heldRequests = 1e9
  expect(limits.refusalOfClient(1e9)).toBeUndefined()
  expect(refusalOf(limits, '192.0.2.1')).toBeUndefined()
  expect(limits.holdsTooMany).toBe(false)
})

test('a guest counts for the address also in the process that takes the session up', async () => {
  const { bench } = await resumable()
  const [session] = bench.registry.all()
  session!.guestAddress = '192.0.2.1'
  const limits = limitsOf({ sessionsPerAddress: 1 })
  const next = nextBench({}, { limits })
  expect(limits.hasTooManyGuests('192.0.2.1')).toBe(false)
  takeUpAt(next, recordsOf(bench))
  expect(limits.hasTooManyGuests('192.0.2.1')).toBe(true)
  next.registry.byId(session!.id)!.end('client', 'silent')
  expect(limits.hasTooManyGuests('192.0.2.1')).toBe(false)
})
