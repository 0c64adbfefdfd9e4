import { expect, test } from '@jest/globals'
import { BoshBench, create } from '../support/bosh-bench.js'
import { FakeClock } from '../support/fake-clock.js'
import { memoryStore } from '../support/memory-store.js'
import { noLimits, noSessionLimits, unnoted } from '../support/unlimited.js'

/** The store counts the sessions of an address. It answers when the test says so. */
function setUp(sessions = 0) {
  const answers: ((count: number) => void)[] = []
  const store = memoryStore(new FakeClock())
  store.sessions.count = () => new Promise(resolve => answers.push(resolve))
  const limits = noSessionLimits({
    limits: { ...noLimits, sessions, sessionsPerAddress: 3 },
    trustedProxies: { hasProxy: () => false },
    shared: { self: 'aaaaaaaa', store, onAlone: unnoted },
  })
  const bench = new BoshBench({}, undefined, { limits })
  const opening = async () => {
    const before = answers.length
    const asked = bench.send(create("ver='1.6'"))
    while (answers.length === before) await new Promise(setImmediate)
    return { asked, answer: answers[before]! }
  }
  /** How many more sessions the address may open. */
  const left = async () => {
    let count = 0
    for (; ; count++) {
      const admitted = limits.admit('192.0.2.1')
      if (admitted === 'address') break
      answers.at(-1)!(0)
      await admitted
    }
    for (let taken = 0; taken < count; taken++) limits.notOpened('192.0.2.1')
    return count
  }
  return { bench, left, opening }
}

test.each([
  ['opened', 2, 1],
  ['refused, if its address is at the limit in all processes,', 3, 0],
])('a session is %s when the store has answered', async (_what, sessions, opened) => {
  const { bench, left, opening } = setUp()
  const { answer } = await opening()
  expect(bench.registry.size).toBe(0)
  answer(sessions)
  await bench.pass(0)
  expect([bench.registry.size, bench.counts.refused.address, await left()]).toEqual([opened, 1 - opened, 3 - opened])
  bench.registry.endAllSilently()
  expect(await left()).toBe(3)
})

test('no session is opened if the service stops or is full meanwhile, and its place is released', async () => {
  const { bench, left, opening } = setUp(1)
  const [first, second] = [await opening(), await opening()]
  first.answer(0)
  await bench.pass(0)
  second.answer(0)
  await bench.pass(0)
  expect([bench.registry.size, bench.counts.refused.sessions, await left()]).toEqual([1, 1, 2])
  bench.registry.endAllSilently()
  const third = await opening()
  bench.phase.begin('ending')
  third.answer(0)
  await bench.pass(0)
  expect([bench.registry.size, await left()]).toEqual([0, 3])
})
