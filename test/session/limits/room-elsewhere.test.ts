// The sessions of an address at another host or process count for its limit.
import { afterEach, expect, test } from '@jest/globals'
import { SharedCounts } from '../../../src/processes/counting/shared-counts.js'
import { roomElsewhere } from '../../../src/session/limits/room-elsewhere.js'
import { Strangers } from '../../../src/session/limits/strangers.js'
import { BoshBench, create, FakePeer, terminated } from '../../support/bosh-bench.js'
import { JoinedProcesses, processName } from '../../support/joined-processes.js'
import { noLimits, noSessionLimits } from '../../support/unlimited.js'

const address = '192.0.2.1'
const most = 3

const limitsOf = (counts?: SharedCounts<'user' | 'address' | 'unauthenticated'>) =>
  noSessionLimits({
    limits: { ...noLimits, loginTimeout: 600, unauthenticatedPerAddress: most },
    trustedProxies: { hasProxy: () => false },
    counts,
  })

let joined: JoinedProcesses | undefined

afterEach(async () => {
  await joined?.close()
  joined = undefined
})

/** Opens a session without a login. Resolves with true if it was accepted. */
async function open(bench: BoshBench): Promise<boolean> {
  const before = bench.links.length
  const exchanged = await bench.send(create(undefined, 700, ''), new FakePeer(true, address))
  for (let turn = 0; turn < 5; turn++) await joined?.pass(0)
  if (bench.links.length > before) await bench.server(link => link.open())
  const isRefused = exchanged.reply?.body === terminated('policy-violation')
  expect(bench.links.length > before).toBe(!isRefused)
  return !isRefused
}

async function fill(bench: BoshBench): Promise<void> {
  for (let count = 0; count < most; count++) expect(await open(bench)).toBe(true)
}

test('a new session at one HTTP host ends a silent session of another host', async () => {
  const strangers = new Strangers()
  const limits = limitsOf()
  const [first, second] = [
    new BoshBench({}, undefined, { limits, strangers }),
    new BoshBench({}, undefined, { limits, strangers }),
  ]
  await fill(first)
  expect(await open(second)).toBe(false)
  for (const bench of [first, second]) await bench.pass(6)
  expect(await open(second)).toBe(true)
  expect([first.registry.size, second.registry.size]).toEqual([most - 1, 1])
})

test.each([2, 3])('a new session at one of %i processes ends a silent session of another process', async processes => {
  const network = new JoinedProcesses()
  joined = network
  const benches: BoshBench[] = []
  for (let number = 0; number < processes; number++) {
    const { nodes, clock } = await network.start(processName(number))
    const counts = new SharedCounts({
      nodes,
      clock,
      limits: { user: 0, address: 0, unauthenticated: most },
      onAlone: () => {},
    })
    const strangers = new Strangers()
    const makeRoomElsewhere = roomElsewhere({
      nodes,
      counts,
      makeRoom: address => strangers.makeRoom(address, benches[number]!.clock.now()),
    })
    benches.push(new BoshBench({}, undefined, { limits: limitsOf(counts), strangers, makeRoomElsewhere }))
  }
  await network.pass(0)
  for (const full of benches) {
    await fill(full)
    for (const other of benches) if (other !== full) expect(await open(other)).toBe(false)
    for (const bench of benches) await bench.pass(6)
    let left = most
    for (const other of benches) {
      if (other === full) continue
      expect(await open(other)).toBe(true)
      left -= 1
      expect([full.registry.size, other.registry.size]).toEqual([left, 1])
    }
    for (const bench of benches) {
      for (const session of bench.registry.all()) session.end('limit', 'evicted')
      await bench.pass(0)
    }
    for (let turn = 0; turn < 5; turn++) await network.pass(0)
  }
})
