import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { CallerGone } from '../../src/lib/caller-gone.js'
import { allSessions } from '../../src/session/registry/all-sessions.js'
import type { OwnSessions } from '../../src/session/registry/own-sessions.js'
import { type RecordKey, type Store, StoreUnavailable, type TabLock, type VisitKey } from '../../src/store/store.js'
import { createTabCalls, type TabWork } from '../../src/warm/tab-calls.js'
import { sessionOf, tabOf } from '../store/entries.js'
import { FakeClock } from '../support/fake-clock.js'
import { FakeProcesses } from '../support/fake-processes.js'
import { memoryStore } from '../support/memory-store.js'

const tab = tabOf('t1')
const visit = { admin: tab.admin, visit: tab.visit }
const timeout = 30
const recordSeconds = 300

let store: Store
let clock: FakeClock
let processes: FakeProcesses
let here: Started
let other: Started
/** Calls of all processes, in their order. */
let log: string[]

type Started = ReturnType<typeof start>

/** A process with its sessions by their tabs. */
function start(name: string) {
  const others = processes.start(name)
  const sessions = new Map<string, string>()
  const own = {
    ofTab: ({ tab }: { tab: string }) => sessions.get(tab),
    onVisitEnded: (_visit: VisitKey) => {},
    endAll() {
      const ended = sessions.size
      sessions.clear()
      own.onVisitEnded(visit)
      return { ended, elsewhere: 0 }
    },
  }
  const takeUp = async (key: RecordKey) => {
    const taken = await store.records.take(key, name, ['1'])
    if (taken === undefined || 'keptBy' in taken || 'form' in taken) return taken
    if ('by' in taken) return taken.by
    if (!('tab' in key)) return undefined
    sessions.set(key.tab.tab, 'taken up')
    return name
  }
  const shared = { others, store, recordSeconds, records: { takeUp, end: async () => false } }
  const visits = createTabCalls({ own, tabs: store.tabs, shared, clock, timeout })
  const book = { write: async () => {} }
  const known = allSessions({ own: own as unknown as OwnSessions, clock, shared, book })
  const end = (scope = ['*']) => known.endAll({ visit, scope })
  return { name, others, sessions, visits, end }
}

/** Logins wait for `finish`. */
function call({ name, sessions, visits }: Started, signal = new CallerGone(), wanted = tab, begunAt = Date.now()) {
  let finish = () => {}
  const work: TabWork<string> = {
    async resume(id) {
      log.push(`${name} resumes`)
      return id
    },
    async logIn(caller) {
      log.push(`${name} logs in`)
      await new Promise<void>((resolve, reject) => {
        finish = resolve
        caller.addEventListener('abort', () => reject(caller.reason))
      })
      sessions.set(wanted.tab, `of ${name}`)
      await store.sessions.put([sessionOf(`of ${name}`, { process: name, tab: wanted })])
      return `of ${name}`
    },
    endUnclaimed: id => void log.push(`ended ${id}`),
  }
  return { answer: visits.enter({ tab: wanted, begunAt, signal }, work), finish: () => finish() }
}

const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

beforeEach(() => {
  clock = new FakeClock()
  store = memoryStore(clock)
  processes = new FakeProcesses()
  log = []
  here = start('aaaaaaaa')
  other = start('bbbbbbbb')
})

describe('calls for one tab in two processes', () => {
  test('log in once, and the second is told which process has the session', async () => {
    const [first, second] = [call(here), call(other)]
    await settled()
    expect(log).toEqual(['aaaaaaaa logs in'])
    first.finish()
    expect(await first.answer).toEqual({ result: 'of aaaaaaaa', isResumed: false })
    await expect(second.answer).rejects.toMatchObject({ process: 'aaaaaaaa' })
    expect(await call(here).answer).toEqual({ result: 'of aaaaaaaa', isResumed: true })
  })

  test('are told which process has taken their session up from one that died, and records it again', async () => {
    await store.sessions.put([sessionOf('1', { process: 'cccccccc', tab })])
    const take = jest.spyOn(store.records, 'take').mockResolvedValue({ keptBy: 'cccccccc' })
    const { answer } = call(here)
    await settled()
    take.mockResolvedValue({ keptBy: 'bbbbbbbb' })
    clock.advance(100)
    await expect(answer).rejects.toMatchObject({ process: 'bbbbbbbb' })
    expect(log).toEqual([])
  })

  test.each([true, false])('wait for a session in another form (%s: a process takes it up)', async isTaken => {
    await store.records.put([{ id: '1', secrets: [], tab, form: '2', text: 'sealed' }], 'stopping', recordSeconds)
    const { answer, finish } = call(here)
    await settled()
    expect(log).toEqual([])
    if (isTaken) await store.records.take({ tab }, 'bbbbbbbb', ['2'])
    const expected = isTaken
      ? expect(answer).rejects.toMatchObject({ process: 'bbbbbbbb' })
      : expect(answer).resolves.toEqual({ result: 'of aaaaaaaa', isResumed: false })
    for (let looks = 0; looks < 12; looks++) {
      await settled()
      clock.advance(800)
    }
    finish()
    await expected
  })

  test('get no second session while that of a silent process can still be taken up', async () => {
    await store.sessions.put([sessionOf('1', { process: 'cccccccc', tab })])
    jest.spyOn(store.records, 'take').mockResolvedValue({ keptBy: 'cccccccc' })
    const refused = expect(call(here).answer).rejects.toMatchObject({ code: 'session-unreachable', status: 503 })
    for (let looks = 0; looks < 12; looks++) {
      await settled()
      clock.advance(800)
    }
    await refused
    expect(log).toEqual([])
  })

  test('log in one after the other if the first caller leaves', async () => {
    const signal = new CallerGone()
    const [first, second] = [call(here, signal), call(other)]
    await settled()
    signal.abort()
    await expect(first.answer).rejects.toThrow('the caller left')
    await settled()
    second.finish()
    expect(await second.answer).toMatchObject({ result: 'of bbbbbbbb' })
    expect(log).toEqual(['aaaaaaaa logs in', 'bbbbbbbb logs in'])
  })

  test('time out if they wait for longer than a login may take', async () => {
    const [first, second] = [call(here), call(other)]
    await settled()
    clock.advance(timeout * 1_000)
    await expect(second.answer).rejects.toMatchObject({ code: 'timeout' })
    first.finish()
    expect(await first.answer).toMatchObject({ isResumed: false })
  })

  test('log in again if the process with the session has died', async () => {
    await store.sessions.put([sessionOf('1', { process: 'aaaaaaaa', tab })])
    here.others.isDead = true
    const { answer, finish } = call(other)
    await settled()
    finish()
    expect(await answer).toMatchObject({ result: 'of bbbbbbbb', isResumed: false })
  })
})

test('a login whose lock was lost ends its session, because another call can be in the tab', async () => {
  const endedAt = Number.NEGATIVE_INFINITY
  const lost: TabLock = { session: undefined, hasRecord: false, endedAt, isLost: true, release: async () => {} }
  store.tabs.enter = async () => lost
  const { answer, finish } = call(here)
  await settled()
  finish()
  await expect(answer).rejects.toMatchObject({ code: 'timeout' })
  expect(log).toEqual(['aaaaaaaa logs in', 'ended of aaaaaaaa'])
})

test('without the store, no call enters a tab', async () => {
  store.tabs.enter = async () => Promise.reject(new StoreUnavailable('no-answer'))
  await expect(call(here).answer).rejects.toMatchObject({ code: 'store-unavailable' })
  expect([log, clock.pending]).toEqual([[], 0])
})

describe('the end of a visit', () => {
  test('ends the sessions and cancels the logins of all processes', async () => {
    here.sessions.set('t1', '1')
    const login = call(other, new CallerGone(), tabOf('t2'))
    await settled()
    expect(await here.end()).toMatchObject({ ended: 1, elsewhere: 0 })
    await expect(login.answer).rejects.toMatchObject({ code: 'session-not-found' })
  })

  test('ends a call that another process passes on after the end', async () => {
    const begunAt = Date.now()
    await here.end()
    const late = call(other, new CallerGone(), tab, begunAt)
    await expect(late.answer).rejects.toMatchObject({ code: 'session-not-found' })
    const { answer, finish } = call(other, new CallerGone(), tab, Date.now() + 1)
    await settled()
    finish()
    expect(await answer).toMatchObject({ result: 'of bbbbbbbb' })
  })

  test('counts the sessions of silent processes, which read the mark later', async () => {
    other.others.isSilent = true
    const domains = ['example.org', 'other.example']
    const entries = domains.map(domain => sessionOf(domain, { domain, process: 'bbbbbbbb', tab, openedAt: 1 }))
    await store.sessions.put(entries)
    expect(await here.end(['example.org'])).toMatchObject({ ended: 1 })
    expect(await store.ended.isEnded(entries[0]!)).toBe(true)
    expect(await store.ended.isEnded({ ...entries[0]!, openedAt: Date.now() + 60_000 })).toBe(false)
  })

  test('fails without the store, after it has ended what it could', async () => {
    for (const { sessions } of [here, other]) sessions.set('t1', '1')
    store.ended.mark = async () => Promise.reject(new StoreUnavailable('no-answer'))
    await expect(here.end()).rejects.toMatchObject({ code: 'store-unavailable' })
    expect([here.sessions.size, other.sessions.size]).toEqual([0, 0])
  })
})
