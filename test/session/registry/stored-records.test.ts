import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Phase } from '../../../src/lib/phase.js'
import { textSealer } from '../../../src/lib/secrets/sealed-text.js'
import { formOf, StoredRecords } from '../../../src/session/registry/stored-records.js'
import type { SessionRecord } from '../../../src/session/session-record.js'
import { recordVersion } from '../../../src/session/session-record.js'
import {
  type SealedRecord,
  type Store,
  StoreUnavailable,
  type TakenRecord,
  takenSeconds,
} from '../../../src/store/store.js'
import { BoshBench, type Client } from '../../support/bosh-bench.js'
import { collectGarbage } from '../../support/collected.js'
import { FakeClock } from '../../support/fake-clock.js'
import { memoryStore } from '../../support/memory-store.js'
import { nextBench, recordsOf, resumable, takeUpOne } from '../../support/next-process.js'

const newKey = () => createSecretKey(randomBytes(32))
const key = newKey()
const seconds = 300
const jid = 'juliet@chat.example/balcony'

let store: Store
let clock: FakeClock
let phase: Phase

beforeEach(() => {
  clock = new FakeClock()
  store = memoryStore(clock)
  phase = new Phase()
  phase.begin('serving')
})

/** A process that can take sessions up, and whose clock shows another time. */
function start(
  keys: readonly KeyObject[] = [key],
  { self = 'aaaaaaaa', ...about }: { self?: string; processName?: string; issuesTickets?: boolean } = {},
) {
  const told: unknown[] = []
  const bench = nextBench({}, { ...about, tellEvent: (type, { id }, reason) => void told.push([type, id, reason]) })
  const records = new StoredRecords({
    self,
    store,
    keys: () => keys,
    clock,
    seconds,
    phase,
    take: record => takeUpOne(bench, record),
    end: id => bench.registry.byId(id)!.end('logout', 'loggedOut'),
    log: bench.log,
  })
  return { bench, records, told }
}

/** Records of sessions that are never taken up. */
const texts = (count: number) =>
  Array.from({ length: count }, (_, id) => JSON.stringify({ id: `s${id}`, sid: `${id}` }))
const settled = () => new Promise(setImmediate)
const unavailable = new StoreUnavailable('no-answer')
const said = ({ logged }: BoshBench) => logged.map(line => JSON.parse(line).msg)

describe('records of sessions', () => {
  test('are stored in batches, each before the next is read', async () => {
    let read = 0
    const sizes: number[][] = []
    jest.spyOn(store.records, 'put').mockImplementation(async batch => void sizes.push([batch.length, read]))
    const all = function* () {
      for (const text of texts(250)) {
        read += 1
        yield text
      }
    }
    expect(await start().records.put(all())).toEqual([])
    expect(sizes.flat()).toEqual([100, 100, 100, 200, 50, 250])
  })

  test('that could not be stored are given back', async () => {
    const put = jest.spyOn(store.records, 'put')
    put.mockResolvedValueOnce().mockRejectedValueOnce(unavailable)
    const all = texts(250)
    expect(await start().records.put(all)).toEqual(all.slice(100))
    put.mockRejectedValueOnce(new Error('broken'))
    await expect(start().records.put(all)).rejects.toThrow('broken')
  })

  test('are sealed, with the keys by which they are found', async () => {
    const { bench, client } = await resumable(new BoshBench({}, undefined, { issuesTickets: true }))
    const { sid, id, token } = client
    const stored: SealedRecord[] = []
    jest.spyOn(store.records, 'put').mockImplementation(async batch => void stored.push(...batch))
    await start().records.put(recordsOf(bench))
    expect(stored).toMatchObject([{ id, secrets: [sid, expect.any(String)] }])
    for (const secret of [sid, token!, 'juliet']) expect(stored[0]!.text).not.toContain(secret)
  })
})

describe('a session that was set down', () => {
  let client: Client

  beforeEach(async () => {
    const down = await resumable()
    client = down.client
    await down.bench.pass(60)
    await start().records.put(recordsOf(down.bench))
    expect(down.bench.registry.size).toBe(0)
  })

  /** The process `taker` has the session, and stores this record. */
  async function putAgain(text: string, owner = 'taker'): Promise<void> {
    await store.records.take({ id: client.id }, 'taker', [formOf(key)])
    await store.records.put([{ id: client.id, secrets: [], form: formOf(key), text }], owner, seconds)
  }

  test('is taken up by one of the processes that ask for it', async () => {
    const [one, other] = [start(), start([key], { self: 'bbbbbbbb' })]
    const found = [one.records.takeUp({ secret: client.sid }), other.records.takeUp({ id: client.id })]
    expect(await Promise.all(found)).toEqual(['aaaaaaaa', 'aaaaaaaa'])
    expect(one.bench.registry.bySid(client.sid)?.id).toBe(client.id)
    expect(other.bench.registry.size).toBe(0)
    clock.advance(takenSeconds * 1_000)
    expect(await one.records.takeUp({ id: client.id })).toBeUndefined()
  })

  test('stays in the store while the process may not take sessions', async () => {
    phase = new Phase()
    const { records } = start()
    expect(await records.takeUp({ id: client.id })).toBeUndefined()
    phase.begin('serving')
    expect(await records.takeUp({ id: client.id })).toBe('aaaaaaaa')
  })

  test.each<[string, () => Promise<void>]>([
    ['itself', () => store.ended.mark({ id: client.id }, seconds)],
    ['with its user', () => store.ended.mark({ jid: 'juliet@chat.example', at: Date.now() - 30_000 }, seconds)],
    ['with its JID', () => store.ended.mark({ jid, at: Date.now() - 30_000 }, seconds)],
  ])('does not come back if it was ended %s, of which its portal is told', async (_how, mark) => {
    await mark()
    const { bench, records, told } = start()
    expect(await records.takeUp({ id: client.id })).toBeUndefined()
    expect([bench.registry.size, bench.logged]).toEqual([0, []])
    expect(told).toEqual([['session.ended', client.id, 'logout']])
    expect(await store.records.take({ id: client.id }, 'b', [formOf(key)])).toEqual({ by: 'aaaaaaaa' })
  })

  test('is ended by its id, of which its portal is told', async () => {
    await store.ended.mark({ id: client.id }, seconds)
    const { bench, records, told } = start()
    expect([await records.end(client.id), await records.end(client.id)]).toEqual([true, false])
    expect([bench.registry.size, told]).toEqual([0, [['session.ended', client.id, 'logout']]])
  })

  test('ends if it was ended while it was taken up', async () => {
    const { isEnded } = store.ended
    let looks = 0
    store.ended.isEnded = async session => {
      const answer = await isEnded.call(store.ended, session)
      if (looks++ === 0) await store.ended.mark({ id: client.id }, seconds)
      return answer
    }
    const { bench, records } = start()
    expect(await records.takeUp({ id: client.id })).toBe('aaaaaaaa')
    expect([looks, bench.registry.byId(client.id)?.hasEnded ?? true]).toEqual([2, true])
  })

  test('is taken up once, also if its record is there again', async () => {
    const { text } = (await store.records.take({ id: client.id }, 'taker', [formOf(key)])) as TakenRecord
    const { bench, records } = start()
    for (const [owner, taker] of [['taker', 'aaaaaaaa'], ['aaaaaaaa']] as const) {
      await putAgain(text, owner)
      expect(await records.takeUp({ id: client.id })).toBe(taker)
    }
    expect(bench.registry.size).toBe(1)
  })

  test('comes back if its user has ended sessions before it was opened', async () => {
    await store.ended.mark({ jid, at: Date.now() - 90_000 }, seconds)
    expect(await start().records.takeUp({ id: client.id })).toBe('aaaaaaaa')
  })

  test('comes back if the store does not tell whether it was ended: this is asked again later', async () => {
    store.ended.isEnded = async () => Promise.reject(unavailable)
    expect(await start().records.takeUp({ id: client.id })).toBe('aaaaaaaa')
  })

  const sealed = (version: number, id: string) => textSealer(key, `session ${version}`)(id, Buffer.from('{}'))
  test.each([
    ['is damaged', () => 'damaged'],
    ['was sealed as another version', () => sealed(recordVersion + 1, client.id)],
    ['is that of another session', () => sealed(recordVersion, 'other')],
  ])('ends, with a line in the log, if its record %s', async (_how, text) => {
    await putAgain(text())
    const { bench, records } = start()
    expect(await records.takeUp({ id: client.id })).toBeUndefined()
    expect(said(bench)).toEqual(['no key in SEAL_KEY_FILE opens a session of another process: it ends'])
  })

  test('stays in the store, with one line in the log, if it has another version or key', async () => {
    const { bench, records } = start([newKey()])
    records.begin()
    for (const each of [{ id: client.id }, { secret: client.sid }]) {
      expect(await records.takeUp(each)).toEqual({ form: formOf(key) })
      clock.advance(1_000)
      await settled()
    }
    // Who takes it up reads the mark of its end.
    expect(await records.end(client.id)).toBe(true)
    records.stop()
    expect(said(bench)).toEqual([
      expect.stringMatching(/^stored sessions have another version, or a key that is not in /),
    ])
    // With an older key too.
    expect(await start([newKey(), key]).records.takeUp({ id: client.id })).toBe('aaaaaaaa')
  })

  test('that nobody asks for is taken up after a second', async () => {
    const { bench, records } = start()
    records.begin()
    clock.advance(1_000)
    await settled()
    expect([bench.registry.size, said(bench)]).toEqual([1, ['sessions of another process were taken up']])
    records.stop()
    await settled()
    clock.advance(seconds * 1_000)
    expect(clock.pending).toBe(0)
  })

  test('is looked for again after the store was away', async () => {
    const { bench, records } = start()
    records.begin()
    jest.spyOn(store.records, 'takeOldest').mockRejectedValueOnce(unavailable)
    for (const size of [0, 1]) {
      clock.advance(1_000)
      await settled()
      expect(bench.registry.size).toBe(size)
    }
    expect(said(bench)).toEqual(['sessions of another process were taken up'])
    records.stop()
  })
})

test('the age of a session includes the time in the store, at most as long as records live', async () => {
  const ages: number[] = []
  const { bench } = await resumable()
  const [text] = recordsOf(bench)
  const records = new StoredRecords({
    ...{ self: 'aaaaaaaa', store, keys: () => [key], clock, seconds, phase, log: bench.log },
    take: ({ createdAt }: SessionRecord) => ages.push(0 - createdAt) > 0,
    end() {},
  })
  for (const ago of [10_000, 3_600_000, -3_600_000]) {
    await records.put([text!])
    const taken = (await store.records.take({ id: JSON.parse(text!).id }, 'aaaaaaaa', [formOf(key)])) as TakenRecord
    jest.spyOn(store.records, 'take').mockResolvedValueOnce({ ...taken, writtenAt: Date.now() - ago })
    expect(await records.takeUp({ id: taken.id })).toBe('aaaaaaaa')
  }
  expect(ages.map(age => Math.floor(age / 1_000))).toEqual([10, seconds, 0])
})

test('sessions that are taken up arrive before a request for one of them is told that there is none', async () => {
  const old = start()
  const { id } = (await resumable(old.bench)).client
  expect(await old.records.put(recordsOf(old.bench))).toEqual([])
  const { bench, records } = start()
  const isEnded = store.ended.isEnded.bind(store.ended)
  let look = () => {}
  const looked = new Promise<void>(resolve => {
    look = resolve
  })
  jest.spyOn(store.ended, 'isEnded').mockImplementation(async session => {
    await looked
    return isEnded(session)
  })
  records.begin()
  clock.advance(1_000)
  clock.advance(1_000)
  await settled()
  const asked = records.takeUp({ id })
  let hasAnswer = false
  void asked.then(() => {
    hasAnswer = true
  })
  await settled()
  expect(hasAnswer).toBe(false)
  look()
  await asked
  expect(bench.registry.size).toBe(1)
  records.stop()
})

test('looking for sessions takes no memory when it is done', async () => {
  const { records } = start()
  const look = async (times: number) => {
    for (let time = 0; time < times; time++) await records.takeUp({ secret: 'unknown' })
    await settled()
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = await look(1_000)
  expect((await look(20_000)) - before).toBeLessThan(1_000_000)
  await records.settled()
})
