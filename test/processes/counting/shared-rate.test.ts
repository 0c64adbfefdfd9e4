import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { KeyedRate } from '../../../src/lib/limits/rates.js'
import { orderFor } from '../../../src/processes/counting/rendezvous.js'
import { sharedRates } from '../../../src/processes/counting/shared-rate.js'
import { JoinedProcesses, settled } from '../../support/joined-processes.js'

let joined: JoinedProcesses
let rates: KeyedRate[]
let alone: number

beforeEach(() => {
  joined = new JoinedProcesses()
  rates = []
  alone = 0
})
afterEach(() => joined.close())

async function start(count: number, most = 3): Promise<void> {
  for (let number = 0; number < count; number++) {
    const { nodes, clock } = await joined.start()
    const onAlone = () => {
      alone += 1
    }
    rates.push(sharedRates({ nodes, clock, onAlone })('tries', most, 60))
  }
  await settled()
}

/** A key with this order of processes. */
function keyOf(...order: number[]): string {
  const names = joined.all.map(({ nodes }) => nodes.self)
  for (let number = 0; ; number++) {
    const key = `key ${number}`
    const found = orderFor(key, names).map(name => names.indexOf(name))
    if (order.every((process, place) => found[place] === process)) return key
  }
}

const isTooMuch = (taken: number | undefined) => taken !== undefined

describe('a shared rate of several processes', () => {
  test.each([0, 1, 2])('counts each key once for all: at process %i', async owner => {
    await start(3)
    const key = keyOf(owner)
    const taken = await Promise.all([0, 1, 2, 0, 1, 2].map(process => rates[process]!.take(key)))
    expect(taken.filter(isTooMuch)).toHaveLength(3)
    expect(await Promise.all(rates.map(rate => rate.count(key)))).toEqual([6, 6, 6])
    expect((await Promise.all(rates.map(rate => rate.wait(key)))).every(isTooMuch)).toBe(true)
    for (let time = 0; time < 4; time++) await rates[time % 3]!.giveBack(key)
    expect(await rates[1]!.take(key)).toBeUndefined()
    expect(await rates[2]!.take(keyOf((owner + 1) % 3))).toBeUndefined()
    expect(alone).toBe(0)
  })

  test('starts again at the next process if the counting process leaves', async () => {
    await start(3, 1)
    const key = keyOf(2, 1)
    expect([await rates[0]!.take(key), await rates[1]!.take(key)].map(isTooMuch)).toEqual([false, true])
    joined.kill(joined.all[2]!)
    // The dead process counted, so this has no effect.
    await rates[0]!.giveBack(key)
    expect([await rates[0]!.take(key), await rates[1]!.take(key)].map(isTooMuch)).toEqual([false, true])
  })

  test('is counted by the next process if one does not answer, with a delay of one second at most', async () => {
    await start(3, 1)
    const key = keyOf(2, 1, 0)
    joined.network.stop(joined.all[2]!.nodes.self)
    const first = rates[0]!.take(key)
    await joined.pass(450)
    expect(await first).toBeUndefined()
    const second = rates[1]!.take(key)
    await joined.pass(450)
    expect(isTooMuch(await second)).toBe(true)
    expect(alone).toBe(0)
    joined.network.stop(joined.all[1]!.nodes.self)
    const third = rates[0]!.take(key)
    await joined.pass(450)
    await joined.pass(450)
    expect(await third).toBeUndefined()
  })

  test('skips a silent process', async () => {
    await start(2, 1)
    const key = keyOf(1, 0)
    joined.network.stop(joined.all[1]!.nodes.self)
    const { nodes, clock } = joined.all[0]!
    for (let second = 0; second < 9 && !nodes.others[0]!.isSilent; second++) {
      joined.network.stop(nodes.self)
      clock.advance(1_000)
      await settled()
    }
    expect(nodes.others[0]!.isSilent).toBe(true)
    expect(await rates[0]!.take(key)).toBeUndefined()
    expect(isTooMuch(await rates[0]!.take(key))).toBe(true)
  })

  test('below its limit is queried once a second for the time to wait', async () => {
    await start(2, 2)
    const key = keyOf(1)
    const { nodes } = joined.all[0]!
    const { ask } = nodes
    const asked: unknown[] = []
    nodes.ask = (...about) => {
      asked.push(about[2])
      return ask(...about)
    }
    for (let time = 0; time < 10; time++) expect(await rates[0]!.wait(key)).toBeUndefined()
    expect(asked).toEqual([{ rate: 'tries', act: 'wait', key }])
    await rates[1]!.take(key)
    await rates[1]!.take(key)
    expect(await rates[0]!.wait(key)).toBeUndefined()
    await joined.pass(1_000)
    expect(isTooMuch(await rates[0]!.wait(key))).toBe(true)
    // A `take` of this process ends the cache.
    const other = `${key}!`
    await rates[0]!.wait(other)
    for (let time = 0; time < 2; time++) await rates[0]!.take(other)
    expect(isTooMuch(await rates[0]!.wait(other))).toBe(true)
  })

  test('without a limit queries no process', async () => {
    await start(2, 0)
    const before = joined.network.sent
    for (let time = 0; time < 50; time++) expect(await rates[0]!.take(`key ${time}`)).toBeUndefined()
    expect(joined.network.sent).toBe(before)
  })

  test('with an unknown name is not created by another process’s question', async () => {
    await start(2)
    const { nodes } = joined.all[0]!
    const other = joined.all[1]!.nodes.self
    for (const rate of ['nothing', '__proto__', 7]) {
      expect(await nodes.ask(other, 'rate', { rate, act: 'take', key: 'x' })).toBeNull()
    }
    expect(await nodes.ask(other, 'rate', { rate: 'tries', act: 'constructor', key: 'x' })).toBeUndefined()
    expect(await nodes.ask(other, 'rate', { rate: 'tries', act: 'take', key: {} })).toBeNull()
  })
})
