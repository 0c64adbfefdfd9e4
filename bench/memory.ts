// Resident memory of a session that only waits.
import { setTimeout as sleep } from 'node:timers/promises'
import { startDemoServer } from '../src/command/demo/server.js'
import { type Demand, judge } from './comparison.js'
import { HttpLane } from './http-lane.js'
import { lines } from './lines.js'
import { closing, type Started, startEcho, startFloor, startNeighbours, startService, startStore } from './processes.js'
import { openBosh, openSockets } from './sessions.js'
import { accountsOf, names, type Stage } from './stage.js'
import { holdEach } from './talks.js'
import { ask, residentKib } from './tally.js'
import type { Target } from './work.js'

const accounts = names('user', 50)
const startServer = async () => closing(await startDemoServer(accountsOf(accounts)))

interface Weight {
  readonly kibPerSession: number
  readonly lost: number
}

type Hold = (count: number, lost: () => void) => Promise<readonly { close(): void }[]>

async function weigh({ sizes }: Stage, processes: readonly Started[], hold: Hold): Promise<Weight> {
  const [few, many] = sizes.heldSessions
  let lost = 0
  const residentWith = async (more: number) => {
    const held = await hold(more, () => void lost++)
    await sleep(sizes.restMilliseconds / 4)
    for (const { pid } of processes) await ask(pid, 'collectGarbage')
    await sleep(sizes.restMilliseconds)
    return { held, kib: processes.reduce((sum, { pid }) => sum + residentKib(pid), 0) }
  }
  const before = await residentWith(few)
  const after = await residentWith(many - few)
  for (const each of [...before.held, ...after.held]) each.close()
  return { kibPerSession: (after.kib - before.kib) / (many - few), lost }
}

const wanted = (count: number) => Array.from({ length: count }, (_, index) => accounts[index % 50]!)

const overBosh =
  (target: Target): Hold =>
  async (count, lost) => {
    const about = { port: target.port, spare: [], arrived: () => {}, failed: lost }
    return holdEach(await openBosh(target, wanted(count)), about)
  }

const overWebSocket =
  (target: Target): Hold =>
  async (count, lost) =>
    (await openSockets(target, wanted(count), lost)).map(({ lane }) => lane)

const bareRequests =
  (port: number): Hold =>
  async count => {
    const held: HttpLane[] = []
    while (held.length < count) {
      const lane = new HttpLane({ port, path: '/hold', headers: '' })
      lane.post('', () => {})
      held.push(lane)
      // Without pauses, connections would overflow the listen backlog.
      if (held.length % 100 === 0) await sleep(20)
    }
    return held
  }

const kib = ({ kibPerSession, lost }: Weight) => `${kibPerSession.toFixed(1)} KiB, ${lost} lost`
const unlessLost = ({ kibPerSession, lost }: Weight) => (lost === 0 ? kibPerSession : Number.NaN)

async function weighService(stage: Stage, holding: (target: Target) => Hold): Promise<Weight> {
  await using server = await startServer()
  await using service = await startService({ c2sPort: server.port })
  return await weigh(stage, [service], holding({ kind: 'product', port: service.port }))
}

async function weighFloor(stage: Stage): Promise<Weight> {
  await using echo = await startEcho()
  await using floor = await startFloor(echo.port)
  return await weigh(stage, [floor], bareRequests(floor.port))
}

export async function measureHeld(stage: Stage): Promise<readonly Demand[]> {
  const service = await weighService(stage, overBosh)
  const floor = await weighFloor(stage)
  const above = unlessLost(service) - floor.kibPerSession
  return [judge(lines.memoryAboveFloor, [above], { value: kib(service), base: kib(floor) })]
}

export async function measureHeldOverWebSocket(stage: Stage): Promise<readonly Demand[]> {
  const service = await weighService(stage, overWebSocket)
  return [judge(lines.socketMemory, [unlessLost(service)], { value: kib(service) })]
}

export async function measureHeldBesideOthers(stage: Stage): Promise<readonly Demand[]> {
  const ofPair = async (isElsewhere: boolean) => {
    await using server = await startServer()
    await using store = await startStore()
    await using pair = await startNeighbours(store.environment, { c2sPort: server.port })
    const [one, other] = pair.both
    const target: Target = { kind: 'product', port: (isElsewhere ? other : one).port, warmPort: one.port }
    return await weigh(stage, isElsewhere ? pair.both : [one], overBosh(target))
  }
  const here = await ofPair(false)
  const elsewhere = await ofPair(true)
  const ratio = unlessLost(elsewhere) / unlessLost(here)
  return [judge(lines.memoryElsewhere, [ratio], { value: kib(elsewhere), base: kib(here) })]
}
