import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { CallerGone } from '../../src/lib/caller-gone.js'
import { type Clock, systemClock } from '../../src/lib/clock.js'
import type { SessionEntry, Store } from '../../src/store/store.js'
import { memberOf, processOf, sessionOf, tabOf } from '../store/entries.js'
import { eventually } from '../support/eventually.js'
import { openRedisStore, type RedisServer, startRedisServer } from '../support/redis-server.js'
import { describeWith } from './needs.js'

describeWith(['redis-server'], 'the store in Redis, with faults', () => {
  let redis: RedisServer
  let here: Store
  let there: Store
  let told: string[] = []
  let own: SessionEntry[]
  const stays = new CallerGone()

  const events = { onDown: (reason: string) => told.push(reason), onUp: () => told.push('up') }

  beforeEach(async () => {
    own = [sessionOf('1', { tab: tabOf('1') }), sessionOf('2')]
    redis = await startRedisServer()
    here = await openRedisStore(redis, events)
    there = await openRedisStore(redis)
    await here.join({
      entry: () => processOf('a'),
      sessions: () => own,
      checkEnded: () => {},
      lost() {},
      caughtUp() {},
    })
    await there.join(memberOf('b', [sessionOf('3', { process: 'b' })]))
    await eventuallyFound(['1', '2', '3'])
    await here.readProcesses()
    told = []
  })
  afterEach(async () => {
    await here.close()
    await there.close()
    await redis.remove()
  })

  const idsThere = async () => {
    const found = await there.sessions.find({ user: 'anna@example.org' }).catch(() => [])
    return found.map(({ id }) => id)
  }

  const eventuallyFound = (ids: readonly string[]) =>
    eventually(`${ids} are found`, async () => (await idsThere()).join() === ids.join())

  async function fails(failing: Promise<unknown>, reason: string): Promise<void> {
    await expect(failing).rejects.toMatchObject({ name: 'StoreUnavailable', reason })
  }

  const recordOf = ({ id }: SessionEntry) => ({ id, secrets: [], form: '1', text: 'sealed'.repeat(500) })

  /** All calls are rejected before the next turn of the event loop: they wait for nothing. */
  async function allFailAtOnce(reason: string): Promise<void> {
    const nextTurn = new Promise(resolve => setImmediate(resolve, 'pending'))
    const outcomes = calls(reason).map(call => Promise.race([call.catch((error: unknown) => error), nextTurn]))
    const failure = expect.objectContaining({ name: 'StoreUnavailable', reason })
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => failure))
  }

  const calls = (reason?: string): Promise<unknown>[] => [
    here.sessions.open(sessionOf('4'), 9),
    here.sessions.put([sessionOf('4')]),
    here.sessions.change([sessionOf('1')], 'a'),
    ...(reason === 'full' ? [] : [here.sessions.remove(['9'], 'a')]),
    here.sessions.find({ id: '1' }),
    here.sessions.find({ tab: tabOf('1') }),
    here.sessions.count('user', 'anna@example.org'),
    here.sessions.page({ scope: ['*'], limit: 5 }),
    here.sessions.states(['*']),
    here.tabs.enter(tabOf('1'), stays),
    here.records.put([{ id: '9', secrets: [], form: '1', text: 'sealed' }], 'stopping', 60),
    here.records.take({ id: '8' }, 'taker', ['1']),
    here.records.takeOldest(60, 5, 'taker', '1'),
    here.ended.mark({ id: '9' }, 60),
    here.ended.isEnded(sessionOf('1')),
    here.readProcesses(),
  ]

  test('that hangs fails each call after a second, then at once, until it goes on', async () => {
    redis.pause()
    const begun = performance.now()
    await Promise.all(calls().map(call => fails(call, 'no-answer')))
    expect(performance.now() - begun).toBeGreaterThan(900)
    expect(here.isUp).toBe(false)
    await allFailAtOnce('no-answer')
    expect(here.processes).toEqual([processOf('a'), processOf('b')])
    redis.resume()
    await eventually('it is up', () => here.isUp)
    expect(told).toEqual(['no-answer', 'up'])
    // What Redis did of the failed calls is undone.
    await eventuallyFound(['1', '2', '3'])
    await (await here.tabs.enter(tabOf('1'), stays)).release()
  })

  test('that hangs longer than connections live is used again', async () => {
    redis.pause()
    await Promise.all(calls().map(call => fails(call, 'no-answer')))
    await new Promise(resolve => setTimeout(resolve, 8_000))
    redis.resume()
    await eventually('it is up', () => here.isUp && there.isUp)
    await eventuallyFound(['1', '2', '3'])
  })

  const records = [{ id: '9', secrets: ['sid'], form: '1', text: 'sealed' }]
  const early: Clock['after'] = (ms, callback) => systemClock.after(Math.max(ms - 50, 1), callback)

  test.each([
    ['who has given up', systemClock.after],
    ['whose timer was early', early],
  ])('that hangs takes no record for a caller %s', async (_who, after) => {
    const caller = await openRedisStore(redis, undefined, undefined, { now: systemClock.now, after })
    await caller.join(memberOf('c', []))
    await caller.records.put(records, 'stopping', 60)
    redis.pause()
    await fails(caller.records.take({ secret: 'sid' }, 'taker', ['1']), 'no-answer')
    redis.resume()
    await eventually('it is up', () => here.isUp && caller.isUp)
    expect(await here.records.take({ secret: 'sid' }, 'taker', ['1'])).toMatchObject({ text: 'sealed' })
    await caller.close()
  })

  test('that hangs keeps no record for a caller who has given up', async () => {
    redis.pause()
    await fails(here.records.put(records, 'stopping', 60), 'no-answer')
    redis.resume()
    await eventually('it is up', () => here.isUp)
    expect(await here.records.take({ secret: 'sid' }, 'taker', ['1'])).toBeUndefined()
  })

  test('that is killed and comes back empty gets all entries again, and all processes stay known', async () => {
    const rate = here.rate('logins', 1, 60)
    expect([here.isWhole, there.isWhole]).toEqual([true, true])
    const seen = new Set<string>()
    const isKnown = () => seen.add(here.processes.map(({ name }) => name).join()).size === 1
    await redis.kill()
    await eventually('it is down', () => isKnown() && !here.isUp && !there.isUp)
    expect(here.isWhole).toBe(false)
    await allFailAtOnce('no-connection')
    expect(await rate.take('key')).toBeUndefined()
    expect(await rate.take('key')).toBeGreaterThan(50)
    own = [sessionOf('2', { secrets: ['other'] }), sessionOf('5')]
    await redis.start()
    await eventually('it is up', () => isKnown() && here.isUp)
    expect(here.isWhole).toBe(false)
    await eventually('it is whole', () => isKnown() && here.isWhole)
    expect([...seen]).toEqual(['a,b'])
    expect(await idsThere()).toEqual(['2', '3', '5'])
    expect(await there.sessions.find({ secret: 'other' })).toMatchObject([{ id: '2' }])
    expect(await there.readProcesses()).toEqual([processOf('a'), processOf('b')])
    expect(told).toEqual(['no-connection', 'up'])
  })

  test('gets each session as it is when it is written again', async () => {
    const many = new Map(Array.from({ length: 450 }, (_, n) => [n, sessionOf(`c${n}`, { process: 'c', user: 'c' })]))
    let mustChange = false
    const store = await openRedisStore(redis)
    await store.join({
      entry: () => processOf('c'),
      checkEnded() {},
      lost() {},
      caughtUp() {},
      *sessions() {
        for (const [n, entry] of many) {
          if (n === 1 && mustChange) queueMicrotask(logIn)
          yield entry
        }
      },
    })
    const later = sessionOf('c400', { process: 'c', user: 'later' })
    const logIn = () => {
      mustChange = false
      many.set(400, later)
      void store.sessions.put([later])
    }
    mustChange = true
    await redis.command('FLUSHALL')
    await redis.command('SCRIPT', 'FLUSH')
    await eventually('all are written again', async () => {
      const count = await there.sessions.count('user', 'c').catch(() => 0)
      return store.isUp && count === 449
    })
    await eventuallyFound(['1', '2', '3'])
    await store.sessions.change([...many.values()], 'c')
    expect(await there.sessions.count('user', 'c')).toBe(449)
    expect(await there.sessions.find({ id: 'c400' })).toMatchObject([{ user: 'later' }])
    expect(await there.sessions.find({ user: 'later' })).toMatchObject([{ id: 'c400' }])
    await store.close()
  })

  test('that is full refuses calls until it has room', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    await fails(here.sessions.open(sessionOf('4'), 5), 'full')
    await allFailAtOnce('full')
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    await eventually('it is up', () => here.isUp)
    await eventuallyFound(['1', '2', '3'])
    expect(told).toEqual(['full', 'up'])
  })

  test('that is full of sessions has room again when they have ended', async () => {
    own = Array.from({ length: 400 }, (_, index) => sessionOf(`full${index}`, { user: `user${index}` }))
    await here.sessions.put(own)
    await here.records.keep(own.map(recordOf), 'a', 60)
    const [, used] = /^used_memory:(\d+)/m.exec(await redis.command('INFO', 'memory'))!
    await redis.command('CONFIG', 'SET', 'maxmemory', String(Number(used) - 250_000))
    await eventually('it is full', () => told.includes('full'))
    const ids = own.splice(0).map(({ id }) => id)
    await here.sessions.remove(ids, 'a')
    await eventually('it is up', () => here.isUp)
    expect(told).toEqual(['full', 'up'])
    expect(Number(await redis.command('SCARD', 'warm:kept-by:a'))).toBe(0)
  })

  test('gives away the records of a process that others had removed, and that died before its next entry', async () => {
    await here.records.keep([recordOf(sessionOf('last', { process: 'c' }))], 'c', 60)
    const found: string[] = []
    await eventually('another process takes it', async () => {
      found.push(...(await there.records.takeOldest(0, 10, 'b', '1')).map(({ id }) => id))
      return found.length > 0
    })
    expect(found).toEqual(['last'])
  })

  test.each([
    '{',
    '"abc"',
    'null',
    JSON.stringify({ ...processOf('c'), name: { toString: 1 } }),
    JSON.stringify({ ...processOf('c'), settings: null }),
  ])('with the entry %s of another process is used without it', async entry => {
    await redis.command('SET', 'warm:process:c', entry)
    await redis.command('SADD', 'warm:processes', 'c')
    expect(await here.readProcesses()).toEqual([processOf('a'), processOf('b')])
  })

  test('lists sessions although a row of another is unreadable', async () => {
    await here.sessions.put([sessionOf('1')])
    await redis.command('HSET', 'warm:rows', '2', 'x')
    expect((await here.sessions.page({ scope: ['*'], limit: 10 })).sessions.map(({ id }) => id)).toContain('1')
  })

  test('stays up after an error that should not occur', async () => {
    await redis.command('SET', 'warm:rows', 'no hash')
    await fails(here.sessions.find({ id: '1' }), 'failed')
    expect([here.isUp, told]).toEqual([true, []])
  })

  test('whose password changes refuses new connections until it is known', async () => {
    await redis.command('CONFIG', 'SET', 'requirepass', 'other')
    expect(await here.sessions.find({ id: '1' })).toMatchObject([{ id: '1' }])
    await redis.command('-a', 'other', '--no-auth-warning', 'CLIENT', 'KILL', 'TYPE', 'normal')
    await eventually('it is down', () => !here.isUp)
    await eventually('it knows why', () =>
      here.sessions.find({ id: '1' }).then(
        () => false,
        ({ reason }) => reason === 'refused',
      ),
    )
    await allFailAtOnce('refused')
    expect(told.at(-1)).toBe('refused')
    const withPassword = await openRedisStore(redis, events, 'other')
    await withPassword.join(memberOf('c'))
    expect(withPassword.isUp).toBe(true)
    await withPassword.close()
    await redis.command('-a', 'other', '--no-auth-warning', 'CONFIG', 'SET', 'requirepass', '')
    await eventually('it is up', () => here.isUp)
    await eventuallyFound(['1', '2', '3'])
  })

  test('that is absent at the start is used once it is there', async () => {
    await redis.kill()
    const later = await openRedisStore(redis)
    await later.join(memberOf('c', [sessionOf('6', { process: 'c' })]))
    expect([later.isUp, later.processes]).toEqual([false, [processOf('c')]])
    await redis.start()
    await eventually('it is up', () => later.isUp)
    // Redis can have come back empty, so that others must write their entries again.
    expect(later.isWhole).toBe(false)
    await eventuallyFound(['1', '2', '3', '6'])
    await later.close()
  })

  test('forgets a process that died, its sessions and its locks', async () => {
    await here.tabs.enter(tabOf('1'), stays)
    await here.close()
    const entering = there.tabs.enter(tabOf('1'), stays)
    await eventuallyFound(['3'])
    expect(await there.sessions.count('address', '192.0.2.1')).toBe(1)
    expect(await there.sessions.find({ tab: tabOf('1') })).toEqual([])
    await (await entering).release()
    await eventually('it is unknown', () => there.processes.length === 1)
  })

  test('a lock that could not be renewed is lost', async () => {
    const lock = await here.tabs.enter(tabOf('1'), stays)
    redis.pause()
    await eventually('it is lost', () => lock.isLost)
    redis.resume()
    await lock.release()
  })

  describe('records of live sessions', () => {
    const record = { id: '1', secrets: ['sid'], form: '1', text: 'sealed' }

    beforeEach(async () => {
      expect(await here.records.keep([record], 'a', 60)).toEqual([])
    })

    test.each([
      ['is lost', () => redis.command('DEL', 'warm:kept:1')],
      ['is of another process', () => redis.command('HSET', 'warm:kept:1', 'by', 'b')],
    ])('a process that died is forgotten, also if a record of it %s', async (_, act) => {
      await act()
      await here.close()
      await eventually('it is forgotten', async () => (await redis.command('SMEMBERS', 'warm:processes')) === 'b')
    })

    test('that ended while Redis was away are forgotten', async () => {
      redis.pause()
      await eventually('it is down', () => !here.isUp)
      await fails(here.records.forget(['1'], 'a'), 'no-answer')
      own = [sessionOf('2')]
      redis.resume()
      await eventually('it is forgotten', async () => (await redis.command('EXISTS', 'warm:kept:1')) === '0')
      expect(await redis.command('EXISTS', 'warm:kept-by:a')).toBe('0')
    })

    test('are taken, although another record has no text', async () => {
      await here.leave('a')
      await redis.command('HSET', 'warm:record:0', 'by', 'c')
      await redis.command('ZADD', 'warm:records:1', '0', '0')
      expect(await there.records.takeOldest(0, 10, 'b', '1')).toMatchObject([{ id: '1', text: 'sealed' }])
    })

    test('are not taken because Redis was away for longer than entries live', async () => {
      await redis.command('DEL', 'warm:process:a', 'warm:process:b', 'warm:beat')
      await there.readProcesses()
      expect(await there.records.take({ id: '1' }, 'b', ['1'])).toEqual({ keptBy: 'a' })
      expect(await there.records.takeOldest(0, 10, 'b', '1')).toEqual([])
    })

    test('are not lost while the entry of their process is missing', async () => {
      await redis.command('DEL', 'warm:process:a')
      await fails(here.records.isOwn('1', 'a'), 'no-answer')
      await here.readProcesses()
      expect(await here.records.isOwn('1', 'a')).toBe(true)
    })

    test('of a process that has the session from a file replace those of the process before', async () => {
      await here.leave('a')
      expect(await there.records.keep([{ ...record, text: 'newer' }], 'b', 60)).toEqual([])
      expect(await there.records.takeOldest(0, 10, 'c', '1')).toEqual([])
      expect(await there.records.take({ id: '1' }, 'c', ['1'])).toEqual({ keptBy: 'b' })
    })

    test('are not kept if another process has just taken the record of the process before', async () => {
      await here.leave('a')
      expect(await there.records.take({ id: '1' }, 'c', ['1'])).toMatchObject({ text: 'sealed' })
      expect(await there.records.keep([record], 'b', 60)).toEqual(['1'])
    })
  })

  test('holds no secret, visit or tab in its keys, and no secret at all', async () => {
    const secret = 'c2VjcmV0'
    const tab = tabOf(`tab-${secret}`, `visit-${secret}`)
    await here.sessions.put([sessionOf('1', { secrets: [`sid-${secret}`, `token-${secret}`] })])
    await here.records.put([{ id: '1', secrets: [`sid-${secret}`], tab, form: '1', text: 'sealed' }], 'stopping', 60)
    await here.ended.mark({ visit: tab, at: 1 }, 60)
    await here.rate('logins', 5, 60).take(secret)
    await here.tabs.enter(tab, stays)
    const keys = (await redis.command('KEYS', '*')).split('\n')
    expect(keys.length).toBeGreaterThan(10)
    expect(keys.filter(key => !key.startsWith('warm:'))).toEqual([])
    const values = await Promise.all(
      keys.map(async key => {
        const type = await redis.command('TYPE', key)
        const read = { hash: ['HGETALL', key], set: ['SMEMBERS', key], zset: ['ZRANGE', key, '0', '-1'] }[type]
        return redis.command(...(read ?? ['GET', key]))
      }),
    )
    expect([...keys, ...values].join('\n')).not.toContain(secret)
  })
})
