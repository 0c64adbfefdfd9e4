// Line 8: what a session costs that only waits, and what the least costs that could hold it.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDemoServer } from '../src/demo/server.js'
import { startEcho } from './echo.js'
import type { IdleFigures, PartResult, Weight } from './figures.js'
import { HeldSession } from './held-session.js'
import { type Inspected, Inspector } from './inspector.js'
import { judge, lines } from './lines.js'
import { type Started, startFloor, startService } from './processes.js'
import { openBosh } from './sessions.js'
import { names, type Stage } from './stage.js'
import { Lane } from './wire.js'

const users = 50

/** Adds that many sessions to those that wait. */
type Hold = (count: number) => Promise<void>

/** Weighs the service and the floor, started with the flags of `npm start`. */
export async function measureIdle(stage: Stage): Promise<PartResult> {
  const service = await weighService(stage)
  const floor = await weighFloor(stage)
  const { log, sizes } = stage
  log(
    `\nA held session, plain link, after a collection and ${sizes.restMilliseconds / 1000} s of rest\n` +
      `  the service: ${inWords(service)}, ${service.lost} lost\n` +
      `  the floor:   ${inWords(floor)}`,
  )
  const each = service.lost === 0 ? service.kibPerSession : Number.NaN
  const value = `${service.kibPerSession.toFixed(1)} KiB`
  const base = `${floor.kibPerSession.toFixed(1)} KiB`
  const beside = service.lost === 0 ? [] : [`${service.lost} sessions were lost`]
  return {
    verdicts: [
      judge(lines.memoryAboveFloor, [each - floor.kibPerSession], { value, base, beside }),
      judge(lines.memory, [each], { value, beside }),
    ],
    idle: { service, floor },
  }
}

async function weighService({ sizes }: Stage): Promise<IdleFigures['service']> {
  const accounts = names('user', users)
  const server = await startDemoServer(Object.fromEntries(accounts.map(name => [name, name])))
  const service = await startService({ c2sPort: server.port })
  const { port } = service
  const held: HeldSession[] = []
  let lost = 0
  const about = { port, spare: [], arrived: () => {}, lost: () => void lost++ }
  const hold: Hold = async count => {
    const wanted = Array.from({ length: count }, (_, index) => accounts[index % users]!)
    const sessions = await openBosh({ kind: 'product', port }, wanted)
    for (const session of sessions) held.push(new HeldSession(session, about))
  }
  try {
    return { ...(await weigh([service], sizes, hold)), lost }
  } finally {
    for (const session of held) session.close()
    await server.stop()
    await service.stop()
  }
}

async function weighFloor({ sizes }: Stage): Promise<Weight> {
  const echo = await startEcho()
  const floor = await startFloor(echo.port)
  const held: Lane[] = []
  const hold: Hold = async count => {
    for (let begun = 0; begun < count; begun++) {
      const lane = new Lane({ port: floor.port, path: '/hold', headers: '' })
      lane.post('', () => {})
      held.push(lane)
      // As many at a time as the backlog takes.
      if (begun % 100 === 99) await sleep(20)
    }
  }
  try {
    return await weigh([floor], sizes, hold)
  } finally {
    for (const lane of held) lane.close()
    await floor.stop()
    echo.close()
  }
}

/** Weighs processes together at two numbers of held sessions, each time after a collection of garbage and a rest. */
export async function weigh(
  processes: readonly Started[],
  { idleSessions, restMilliseconds }: Stage['sizes'],
  hold: Hold,
) {
  const [few, many] = idleSessions
  const at = async (count: number) => {
    await hold(count)
    await sleep(restMilliseconds / 4)
    for (const process of processes) await collectGarbage(process)
    await sleep(restMilliseconds)
    return processes.reduce((sum, { pid }) => sum + residentKib(pid), 0)
  }
  const before = await at(few)
  const after = await at(many - few)
  return {
    sessions: idleSessions,
    residentKib: [before, after] as const,
    kibPerSession: (after - before) / (many - few),
  }
}

export const inWords = ({ sessions, residentKib, kibPerSession }: Weight) =>
  `${residentKib[0]} KiB at ${sessions[0]}, ${residentKib[1]} KiB at ${sessions[1]}: ${kibPerSession.toFixed(1)} KiB each`

function residentKib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

async function collectGarbage(inspected: Inspected): Promise<void> {
  const inspector = await Inspector.open(inspected)
  for (let time = 0; time < 2; time++) await inspector.ask('HeapProfiler.collectGarbage')
  inspector.close()
}
