import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { firstFor } from '../../../src/processes/counting/rendezvous.js'
import { SharedCounts } from '../../../src/processes/counting/shared-counts.js'
import { NoAnswer } from '../../../src/processes/nodes.js'
import { type JoinedProcess, JoinedProcesses, settled } from '../../support/joined-processes.js'

type Kind = 'user' | 'free'
interface Process extends JoinedProcess {
  readonly counts: SharedCounts<Kind>
}

let joined: JoinedProcesses
let all: Process[]
let alone: number

beforeEach(() => {
  joined = new JoinedProcesses()
  all = []
  alone = 0
})
afterEach(() => joined.close())

async function start(count: number, user = 1): Promise<Process[]> {
  for (let number = 0; number < count; number++) {
    const { nodes, clock } = await joined.start()
    const onAlone = () => {
      alone += 1
    }
    all.push({
      nodes,
      clock,
      counts: new SharedCounts<Kind>({ nodes, clock, limits: { user, free: 0 }, onAlone }),
    })
  }
  await tell()
  return all
}

/** Sends all reports. */
async function tell(): Promise<void> {
  await joined.pass(0)
  await settled()
}

/** A key that `owner` counts, and after its end `other`. */
function keyOf(owner: Process, other?: Process): string {
  const names = joined.all.map(({ nodes }) => nodes.self)
  for (let number = 0; ; number++) {
    const key = `key ${number}`
    const isOwner = firstFor(key, names) === owner.nodes.self
    const rest = names.filter(name => name !== owner.nodes.self)
    if (isOwner && (other === undefined || firstFor(key, rest) === other.nodes.self)) return key
  }
}

const take = ({ counts }: Process, key: string) => Promise.resolve(counts.take(key, ['user', 'free']))
const known = (key: string) => all.map(({ counts }) => counts.known('user', key))

describe('the shared counts of several processes', () => {
  test.each([0, 1, 2])('never exceed the limit through two simultaneous questions to process %i', async owner => {
    const [one, two] = (await start(3)) as [Process, Process, Process]
    const key = keyOf(all[owner]!)
    const taken = await Promise.all([take(one, key), take(two, key)])
    expect(taken.sort()).toEqual(['user', undefined])
    await tell()
    expect(known(key)).toEqual([0, 1, 2].map(process => Number(process === owner)))
    expect(alone).toBe(0)
  })

  test('may be raised above the limit without a question, and lowered again', async () => {
    const [one, two, three] = (await start(3, 2)) as [Process, Process, Process]
    const key = keyOf(three)
    one.counts.add('user', key)
    two.counts.add('user', key)
    two.counts.add('user', key)
    await tell()
    expect(known(key)).toEqual([0, 0, 3])
    expect(await take(one, key)).toBe('user')
    two.counts.giveBack('user', key)
    two.counts.giveBack('user', key)
    // The report is sent before the question.
    expect(await take(two, key)).toBeUndefined()
    for (const { counts } of [one, two]) counts.giveBack('user', key)
    await tell()
    expect(all.map(({ counts }) => counts.size)).toEqual([0, 0, 0])
    expect(alone).toBe(0)
  })

  test('are reported in one message each turn, and only if something has changed', async () => {
    const [one, two] = (await start(2, 50)) as [Process, Process]
    const key = keyOf(two)
    await take(one, key)
    await tell()
    const { ask } = one.nodes
    const asked: unknown[] = []
    one.nodes.ask = (...about) => {
      asked.push(about[2])
      return ask(...about)
    }
    one.counts.add('user', key)
    one.counts.giveBack('user', key)
    await tell()
    expect(asked).toEqual([])
    const keys = Array.from({ length: 300 }, (_, number) => `key ${number}`)
    for (const each of keys) one.counts.add('user', each)
    await tell()
    expect(asked).toHaveLength(1)
    expect(one.counts.size + two.counts.size).toBe(300)
  })

  test('are not reported if there is no limit', async () => {
    const [one] = (await start(2)) as [Process]
    const before = joined.network.sent
    for (let number = 0; number < 20; number++) {
      one.counts.add('free', `key ${number}`)
      expect(one.counts.take(`key ${number}`, ['free'])).toBeUndefined()
      one.counts.giveBack('free', `key ${number}`)
    }
    await tell()
    expect(joined.network.sent).toBe(before)
  })
})

describe('if processes join and leave', () => {
  test('the counts of a lost process are dropped', async () => {
    const [one, two, three] = (await start(3)) as [Process, Process, Process]
    const key = keyOf(one)
    expect(await take(three, key)).toBeUndefined()
    expect(await take(two, key)).toBe('user')
    joined.kill(three)
    await tell()
    expect(await take(two, key)).toBeUndefined()
  })

  test('the new owner of a key gets the counts of all processes', async () => {
    const [one, two, three] = (await start(3, 2)) as [Process, Process, Process]
    const key = keyOf(three, two)
    for (const process of [one, two]) expect(await take(process, key)).toBeUndefined()
    joined.kill(three)
    await tell()
    expect(known(key).slice(0, 2)).toEqual([0, 2])
    expect(await take(one, key)).toBe('user')
  })

  test('a process that joins becomes owner of its keys, and the earlier owner drops them', async () => {
    const [one, two] = (await start(2, 2)) as [Process, Process]
    const keys = Array.from({ length: 60 }, (_, number) => `key ${number}`)
    for (const key of keys) for (const process of [one, two]) expect(await take(process, key)).toBeUndefined()
    const [, , three] = (await start(1, 2)) as [Process, Process, Process]
    await tell()
    const names = all.map(({ nodes }) => nodes.self)
    for (const key of keys) {
      const owner = names.indexOf(firstFor(key, names))
      expect(known(key)).toEqual([0, 1, 2].map(process => (process === owner ? 2 : 0)))
      expect(await take(three, key)).toBe('user')
    }
    expect(three.counts.size).toBeGreaterThan(5)
  })

  test('if an owner is lost during a question, the asking process decides alone', async () => {
    const [one, two] = (await start(2)) as [Process, Process]
    const key = keyOf(two)
    const asked = take(one, key)
    joined.kill(two)
    expect(await asked).toBeUndefined()
    expect(alone).toBe(1)
    await tell()
    expect(one.counts.known('user', key)).toBe(1)
    expect(await take(one, key)).toBe('user')
  })
})

describe('if an owner does not answer', () => {
  test('each process counts alone until the owner answers, and then reports', async () => {
    const [one, two, three] = (await start(3)) as [Process, Process, Process]
    const key = keyOf(three)
    joined.network.stop(three.nodes.self)
    const asked = [take(one, key), take(two, key)]
    await joined.pass(1_000)
    expect(await Promise.all(asked)).toEqual([undefined, undefined])
    const more = take(one, key)
    await joined.pass(1_000)
    expect(await more).toBe('user')
    expect(alone).toBe(3)
    joined.network.goOn(three.nodes.self)
    for (let second = 0; second < 12; second++) await joined.pass(1_000)
    expect(three.counts.known('user', key)).toBe(2)
    one.counts.giveBack('user', key)
    two.counts.giveBack('user', key)
    await tell()
    expect(three.counts.size).toBe(0)
  })

  test('lost reports are sent again', async () => {
    const [one, two] = (await start(2, 5)) as [Process, Process]
    const key = keyOf(two)
    const { ask } = one.nodes
    let lost = 0
    one.nodes.ask = (...about) => {
      if (about[1] !== 'counts' || lost++ > 0) return ask(...about)
      return Promise.reject(new NoAnswer(about[0], 'broken'))
    }
    one.counts.add('user', key)
    one.counts.add('user', key)
    await tell()
    expect([lost, two.counts.known('user', key)]).toEqual([1, 0])
    await joined.pass(1_000)
    expect(two.counts.known('user', key)).toBe(2)
  })
})
