// Tests that each store must pass.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { CallerGone } from '../../src/lib/caller-gone.js'
import type { PageWish, SessionEntry, Store, TabLock } from '../../src/store/store.js'
import { eventually } from '../support/eventually.js'
import { memberOf, processOf, sessionOf, tabOf } from './entries.js'

export interface StoreStage {
  /** The store as another process of the service has it. */
  open(): Promise<Store>
  /** Lets time pass, in milliseconds. */
  pass(ms: number): Promise<void>
  end(): Promise<void>
}

const all: PageWish = { scope: ['*'], limit: 100 }
const opened = 1_800_000_000_000

export function storeContract(start: () => Promise<StoreStage>): void {
  let stage: StoreStage
  let here: Store
  let there: Store

  beforeEach(async () => {
    stage = await start()
    here = await stage.open()
    there = await stage.open()
    await here.join(memberOf('a'))
    await there.join(memberOf('b'))
  })
  afterEach(() => stage.end())

  const idsIn = (sessions: readonly { id: string }[]) => sessions.map(({ id }) => id)
  const idsOn = async (wish: Partial<PageWish>) => idsIn((await there.sessions.page({ ...all, ...wish })).sessions)

  describe('processes', () => {
    test('check their sessions soon if they could not be told of an end', async () => {
      const checks: string[] = []
      const far = await stage.open()
      await far.join(memberOf('c', [], () => checks.push('c')))
      await there.ended.missed(['c', 'gone'])
      await stage.pass(1_500)
      expect(checks).toEqual(['c'])
    })

    test('each knows the others', async () => {
      const entries = [processOf('a'), processOf('b')]
      expect(await here.readProcesses()).toEqual(entries)
      expect(here.processes).toEqual(entries)
      expect(await there.readProcesses()).toEqual(entries)
    })

    test('a process that leaves takes its sessions with it', async () => {
      await here.sessions.put([sessionOf('1', { tab: tabOf('t') }), sessionOf('2', { process: 'b' })])
      await here.leave('a')
      expect(await there.readProcesses()).toEqual([processOf('b')])
      expect(await idsOn({})).toEqual(['2'])
      expect(await there.sessions.find({ tab: tabOf('t') })).toEqual([])
      expect(await there.sessions.count('user', 'anna@example.org')).toBe(1)
    })
  })

  describe('sessions', () => {
    test('are found by id, secret, tab, user and visit, without their secrets', async () => {
      const tab = tabOf('tab 1')
      const entry = sessionOf('1', { secrets: ['sid', 'token'], tab, quietSince: opened + 5, state: 'quiet' })
      const { secrets: _, ...session } = entry
      await here.sessions.put([entry])
      const visit = { admin: 'portal', visit: 'visit' }
      const visitOf = (user: string) => ({ visit: { ...visit, user } })
      const user = 'anna@example.org'
      const right = [{ id: '1' }, { secret: 'sid' }, { secret: 'token' }, { tab }, { user }, { visit }, visitOf(user)]
      for (const key of right) expect(await there.sessions.find(key)).toEqual([session])
      const others = [{ id: '2' }, { secret: '1' }, { tab: tabOf('tab 2') }, { user: 'anna' }]
      for (const key of [...others, { visit: { ...visit, admin: 'other' } }, visitOf('berta@example.org')])
        expect(await there.sessions.find(key)).toEqual([])
    })

    test('keep any text as it is', async () => {
      const odd = 'a\tb\nc%09\u2028"\\😀'
      const tab = tabOf(odd, odd)
      const entry = sessionOf('1', { jid: `anna@example.org/${odd}`, domain: odd, address: odd, tab })
      await here.sessions.put([entry, sessionOf('2', { openedAt: opened + 1 })])
      const { secrets: _, ...session } = entry
      expect(await there.sessions.find({ id: '1' })).toEqual([session])
      expect((await there.sessions.page(all)).sessions[0]).toEqual(session)
      expect(await idsOn({ search: 'a\tb\nc%09' })).toEqual(['1'])
    })

    test('those of a user are found in the order in which they were opened', async () => {
      await here.sessions.put([3, 1, 2].map(at => sessionOf(`${at}`, { openedAt: opened + at })))
      expect(idsIn(await there.sessions.find({ user: 'anna@example.org' }))).toEqual(['1', '2', '3'])
    })

    test('a tab has the session that was put last', async () => {
      const tab = tabOf('t')
      await here.sessions.put([sessionOf('1', { tab }), sessionOf('2', { tab })])
      expect(idsIn(await there.sessions.find({ tab }))).toEqual(['2'])
      await here.sessions.remove(['1'], 'a')
      expect(idsIn(await there.sessions.find({ tab }))).toEqual(['2'])
    })

    test('lose old keys with a new entry', async () => {
      await here.sessions.put([sessionOf('1', { jid: undefined, user: undefined })])
      await here.sessions.put([sessionOf('1', { user: 'berta@example.org', secrets: ['token'] })])
      expect(idsIn(await there.sessions.find({ user: 'berta@example.org' }))).toEqual(['1'])
      expect(idsIn(await there.sessions.find({ secret: 'token' }))).toEqual(['1'])
      expect(await there.sessions.find({ secret: 'sid of 1' })).toEqual([])
      expect(await there.sessions.count('address', '192.0.2.1')).toBe(1)
    })

    test('change their state', async () => {
      const { secrets: _, ...session } = sessionOf('1')
      await here.sessions.put([sessionOf('1')])
      const quiet = { ...session, state: 'quiet', transport: 'websocket', quietSince: opened + 9 } as const
      await here.sessions.change([quiet, { ...session, id: 'unknown' }], 'a')
      expect(await there.sessions.find({ secret: 'sid of 1' })).toEqual([quiet])
      expect((await there.sessions.page(all)).total).toBe(1)
    })

    test('are changed and removed only by the process that has them', async () => {
      const { secrets: _, ...moved } = sessionOf('1', { process: 'b', tab: tabOf('t') })
      await here.sessions.put([sessionOf('1', { tab: tabOf('t') })])
      await there.sessions.put([{ ...moved, secrets: ['sid of 1'] }])
      await here.sessions.change([{ ...moved, process: 'a', state: 'quiet' }], 'a')
      await here.sessions.remove(['1'], 'a')
      await here.leave('a')
      for (const key of [{ id: '1' }, { secret: 'sid of 1' }, { tab: tabOf('t') }])
        expect(await there.sessions.find(key)).toEqual([moved])
      await there.sessions.remove(['1'], 'b')
      expect(await there.sessions.find({ user: 'anna@example.org' })).toEqual([])
    })

    test('are put, changed and removed in any number', async () => {
      const many = Array.from({ length: 450 }, (_, n) => sessionOf(`${n}`))
      await here.sessions.put(many)
      const quiet = many.map(entry => ({ ...entry, state: 'quiet' as const }))
      await here.sessions.change(quiet, 'a')
      expect(await there.sessions.states(['*'])).toEqual(new Map([['quiet', 450]]))
      expect((await there.sessions.find({ user: 'anna@example.org' })).length).toBe(450)
      await here.sessions.remove(idsIn(many.slice(1)), 'a')
      expect(await idsOn({})).toEqual(['0'])
      await here.sessions.put([])
      await here.sessions.remove([], 'a')
    })

    test('are limited for each user, and counted for each user and address', async () => {
      const open = (store: Store, id: string, more: Partial<SessionEntry> = {}) =>
        store.sessions.open(sessionOf(id, more), 2)
      expect(await open(here, '1')).toBe(true)
      expect(await open(there, '2', { process: 'b' })).toBe(true)
      expect(await open(here, '3')).toBe(false)
      expect(await open(here, '4', { user: 'berta@example.org' })).toBe(true)
      expect(await open(here, '5', { user: undefined, address: undefined })).toBe(true)
      expect(await here.sessions.count('user', 'anna@example.org')).toBe(2)
      expect(await here.sessions.count('address', '192.0.2.1')).toBe(3)
      await there.sessions.remove(['2'], 'b')
      expect(await open(here, '3')).toBe(true)
    })

    test('of many opened at once, as many as the limit are', async () => {
      const open = (n: number) => [here, there][n % 2]!.sessions.open(sessionOf(`${n}`, { secrets: [] }), 5)
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => open(n)))
      expect(outcomes.filter(Boolean)).toHaveLength(5)
    })
  })

  describe('pages', () => {
    const visit = { admin: 'portal', visit: 'v' }
    beforeEach(() =>
      here.sessions.put([
        sessionOf('1', { openedAt: opened + 1, tab: tabOf('t', 'v') }),
        sessionOf('2', { openedAt: opened + 2, jid: 'Carl@sub.example.org/x', domain: 'sub.example.org', user: 'c' }),
        sessionOf('3', { openedAt: opened + 3, state: 'quiet', quietSince: opened + 9, transport: 'websocket' }),
        sessionOf('4', { openedAt: opened + 4, origin: 'client', jid: undefined, user: undefined, process: 'b' }),
        sessionOf('5', { openedAt: opened + 5, isPage: true, state: 'quiet', quietSince: opened + 5 }),
      ]),
    )

    test.each<[Partial<PageWish>, string]>([
      [{}, '12345'],
      [{ isReversed: true }, '54321'],
      [{ user: 'anna@example.org' }, '135'],
      [{ user: 'anna@example.org', jid: 'anna@example.org/3' }, '3'],
      [{ visit }, '1'],
      [{ visit, user: 'c' }, ''],
      [{ visit: { admin: 'portal', visit: 'v', user: 'berta@example.org' } }, ''],
      [{ domain: 'sub.example.org' }, '2'],
      [{ scope: ['*.example.org'] }, '2'],
      [{ scope: ['example.org'] }, '1345'],
      [{ scope: [] }, ''],
      [{ state: 'quiet' }, '35'],
      [{ transport: 'websocket' }, '3'],
      [{ origin: 'client' }, '4'],
      [{ origin: 'warmed' }, '1235'],
      [{ origin: 'connect' }, '5'],
      [{ process: 'b' }, '4'],
      [{ search: 'carl@' }, '2'],
      [{ search: '5' }, '5'],
      [{ search: 'example.org' }, '12345'],
      [{ by: 'quiet', state: 'quiet' }, '35'],
      [{ by: 'state' }, '12435'],
      [{ by: 'jid' }, '13524'],
      [{ by: 'jid', isReversed: true }, '42531'],
    ])('with %j have the sessions %s', async (wish, ids) => {
      const { sessions, total, next } = await there.sessions.page({ ...all, ...wish })
      expect(idsIn(sessions).join('')).toBe(ids)
      expect(total).toBe(ids.length)
      expect(next).toBeUndefined()
    })

    test('follow each other by place, also after the end of a session', async () => {
      const first = await here.sessions.page({ ...all, limit: 2 })
      expect(first).toMatchObject({ total: 5, next: { openedAt: opened + 2, id: '2' } })
      await here.sessions.remove(['2'], 'a')
      const second = await here.sessions.page({ ...all, limit: 2, after: first.next })
      expect([idsIn(second.sessions), second.total]).toEqual([['3', '4'], 4])
      const third = await here.sessions.page({ ...all, limit: 2, after: second.next })
      expect([idsIn(third.sessions), third.next]).toEqual([['5'], undefined])
    })

    test('counts each state', async () => {
      expect(Object.fromEntries(await there.sessions.states(['*']))).toEqual({ held: 3, quiet: 2 })
      expect(Object.fromEntries(await there.sessions.states(['sub.example.org']))).toEqual({ held: 1 })
    })
  })

  describe('tabs', () => {
    const stays = new CallerGone()

    test('let one call in at a time, in all processes', async () => {
      let inside = 0
      let most = 0
      await Promise.all(
        Array.from({ length: 12 }, async (_, n) => {
          const lock = await [here, there][n % 2]!.tabs.enter(tabOf('t'), stays)
          most = Math.max(most, ++inside)
          await new Promise(setImmediate)
          inside -= 1
          expect(lock.isLost).toBe(false)
          await lock.release()
        }),
      )
      expect(most).toBe(1)
    })

    test('show a call their session, and whether they have a record', async () => {
      const tab = tabOf('t')
      const { secrets: _, ...session } = sessionOf('1', { tab })
      const first = await there.tabs.enter(tab, stays)
      expect(first).toMatchObject({ session: undefined, hasRecord: false })
      await here.sessions.put([sessionOf('1', { tab })])
      await here.records.put([{ id: '2', secrets: [], tab, form: '1', text: 'sealed' }], 'stopping', 60)
      await first.release()
      expect(await there.tabs.enter(tab, stays)).toMatchObject({ session, hasRecord: true })
    })

    test('show a call when their visit was ended last, for all its users or for one', async () => {
      const { admin, user, visit } = tabOf('t')
      const enter = async () => {
        const lock = await there.tabs.enter(tabOf('t'), stays)
        await lock.release()
        return lock.endedAt
      }
      await here.ended.mark({ visit: { admin, visit, user: 'other@example.org' }, at: 5_000 }, 60)
      expect(await enter()).toBe(Number.NEGATIVE_INFINITY)
      await here.ended.mark({ visit: { admin, visit }, at: 1_000 }, 60)
      expect(await enter()).toBe(1_000)
      await here.ended.mark({ visit: { admin, visit, user }, at: 2_000 }, 60)
      expect(await enter()).toBe(2_000)
    })

    test('do not wait for other tabs', async () => {
      await here.tabs.enter(tabOf('t'), stays)
      await (await there.tabs.enter(tabOf('u'), stays)).release()
    })

    test('let calls of one process in in their order', async () => {
      const entered: number[] = []
      const first = await here.tabs.enter(tabOf('t'), stays)
      const others = [1, 2, 3].map(async n => {
        const lock = await here.tabs.enter(tabOf('t'), stays)
        entered.push(n)
        await lock.release()
      })
      await first.release()
      await first.release()
      await Promise.all(others)
      expect(entered).toEqual([1, 2, 3])
    })

    test.each(['the same', 'another'])('a caller that leaves waits no longer for a call of %s process', async where => {
      const first = await here.tabs.enter(tabOf('t'), stays)
      const caller = new CallerGone()
      const second = (where === 'another' ? there : here).tabs.enter(tabOf('t'), caller)
      const outcome = expect(second).rejects.toThrow('the caller left')
      await new Promise(setImmediate)
      caller.abort()
      await outcome
      await first.release()
      await (await there.tabs.enter(tabOf('t'), stays)).release()
      await expect(here.tabs.enter(tabOf('t'), caller)).rejects.toThrow('the caller left')
    })

    test('stay with a call that takes longer than a lock lives', async () => {
      const first = await here.tabs.enter(tabOf('t'), stays)
      const order: string[] = []
      const second = there.tabs.enter(tabOf('t'), stays).then((lock: TabLock) => {
        order.push('second')
        return lock.release()
      })
      await stage.pass(6_000)
      order.push('first')
      expect(first.isLost).toBe(false)
      await first.release()
      await second
      expect(order).toEqual(['first', 'second'])
    })
  })

  describe('records', () => {
    const stored = { id: '1', secrets: ['sid', 'token'], tab: tabOf('t'), form: '1', text: 'sealed' }

    test.each([{ id: '1' }, { secret: 'sid' }, { secret: 'token' }, { tab: tabOf('t') }])(
      'are taken once by %j',
      async key => {
        await here.records.put([stored], 'stopping', 60)
        const taken = await Promise.all(
          [here, there, here, there].map(store => store.records.take(key, 'taker', ['1'])),
        )
        const [by, record] = [{ by: 'taker' }, { id: '1', text: 'sealed', writtenAt: expect.any(Number) }]
        expect(taken.sort(each => (each !== undefined && 'by' in each ? 1 : -1))).toEqual([record, by, by, by])
        for (const other of [{ id: '1' }, { secret: 'sid' }, { secret: 'token' }, { tab: tabOf('t') }])
          expect(await there.records.take(other, 'other', ['1'])).toEqual(by)
        expect(await there.records.takeOldest(0, 10, 'other', '1')).toEqual([])
        // The session is set down again, with another token.
        await there.records.put([{ ...stored, secrets: ['sid', 'newer'] }], 'taker', 60)
        expect(await here.records.take({ secret: 'token' }, 'other', ['1'])).toBeUndefined()
        expect(await here.records.take({ secret: 'newer' }, 'other', ['1'])).toEqual(record)
        await stage.pass(5_100)
        expect(await here.records.take(key, 'other', ['1'])).toBeUndefined()
      },
    )

    test('that nobody took are taken, the oldest first', async () => {
      await here.records.put([stored], 'stopping', 60)
      await stage.pass(300)
      await here.records.put([{ ...stored, id: '2', secrets: [], tab: undefined }], 'stopping', 60)
      await stage.pass(300)
      await here.records.put([{ ...stored, id: '3', secrets: [], tab: undefined }], 'stopping', 60)
      expect(idsIn(await there.records.takeOldest(0.2, 1, 'taker', '1'))).toEqual(['1'])
      expect(idsIn(await there.records.takeOldest(0.2, 5, 'taker', '1'))).toEqual(['2'])
      expect(await there.records.take({ id: '2' }, 'taker', ['1'])).toEqual({ by: 'taker' })
      expect(await there.records.take({ id: '3' }, 'taker', ['1'])).toMatchObject({ id: '3' })
    })

    test('in another form stay for a process that reads it', async () => {
      const kept = { ...stored, id: '2', secrets: ['of 2'], tab: undefined, form: '2' }
      await here.join(memberOf('dead'))
      await here.records.keep([kept], 'dead', 60)
      await here.leave('dead')
      await here.records.put([stored], 'stopping', 60)
      for (const [key, wanted, form] of [
        [{ id: '1' }, '2', '1'],
        [{ tab: tabOf('t') }, '2', '1'],
        [{ secret: 'of 2' }, '1', '2'],
      ] as const)
        expect(await there.records.take(key, 'newer', [wanted, '3'])).toEqual({ form })
      expect(idsIn(await there.records.takeOldest(0, 10, 'newer', '2'))).toEqual(['2'])
      expect(idsIn(await here.records.takeOldest(0, 10, 'older', '1'))).toEqual(['1'])
      expect(await there.records.take({ id: '1' }, 'newer', ['3', '2'])).toEqual({ by: 'older' })
      await there.records.put([{ ...stored, form: '2' }], 'older', 60)
      expect(await here.records.takeOldest(0, 10, 'older', '1')).toEqual([])
      expect(await there.records.take({ id: '1' }, 'newer', ['3', '2'])).toMatchObject({ text: 'sealed' })
      expect(await there.records.takeOldest(0, 10, 'newer', '2')).toEqual([])
    })

    test('expire', async () => {
      await here.records.put([stored], 'stopping', 0.2)
      await stage.pass(300)
      expect(await there.records.take({ id: '1' }, 'taker', ['1'])).toBeUndefined()
      expect(await there.records.take({ secret: 'sid' }, 'taker', ['1'])).toBeUndefined()
      expect(await there.records.takeOldest(0, 10, 'taker', '1')).toEqual([])
    })

    test('are replaced by newer ones of the same session', async () => {
      await here.records.put([stored], 'stopping', 60)
      await there.records.put([{ ...stored, secrets: ['other'], text: 'newer' }], 'stopping', 60)
      expect(await here.records.take({ secret: 'sid' }, 'taker', ['1'])).toBeUndefined()
      expect(await here.records.take({ secret: 'other' }, 'taker', ['1'])).toMatchObject({ text: 'newer' })
    })
  })

  describe('records of live sessions', () => {
    const kept = { id: '1', secrets: ['sid'], tab: tabOf('t'), form: '1', text: 'sealed' }
    const entry = sessionOf('1', { process: 'dead', tab: tabOf('t') })
    const record = { id: '1', text: 'sealed', writtenAt: expect.any(Number) }

    beforeEach(async () => {
      await here.join(memberOf('dead', [{ ...entry, secrets: ['sid'] }]))
      expect(await here.records.keep([kept], 'dead', 60)).toEqual([])
    })

    test.each([{ id: '1' }, { secret: 'sid' }, { tab: tabOf('t') }])(
      'are taken by %j after the death of their process',
      async key => {
        expect(await there.records.take(key, 'taker', ['1'])).toEqual({ keptBy: 'dead' })
        await here.leave('dead')
        const taken = await Promise.all([here, there].map(store => store.records.take(key, 'taker', ['1'])))
        expect(taken).toEqual(expect.arrayContaining([record, { by: 'taker' }]))
        expect(await there.records.take({ id: '1' }, 'other', ['1'])).toEqual({ by: 'taker' })
      },
    )

    test('are the last that were stored', async () => {
      await here.records.keep([{ ...kept, secrets: ['newer'], text: 'newer' }], 'dead', 60)
      await here.leave('dead')
      expect(await there.records.takeOldest(0, 10, 'taker', '1')).toMatchObject([{ id: '1', text: 'newer' }])
    })

    test('are forgotten with their session, and replaced when it is set down', async () => {
      await here.records.keep([{ ...kept, id: '2', secrets: [] }], 'dead', 60)
      await here.records.forget(['2'], 'other')
      await here.records.forget(['1'], 'dead')
      await here.records.put([{ ...kept, id: '2', secrets: [], text: 'set down' }], 'dead', 60)
      await here.leave('dead')
      expect(await there.records.takeOldest(0, 10, 'taker', '1')).toMatchObject([{ id: '2', text: 'set down' }])
    })

    test('go with the entry of their session', async () => {
      await here.sessions.remove(['1'], 'other')
      expect(await there.records.take({ id: '1' }, 'taker', ['1'])).toEqual({ keptBy: 'dead' })
      await here.sessions.remove(['1'], 'dead')
      await here.leave('dead')
      expect(await there.records.takeOldest(0, 10, 'taker', '1')).toEqual([])
    })

    test('are no longer kept for a process that was silent: it has lost the session', async () => {
      expect(await here.records.isOwn('1', 'dead')).toBe(true)
      await here.leave('dead')
      expect(await there.records.take({ id: '1' }, 'taker', ['1'])).toEqual(record)
      await there.records.keep([{ ...kept, text: 'of the taker' }], 'taker', 60)
      await there.join(memberOf('taker', [sessionOf('1', { process: 'taker' })]))
      expect(await here.records.isOwn('1', 'dead')).toBe(false)
      expect(await here.records.keep([kept, { ...kept, id: '2', secrets: [] }], 'dead', 60)).toEqual(['1'])
      await here.records.put([{ ...kept, text: 'stopped late' }], 'dead', 60)
      await here.records.forget(['1'], 'dead')
      await there.leave('taker')
      expect(await here.records.take({ id: '1' }, 'third', ['1'])).toMatchObject({ text: 'of the taker' })
    })
  })

  describe('marks of ended sessions', () => {
    const session = sessionOf('1', { tab: tabOf('t', 'v') })

    test.each([
      ['its id', { id: '1' }, true],
      ['another id', { id: '2' }, false],
      ['its user', { jid: 'anna@example.org', at: opened }, true],
      ['its user, before it was opened', { jid: 'anna@example.org', at: opened - 1 }, false],
      ['its full JID', { jid: 'anna@example.org/1', at: opened }, true],
      ['another resource', { jid: 'anna@example.org/2', at: opened }, false],
      ['its visit', { visit: { admin: 'portal', visit: 'v' }, at: opened }, true],
      ['its visit, before it was opened', { visit: { admin: 'portal', visit: 'v' }, at: opened - 1 }, false],
      ['its visit and user', { visit: { admin: 'portal', visit: 'v', user: 'anna@example.org' }, at: opened }, true],
      ['another user', { visit: { admin: 'portal', visit: 'v', user: 'b' }, at: opened }, false],
      ['the visit of another admin', { visit: { admin: 'other', visit: 'v' }, at: opened }, false],
    ])('with %s', async (_what, ending, isEnded) => {
      await here.ended.mark(ending, 60)
      expect(await there.ended.isEnded(session)).toBe(isEnded)
    })

    test('a mark is not undone by one of an earlier time', async () => {
      await here.ended.mark({ jid: 'anna@example.org', at: opened }, 60)
      await there.ended.mark({ jid: 'anna@example.org', at: opened - 5 }, 60)
      expect(await there.ended.isEnded(session)).toBe(true)
    })

    test('expire', async () => {
      await here.ended.mark({ id: '1' }, 0.2)
      await stage.pass(300)
      expect(await there.ended.isEnded(session)).toBe(false)
    })
  })

  describe('rates', () => {
    test('count in all processes together', async () => {
      const one = here.rate('logins', 2, 60)
      // A process makes each rate once.
      const other = there === here ? one : there.rate('logins', 2, 60)
      expect(await one.wait('key')).toBeUndefined()
      expect(await one.take('key')).toBeUndefined()
      expect(await other.take('key')).toBeUndefined()
      expect(await one.wait('key')).toBeGreaterThan(50)
      expect(await one.take('key')).toBeGreaterThan(50)
      expect(await one.take('another key')).toBeUndefined()
      await other.giveBack('key')
      await one.giveBack('key')
      expect(await other.count('key')).toBe(1)
      expect(await other.take('key')).toBeUndefined()
      expect(await here.rate('calls', 2, 60).count('key')).toBe(0)
    })

    test('have windows', async () => {
      const rate = here.rate('logins', 1, 1)
      let seconds: number | undefined
      await eventually('the limit', async () => {
        seconds = await rate.take('key')
        return seconds !== undefined
      })
      expect(seconds).toBe(1)
      await eventually('the next window', async () => {
        const count = await rate.count('key')
        return count === 0 && (await rate.take('key')) === undefined
      })
      await rate.giveBack('unknown key')
      expect(await rate.count('unknown key')).toBe(0)
    })

    test('have no limit if it is 0', async () => {
      const rate = here.rate('logins', () => 0, 60)
      for (let taken = 0; taken < 5; taken++) expect(await rate.take('key')).toBeUndefined()
    })
  })
}
