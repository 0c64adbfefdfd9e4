// Tens of thousands of sessions at a stub of an XMPP server, at one rate of messages.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { descriptorsOf } from '../test/support/server-process.js'
import type { Demand } from './comparison.js'
import { closing, type LoadClient, pathOf, startLoadClient, startService, startWithStore } from './processes.js'
import type { Stage } from './stage.js'
import { ask, residentKib } from './tally.js'
import type { Figures } from './work.js'

const mostOfClient = 10_000
/** At most 18,000 descriptors: two for each session, and 4,000 for messages. */
const sizes = [200, 2_000, 7_000]

/** Messages a second, of all sessions together. */
const rate = 1_000
const usualSeconds = 30
const workers = 6

async function startStub(processes: number) {
  const child = fork(pathOf('stub.js'), { env: { ...process.env, STUB_PROCESSES: String(processes) } })
  const [port] = (await once(child, 'message')) as [number]
  const stop = async () => void child.kill('SIGKILL')
  return closing({ port, breakStreams: () => void child.kill('SIGUSR2'), stop })
}

type Stub = Awaited<ReturnType<typeof startStub>>

const options = (c2sPort: number) => ({
  c2sPort,
  link: 'tls=none&plain=on',
  environment: {
    MEASURE_PAUSES: '1',
    XMPP_TIMEOUT: '0',
    MAX_SESSIONS: '0',
    RATE_FAILED_LOGINS: '0',
    MAX_CONNECTIONS_PER_ADDRESS: '0',
    HOST: Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 1}`).join(),
  },
})

interface Held {
  readonly pids: readonly number[]
  readonly port: number
  readonly workers: readonly number[]
}

const pauseOf = async ({ workers }: Held) => Math.max(...(await Promise.all(workers.map(pid => ask(pid, 'pause')))))

async function residentOf({ pids, workers }: Held): Promise<number> {
  // One worker at a time, because the primary kills workers as hung if all collect garbage together.
  for (const pid of workers) await ask(pid, 'collectGarbage')
  return pids.reduce((sum, pid) => sum + residentKib(pid), 0)
}

const descriptorsOfAll = ({ pids }: Held) => pids.reduce((sum, pid) => sum + descriptorsOf(pid), 0)

type Row = Awaited<ReturnType<typeof hold>>

async function hold(sessions: number, service: Held, stub: Stub, seconds = usualSeconds) {
  const clients = Array.from({ length: Math.ceil(sessions / mostOfClient) }, startLoadClient)
  const share = Math.ceil(sessions / clients.length)
  /** The longest of each phase, in milliseconds of CPU time. */
  const pauses: Record<string, number> = {}
  let waiting = 0
  let onReady = () => {}
  let runs: Promise<readonly Figures[]> = Promise.resolve([])
  const ready = () => void (--waiting === 0 && onReady())
  const phase = async (name: string, act: () => unknown, until?: () => Promise<void>): Promise<number> => {
    await pauseOf(service)
    waiting = clients.length
    const allReady = new Promise<void>(resolve => {
      onReady = resolve
    })
    const start = performance.now()
    act()
    await (until?.() ?? Promise.race([allReady, runs]))
    const took = (performance.now() - start) / 1000
    pauses[name] = await pauseOf(service)
    return took
  }
  const go = () => {
    for (const client of clients) client.go()
  }
  const fewer = async (most: number) => {
    while (descriptorsOfAll(service) > most) await sleep(100)
  }
  const idle = descriptorsOfAll(service) + 20 * service.pids.length
  const empty = await residentOf(service)
  try {
    const sizes = { users: share, sessions: share, amount: seconds, secondsPerMessage: sessions / rate }
    const pids = { service: service.pids }
    const run = (client: LoadClient, index: number) => {
      const target = { kind: 'product', port: service.port, host: `127.0.0.${index + 1}` } as const
      return client.run(
        { part: 'hold', ...sizes, target, prefix: `user${index}x`, pids },
        { seconds: 900 + seconds, ready },
      )
    }
    await phase('log in', () => {
      runs = Promise.all(clients.map(run))
    })
    await phase('talk', go)
    // Measured after the talk: an earlier measurement makes V8 collect garbage more often during the talk.
    const kibEach = ((await residentOf(service)) - empty) / sessions
    go()
    const back = await phase('lose links', stub.breakStreams)
    await phase('lose pages', go, () => fewer(idle + sessions))
    const figures = await runs
    await phase('end', stub.breakStreams, () => fewer(idle))
    const operations = figures.reduce((sum, each) => sum + each.operations, 0)
    const [first] = figures
    // Each load client has measured the whole service.
    const cpuMicroseconds = (first!.cpuMicroseconds['service']! * first!.operations) / operations
    const p99 = Math.max(...figures.map(({ p99Milliseconds }) => p99Milliseconds))
    const lost = figures.reduce((sum, each) => sum + (each.lost ?? 0), 0)
    const costs = `${kibEach.toFixed(1)} KiB each, ${cpuMicroseconds.toFixed(1)} us a message, p99 ${p99.toFixed(1)} ms`
    const longest = Object.entries(pauses).map(([name, pause]) => `${name} ${pause.toFixed(0)}`)
    console.log(`${sessions} sessions: ${costs}, back after ${back.toFixed(1)} s, ${lost} lost`)
    console.log(`  longest pauses, in ms of CPU: ${longest.join(', ')}`)
    return { back, cpuMicroseconds, pauses, lost }
  } finally {
    for (const client of clients) await client.stop()
  }
}

function demandsOfAll(rows: readonly Row[]): Demand[] {
  const pause = Math.max(...rows.flatMap(({ pauses }) => Object.values(pauses)))
  return [
    [`longest pause: ${pause.toFixed(0)} ms of CPU, at most 100`, pause <= 100],
    ['none lost', rows.every(({ lost }) => lost === 0)],
  ]
}

async function measureAlone(): Promise<Demand[]> {
  await using stub = await startStub(1)
  await using service = await startService(options(stub.port))
  const { pid, port } = service
  const held: Held = { pids: [pid], workers: [pid], port }
  // Not measured: V8 compiles during this round.
  await hold(200, held, stub, 5)
  const rows: Row[] = []
  for (const size of sizes) rows.push(await hold(size, held, stub))
  const growth = rows.at(-1)!.cpuMicroseconds / rows[0]!.cpuMicroseconds
  const what = `CPU of a message at ${sizes.at(-1)} / at ${sizes[0]}: ${growth.toFixed(2)}, at most 1.2`
  return [[what, growth <= 1.2], ...demandsOfAll(rows)]
}

async function measureGroup(sessions: number): Promise<Demand[]> {
  console.log(`\n${workers} workers. Pauses: of the worker with the longest`)
  await using stub = await startStub(Math.ceil(sessions / 19_000))
  await using service = await startWithStore(options(stub.port), { WORKERS: String(workers) })
  const row = await hold(sessions, service, stub)
  const back: Demand = [`all logged in again after ${row.back.toFixed(0)} s, at most 120`, row.back <= 120]
  return [back, ...demandsOfAll([row])]
}

export async function measureScale({ sessions = 50_000 }: Stage): Promise<readonly Demand[]> {
  console.log(`${rate} messages a second for ${usualSeconds} s at each size, before a stub`)
  return [...(await measureAlone()), ...(await measureGroup(sessions))]
}
