import { expect, test } from '@jest/globals'
import type { LiveCounts } from '../../src/lib/limits/live-counts.js'
import type { OfClient } from '../../src/session/limits/session-limits.js'
import { BoshBench, create } from '../support/bosh-bench.js'
import { noLimits, noSessionLimits } from '../support/unlimited.js'

/** Another process counts the clients of this bench. It answers when the test says so. */
function setUp(sessions = 0) {
  const taken: string[] = []
  const answers: ((full: OfClient | undefined) => void)[] = []
  const counts: LiveCounts<OfClient> = {
    take: (key, kinds) => {
      taken.push(...kinds.map(kind => `+${kind} ${key}`))
      return new Promise(resolve => answers.push(resolve as (typeof answers)[0]))
    },
    add: () => {},
    giveBack: (kind, key) => void taken.push(`-${kind} ${key}`),
  }
  const limits = noSessionLimits({
    limits: { ...noLimits, sessions },
    trustedProxies: { hasProxy: () => false },
    counts,
  })
  const bench = new BoshBench({}, undefined, { limits })
  const opening = async () => {
    const before = answers.length
    const asked = bench.send(create("ver='1.6'"))
    while (answers.length === before) await new Promise(setImmediate)
    return { asked, answer: answers[before]! }
  }
  return { bench, taken, opening }
}

const both = (sign: string) => [`${sign}address`, `${sign}unauthenticated`]
const things = (taken: readonly string[]) => taken.map(each => each.split(' ')[0])

test('a session is opened when the process that counts sessions has answered', async () => {
  const { bench, taken, opening } = setUp()
  const { answer } = await opening()
  expect([bench.registry.size, things(taken)]).toEqual([0, both('+')])
  answer(undefined)
  await bench.pass(0)
  expect(bench.registry.size).toBe(1)
  bench.registry.endAllSilently()
  expect(things(taken).sort()).toEqual([...both('+'), ...both('-')].sort())
})

test('no session is opened if the process that counts sessions reports a full limit', async () => {
  const { bench, taken, opening } = setUp()
  const { answer } = await opening()
  answer('address')
  await bench.pass(0)
  expect([bench.registry.size, bench.counts.refused.address, things(taken)]).toEqual([0, 1, both('+')])
})

test('no session is opened if the service stops or is full meanwhile, and its place is released', async () => {
  const { bench, taken, opening } = setUp(1)
  const [first, second] = [await opening(), await opening()]
  first.answer(undefined)
  await bench.pass(0)
  second.answer(undefined)
  await bench.pass(0)
  expect([bench.registry.size, bench.counts.refused.sessions]).toEqual([1, 1])
  expect(things(taken)).toEqual([...both('+'), ...both('+'), ...both('-')])
  bench.registry.endAllSilently()
  const third = await opening()
  bench.registry.isStopping = true
  taken.length = 0
  third.answer(undefined)
  await bench.pass(0)
  expect([bench.registry.size, things(taken)]).toEqual([0, both('-')])
})
