// Fifty processes start, stop and count sessions. MEMBERSHIP_SEED repeats a failed run.
import { expect, test } from '@jest/globals'
import { firstFor } from '../../../src/processes/counting/rendezvous.js'
import { SharedCounts } from '../../../src/processes/counting/shared-counts.js'
import { type JoinedProcess, JoinedProcesses, processName, settled } from '../../support/joined-processes.js'
import { casesOf } from '../../support/matrix.js'
import { numberFrom, Random } from '../../support/random.js'

const processCount = 50
const rounds = numberFrom('MEMBERSHIP_ROUNDS', casesOf(1, 15))
const firstSeed = numberFrom('MEMBERSHIP_SEED', 1)
const most = 3
const keys = Array.from({ length: 60 }, (_, number) => `user${number}@chat.example`)

interface Process extends JoinedProcess {
  readonly counts: SharedCounts<'user'>
  /** The users of its live sessions. */
  readonly live: string[]
}

class World {
  readonly joined = new JoinedProcesses()
  readonly random: Random
  all: Process[] = []
  /** For each user, sessions that were accepted before all processes knew the group. */
  readonly inTheChange = new Map<string, number>()
  isChanging = false
  alone = 0
  #started = 0
  #opening: { readonly process: Process; readonly done: Promise<void> }[] = []

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  async start(): Promise<void> {
    const { nodes, clock } = await this.joined.start(processName(this.#started++))
    const onAlone = () => {
      this.alone += 1
    }
    const counts = new SharedCounts({ nodes, clock, limits: { user: most }, onAlone })
    this.all.push({ nodes, clock, counts, live: [] })
  }

  kill(process: Process): void {
    this.joined.kill(process)
    this.all = this.all.filter(other => other !== process)
  }

  liveOf(key: string): number {
    return this.all.reduce((sum, { live }) => sum + live.filter(user => user === key).length, 0)
  }

  /** Opens a session if there is room. The answer may be late, as in a slow login. */
  async open(process: Process): Promise<void> {
    const key = this.random.pick(keys)
    const isFull = (await process.counts.take(key, ['user'])) !== undefined
    if (isFull || !this.all.includes(process)) return
    if (this.isChanging) this.inTheChange.set(key, (this.inTheChange.get(key) ?? 0) + 1)
    process.live.push(key)
  }

  end(): void {
    const process = this.random.pick(this.all)
    if (process.live.length === 0) return
    const [key] = process.live.splice(this.random.below(process.live.length), 1)
    process.counts.giveBack('user', key!)
  }

  /** Opens and ends sessions, many of them at once. */
  act(times: number): void {
    for (let time = 0; time < times; time++) {
      if (this.random.chance(0.4)) this.end()
      else {
        const process = this.random.pick(this.all)
        this.#opening.push({ process, done: this.open(process) })
      }
    }
  }

  /** Waits for logins, except of dead processes, whose clocks stand still. */
  async opened(): Promise<void> {
    const here = this.#opening.filter(({ process }) => this.all.includes(process))
    this.#opening = []
    await Promise.all(here.map(({ done }) => done))
  }

  async rest(): Promise<void> {
    await settled(30)
    for (const { clock } of this.all) clock.advance(0)
    await settled(30)
  }

  /** Owners have the true counts. Other processes have none. */
  check(what: string): void {
    const names = this.all.map(({ nodes }) => nodes.self)
    const wanted: Record<string, number> = {}
    const found: Record<string, number> = {}
    const sizes = new Map(names.map(name => [name, 0]))
    for (const key of keys) {
      const owner = firstFor(key, names)
      wanted[key] = this.liveOf(key)
      found[key] = this.all.find(({ nodes }) => nodes.self === owner)!.counts.known('user', key)
      if (wanted[key] > 0) sizes.set(owner, sizes.get(owner)! + 1)
    }
    expect({ what, found }).toEqual({ what, found: wanted })
    expect(this.all.map(({ counts }) => counts.size)).toEqual([...sizes.values()])
  }
}

test.each([firstSeed, firstSeed + 1])(
  'fifty processes that start and stop keep the limit of each user, seed %i',
  async seed => {
    const world = new World(seed)
    const { random, joined } = world
    for (let number = 0; number < processCount; number++) await world.start()
    await world.rest()
    for (let round = 0; round < rounds; round++) {
      const what = `round ${round}`
      // While the group stays the same, no further limit is exceeded.
      const before = new Map(keys.map(key => [key, world.liveOf(key)]))
      world.act(60)
      await world.opened()
      for (const key of keys) expect(world.liveOf(key)).toBeLessThanOrEqual(Math.max(most, before.get(key)!))
      await world.rest()
      world.check(`${what}, at rest`)

      world.isChanging = true
      world.inTheChange.clear()
      const overBefore = new Map(keys.map(key => [key, world.liveOf(key)]))
      world.act(10)
      for (let change = random.below(4); change >= 0; change--) {
        if (random.chance(0.5)) world.kill(random.pick(world.all))
        else await world.start()
        world.act(10)
        if (random.chance(0.5)) await settled(random.below(4))
      }
      while (world.all.length < processCount - 4) await world.start()
      const silent = random.chance(0.3) ? random.pick(world.all) : undefined
      if (silent !== undefined) {
        joined.network.stop(silent.nodes.self)
        world.act(20)
        await joined.pass(1_000)
        joined.network.goOn(silent.nodes.self)
        await joined.pass(1_000)
      }
      if (random.chance(0.2)) {
        const [one, other] = [random.pick(world.all), random.pick(world.all)]
        if (one !== other) joined.network.lose(one.nodes.self, other.nodes.self)
        world.act(10)
      }
      // A question ends with the process that was asked, or after a second.
      await joined.pass(1_000)
      await world.opened()
      await joined.pass(1_000)
      await world.rest()
      world.isChanging = false
      world.check(`${what}, after the change`)
      for (const key of keys) {
        const inTheChange = world.inTheChange.get(key) ?? 0
        expect(world.liveOf(key)).toBeLessThanOrEqual(Math.max(most, overBefore.get(key)!) + inTheChange)
      }
    }
    await joined.close()
  },
  120_000,
)
