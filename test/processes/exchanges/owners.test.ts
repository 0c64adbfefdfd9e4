import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { frameKinds, writeFrame } from '../../../src/processes/carriers/frames.js'
import type { Nodes } from '../../../src/processes/nodes.js'
import { type NodesParts, startNodes } from '../../../src/processes/start-nodes.js'
import { FakeClock } from '../../support/fake-clock.js'
import { leave, settled } from '../../support/joined-processes.js'
import { MemoryNetwork } from '../../support/memory-carrier.js'

const log = pino({ level: 'silent' })
const [own, old, heir, next] = ['aaaaaaaa', 'xxxxxxxx', 'yyyyyyyy', 'zzzzzzzz']
let clock: FakeClock
let network: MemoryNetwork
const open: Nodes[] = []

beforeEach(() => {
  clock = new FakeClock()
  network = new MemoryNetwork()
})
afterEach(() => Promise.all(open.splice(0).map(nodes => nodes.close())))

async function start(name: string, more: Partial<NodesParts> = {}): Promise<Nodes> {
  const nodes = await startNodes({ carriers: [network.start], clock, log, name, ...more })
  open.push(nodes)
  return nodes
}

async function startAll(...names: readonly string[]): Promise<Nodes[]> {
  const all: Nodes[] = []
  for (const name of names) all.push(await start(name))
  await settled()
  return all
}

async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 500) {
    clock.advance(Math.min(left, 500))
    await settled()
  }
}

/** `told`: the owners that `whenOwned` reported. */
function waitFor(nodes: Nodes, name: string, bytes = 0) {
  const told: (string | undefined)[] = []
  return { told, stop: nodes.whenOwned(name, bytes, owner => told.push(owner)) }
}

const notice = (about: object) => writeFrame(frameKinds.notice, true, 0, { isDraining: false, known: [], ...about })

describe('the name of a process', () => {
  test('belongs to this process everywhere', async () => {
    const [one] = (await startAll(own, old)) as [Nodes]
    expect([own, old, heir].map(name => one.owner(name))).toEqual([own, old, undefined])
    expect(one.names).toEqual([own])
  })

  test('that an heir has adopted belongs to the heir when the old process has left', async () => {
    const [one, x, y] = (await startAll(own, old, heir)) as [Nodes, Nodes, Nodes]
    y.adopt(x.names)
    await settled()
    expect([one, x, y].map(nodes => nodes.owner(old))).toEqual([old, old, old])
    network.kill(old)
    await settled()
    expect([one, y].map(nodes => nodes.owner(old))).toEqual([heir, heir])
    const late = await start(next)
    while (!late.has(heir)) await settled(1)
    // The new process does not know all others yet.
    expect([late.owner(old), late.isAwaited(old)]).toEqual([undefined, true])
    const { told } = waitFor(late, old)
    await settled()
    expect([late.owner(old), told, late.isAwaited(old)]).toEqual([heir, [heir], false])
  })

  test('that was adopted before passes from heir to heir', async () => {
    const [one, x, y, z] = (await startAll(own, old, heir, next)) as [Nodes, Nodes, Nodes, Nodes]
    x.adopt(['oldest00', ''])
    y.adopt(x.names)
    await leave(x)
    z.adopt(y.names)
    await leave(y)
    await settled()
    expect(z.names).toEqual([next, heir, old, 'oldest00', ''])
    for (const name of z.names) expect([one.owner(name), z.owner(name)]).toEqual([next, next])
    z.leave()
    await settled()
    for (const name of z.names) expect([one.owner(name), one.isAwaited(name)]).toEqual([undefined, true])
    network.kill(next)
    await pass(10_500)
    expect(z.names.map(name => one.owner(name))).toEqual([undefined, undefined, undefined, undefined, own])
  })

  test('is dropped if a process adopts more than 64 newer names', async () => {
    const [one] = (await startAll(own)) as [Nodes]
    const names = Array.from({ length: 70 }, (_, number) => `old${String(number).padStart(5, '0')}`)
    for (const name of [...names, 'not a name', '__proto_', own]) one.adopt([name])
    expect(one.names).toEqual([own, ...names.slice(-64).reverse()])
  })

  test('that is empty belongs to every process, until a process adopts it', async () => {
    const [one, , y] = (await startAll(own, old, heir)) as [Nodes, Nodes, Nodes]
    expect([one.owner(''), y.owner('')]).toEqual([own, heir])
    y.adopt([''])
    await settled()
    expect([one.owner(''), y.owner('')]).toEqual([heir, heir])
    await leave(y)
    await settled()
    expect([one.owner(''), one.isAwaited('')]).toEqual([undefined, true])
    await pass(10_500)
    expect(one.owner('')).toBe(own)
  })
})

describe('a stopping process with sessions for an heir', () => {
  test('passes its name to a process that adopts it within ten seconds', async () => {
    const [one, x, y] = (await startAll(own, old, heir)) as [Nodes, Nodes, Nodes]
    await leave(x)
    await settled()
    expect([one.owner(old), one.isAwaited(old), one.awaited]).toEqual([undefined, true, [old]])
    const { told } = waitFor(one, old)
    const stopped = waitFor(one, old)
    stopped.stop()
    await pass(3_000)
    expect(told).toEqual([])
    y.adopt([old])
    await settled()
    expect([told, stopped.told]).toEqual([[heir], []])
    expect([one.owner(old), one.isAwaited(old), one.awaited]).toEqual([heir, false, []])
  })

  test('is gone after ten seconds without an heir', async () => {
    const [one, x] = (await startAll(own, old)) as [Nodes, Nodes]
    await leave(x)
    await settled()
    const { told } = waitFor(one, old)
    await pass(9_500)
    expect(told).toEqual([])
    await pass(1_000)
    expect([told, one.owner(old), one.isAwaited(old)]).toEqual([[undefined], undefined, false])
    expect(waitFor(one, old).told).toEqual([undefined])
  })

  test('sends its requests to its heir while it still runs, as others do', async () => {
    const [one, x, y] = (await startAll(own, old, heir)) as [Nodes, Nodes, Nodes]
    x.leave()
    await settled()
    const waits = [one, x, y].map(nodes => waitFor(nodes, old))
    expect([one, x, y].map(nodes => [nodes.owner(old), nodes.isAwaited(old)])).toEqual(
      Array.from({ length: 3 }, () => [undefined, true]),
    )
    expect(one.others).toMatchObject([{ name: old, isDraining: true }, { name: heir }])
    y.adopt(x.names)
    await settled()
    expect(waits.map(({ told }) => told)).toEqual([[heir], [heir], [heir]])
    expect(x.owner(old)).toBe(heir)
  })

  test('is waited for while it runs, and for ten seconds more', async () => {
    const [one, x] = (await startAll(own, old)) as [Nodes, Nodes]
    x.leave()
    await settled()
    const { told } = waitFor(one, old)
    await pass(50_000)
    expect([told, one.isAwaited(old), one.awaited]).toEqual([[], true, [old]])
    await x.close()
    await settled()
    await pass(9_000)
    expect([told, one.isAwaited(old)]).toEqual([[], true])
    await pass(1_500)
    expect([told, one.owner(old), one.isAwaited(old)]).toEqual([[undefined], undefined, false])
  })

  test('has no heir if it closes without announcing one', async () => {
    const [one, x] = (await startAll(own, old)) as [Nodes, Nodes]
    await x.close()
    await settled()
    expect([one.owner(old), one.isAwaited(old)]).toEqual([undefined, false])
  })
})

describe('a wait for an heir', () => {
  test('is possible for any valid name in the first ten seconds, if sessions outlive restarts', async () => {
    const one = await start(own, { awaitsHeirs: true })
    const waits = [old, heir, ''].map(name => waitFor(one, name))
    for (const name of ['ABCDEFGH', 'x', '__proto_', 'xxxxxxxx-'])
      expect([waitFor(one, name).told, one.isAwaited(name)]).toEqual([[undefined], false])
    await pass(3_000)
    one.adopt([old])
    expect(waits.map(({ told }) => told)).toEqual([[own], [], []])
    await pass(7_500)
    expect(waits.map(({ told }) => told)).toEqual([[own], [undefined], [own]])
    expect(waitFor(one, heir).told).toEqual([undefined])
  })

  test('is not possible for an unknown name otherwise', async () => {
    const [one] = (await startAll(own, old)) as [Nodes]
    expect([heir, ''].map(name => one.isAwaited(name))).toEqual([false, false])
    expect(waitFor(one, heir).told).toEqual([undefined])
  })

  test('ends at once if 8 MiB wait already', async () => {
    const one = await start(own, { awaitsHeirs: true })
    const waits = Array.from({ length: 20 }, () => waitFor(one, old, 512 * 1024))
    expect(waits.filter(({ told }) => told.length > 0)).toHaveLength(5)
    waits[0]!.stop()
    waits[0]!.stop()
    expect([waitFor(one, old, 512 * 1024).told, waitFor(one, old, 512 * 1024).told]).toEqual([[], [undefined]])
    await pass(10_500)
    expect(waits[1]!.told).toEqual([undefined])
  })

  test('ends with its process, also if another callback fails', async () => {
    const one = await start(own, { awaitsHeirs: true })
    one.whenOwned(old, 0, () => {
      throw new Error('unforeseen')
    })
    const { told } = waitFor(one, old)
    await one.close()
    expect(told).toEqual([undefined])
  })
})

describe('adopted names that another process announces', () => {
  test('cannot include the name of a running process', async () => {
    const [one, , y, z] = (await startAll(own, old, heir, next)) as [Nodes, Nodes, Nodes, Nodes]
    z.adopt(['gone0000'])
    await settled()
    const many = Array.from({ length: 1_000 }, (_, number) => `many${String(number).padStart(4, '0')}`)
    for (const adopted of [5, 'xxxxxxxx', null, { 0: old }, [null, {}, [old], 7, '__proto__', own, old, next], many])
      network.say(heir, own, notice({ adopted }))
    await settled()
    expect([own, old, heir, next].map(name => one.owner(name))).toEqual([own, old, heir, next])
    expect(one.owner('gone0000')).toBe(next)
    expect(many.filter(name => one.owner(name) === heir)).toEqual(many.slice(0, 64))
    expect(one.has(heir)).toBe(true)
    // The next announcement is real.
    y.adopt([])
    await settled()
    expect(one.owner(many[0]!)).toBeUndefined()
  })

  test('are absent in older versions', async () => {
    const [one] = (await startAll(own, heir)) as [Nodes]
    network.say(heir, own, notice({}))
    await settled()
    expect([one.owner(heir), one.owner(old), one.isAwaited(old)]).toEqual([heir, undefined, false])
  })
})
