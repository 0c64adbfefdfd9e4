import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { Most } from '../../../src/lib/limits/rates.js'
import { UserLimit } from '../../../src/session/limits/user-limit.js'
import { newSid } from '../../../src/session/sid.js'
import { type Store, StoreUnavailable } from '../../../src/store/store.js'
import { sessionOf } from '../../store/entries.js'
import { bookOf } from '../../support/bench-sessions.js'
import { BoshBench } from '../../support/bosh-bench.js'
import { FakeClock } from '../../support/fake-clock.js'
import { FakeProcesses } from '../../support/fake-processes.js'
import { memoryStore } from '../../support/memory-store.js'

const juliet = 'juliet@chat.example'

let store: Store
let alone: number

beforeEach(() => {
  store = memoryStore(new FakeClock())
  alone = 0
})

/** A process, whose sessions are in the store if it is one of several. */
function setUp({ most = 1 as Most, isShared = true, name = 'aaaaaaaa' } = {}) {
  const shared = isShared ? { self: name, store, onAlone: () => void alone++ } : undefined
  const bench = new BoshBench({}, undefined, {
    processName: name,
    userLimit: (registry, refused) => new UserLimit({ most, registry, refused, shared }),
  })
  if (isShared) bench.registry.book = bookOf(bench, { others: new FakeProcesses().start(name), store }).book
  return { bench, limit: bench.userLimit }
}

const idsIn = async () => (await store.sessions.find({ user: juliet })).map(({ id, process }) => `${process} ${id}`)
const fails = async () => Promise.reject(new StoreUnavailable('no-connection'))
const ids = () => newSid('aaaaaaaa')

describe.each([
  ['one process', false],
  ['several processes', true],
])('with %s', (_what, isShared) => {
  test('of two simultaneous logins of a user, one gets the last place', async () => {
    const here = setUp({ isShared })
    const other = isShared ? setUp({ name: 'bbbbbbbb' }) : here
    const [first, second] = [ids(), newSid('bbbbbbbb')]
    const taken = [here.limit.take(`${juliet}/a`, first), other.limit.take('JULIET@chat.example', second)]
    expect(await Promise.all(taken)).toEqual([true, false])
    expect(other.bench.counts.refused.user).toBe(1)
    expect(await other.limit.take('romeo@chat.example', ids())).toBe(true)
    here.limit.giveBack(juliet, first)
    expect(await other.limit.take(juliet, second)).toBe(true)
  })

  test('the place of a login is released even if the limit is turned off meanwhile', async () => {
    let most = 1
    const { limit } = setUp({ most: () => most, isShared })
    const login = ids()
    expect(await limit.take(juliet, login)).toBe(true)
    most = 0
    limit.giveBack(juliet, login)
    most = 1
    expect(await Promise.all([limit.take(juliet, ids()), limit.take(juliet, ids())])).toEqual([true, false])
  })

  test('a limit of 0 means no limit, and nothing is counted', async () => {
    const { bench, limit } = setUp({ most: 0, isShared })
    store.sessions.open = fails
    const counted = jest.spyOn(bench.registry, 'liveOf')
    for (let time = 0; time < 9; time++) expect(await limit.take(juliet, ids())).toBe(true)
    const { link } = await bench.session()
    await bench.server(() => link.bind(`${juliet}/a`))
    expect([counted.mock.calls, alone]).toEqual([[], 0])
  })
})

test('the place of a login stays with its session', async () => {
  const { bench, limit } = setUp()
  const { id } = await bench.warmed({ jid: `${juliet}/balcony` })
  limit.giveBack(juliet, { ...ids(), id })
  expect(await idsIn()).toEqual([`aaaaaaaa ${id}`])
  expect(await limit.take(juliet, ids())).toBe(false)
})

test('a session that a client opens ends if it exceeds the limit together with those of other processes', async () => {
  const { bench } = setUp()
  const first = await bench.session()
  await bench.server(link => link.bind(`${juliet}/a`))
  await bench.pass(0)
  expect(first.link.closed).toBe(false)
  await store.sessions.put([sessionOf('1', { process: 'bbbbbbbb', user: juliet })])
  const second = await bench.session()
  await bench.server(link => link.bind(`${juliet}/b`))
  await bench.pass(0)
  expect([first.link.closed, second.link.closed, bench.counts.refused.user]).toEqual([false, true, 1])
  // The store has answered after the login.
  expect((await second.next()).reply?.body).toContain('<success ')
  expect((await second.next()).reply?.body).toContain("condition='policy-violation'")
})

test('if the store is away, this process counts its own sessions', async () => {
  const { bench, limit } = setUp()
  store.sessions.open = fails
  store.sessions.count = fails
  expect(await limit.take(juliet, ids())).toBe(true)
  const { link } = await bench.warmed({ jid: `${juliet}/balcony` })
  expect([await limit.take(juliet, ids()), alone]).toEqual([false, 2])
  const second = await bench.session()
  await bench.server(own => own.bind(`${juliet}/b`))
  await bench.pass(0)
  expect([link.closed, second.link.closed]).toEqual([false, true])
})

test('errors that should not occur are passed on', async () => {
  const { limit } = setUp()
  store.sessions.open = async () => Promise.reject(new Error('broken'))
  await expect(Promise.resolve(limit.take(juliet, ids()))).rejects.toThrow('broken')
})
