// Tens of thousands of held sessions before a stub, with the same messages a second at each size.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Inspector } from './inspector.js'
import { residentKib } from './memory.js'
import { closing, type LoadClient, startLoadClient, startService, startWorkers } from './processes.js'

/** Below half of 20,000 descriptors: a held session has two. */
const mostOfProcess = 9_600

export interface ScalePlan {
  /** Above `mostOfProcess` only with `workers`. */
  readonly sessions: number
  readonly workers: number
  /** Messages a second, at each size. */
  readonly rate: number
  readonly seconds: number
}

async function startStub(processes: number) {
  const child = fork(fileURLToPath(new URL('stub.js', import.meta.url)), {
    env: { ...process.env, STUB_PROCESSES: String(processes) },
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const stop = async () => void child.kill('SIGKILL')
  return closing({ port, breakStreams: () => void child.kill('SIGUSR2'), stop })
}

const environment = {
  MEASURE_LAG: '1',
  XMPP_TIMEOUT: '0',
  MAX_SESSIONS: '0',
  MAX_HELD_REQUESTS: '0',
  MAX_CONNECTIONS_PER_ADDRESS: '0',
  MAX_SESSIONS_PER_JID: '0',
  HOST: Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 1}`).join(),
}

/** One address of the service has 28,232 local ports to the stub. */
const spread = { XMPP_LOCAL_ADDRESSES: '127.0.0.21,127.0.0.22' }

interface Held {
  readonly pids: readonly number[]
  readonly port: number
  readonly lag: () => Promise<{ readonly max: number }>
  /** Collects garbage. */
  readonly collect?: () => Promise<void>
}

interface Row {
  /** In seconds. */
  readonly filled: number
  readonly residentKib: number
  readonly cpuMicroseconds: number
  readonly p50: number
  readonly p99: number
  readonly pause: number
  readonly lost: number
}

async function hold(sessions: number, { rate, seconds }: ScalePlan, service: Held): Promise<Row> {
  const clients = Array.from({ length: Math.ceil(sessions / mostOfProcess) }, startLoadClient)
  const share = Math.ceil(sessions / clients.length)
  const start = performance.now()
  let filled = Number.NaN
  let resident = Number.NaN
  let waiting = clients.length
  const ready = async () => {
    if (--waiting > 0) return
    filled = (performance.now() - start) / 1000
    await service.collect?.()
    resident = service.pids.reduce((sum, pid) => sum + residentKib(pid), 0)
    await service.lag()
    for (const client of clients) client.go()
  }
  const run = (client: LoadClient, index: number) =>
    client.run(
      {
        part: 'hold',
        target: { kind: 'product', port: service.port, host: `127.0.0.${index + 1}` },
        prefix: `user${index}x`,
        users: share,
        sessions: share,
        amount: seconds,
        secondsPerMessage: sessions / rate,
        awaitsGo: true,
        pids: { service: service.pids },
      },
      { seconds: 900 + seconds, ready },
    )
  try {
    const figures = await Promise.all(clients.map(run))
    const operations = figures.reduce((sum, each) => sum + each.operations, 0)
    const [first] = figures
    return {
      filled,
      residentKib: resident,
      cpuMicroseconds: (first!.cpuMicroseconds['service']! * first!.operations) / operations,
      p50: Math.max(...figures.map(({ p50Milliseconds }) => p50Milliseconds)),
      p99: Math.max(...figures.map(({ p99Milliseconds }) => p99Milliseconds)),
      pause: (await service.lag()).max,
      lost: figures.reduce((sum, { lost = 0 }) => sum + lost, 0),
    }
  } finally {
    for (const client of clients) await client.stop()
  }
}

async function untilQuiet(pid: number): Promise<void> {
  while (readdirSync(`/proc/${pid}/fd`).length > 100) await sleep(200)
  await sleep(2_000)
}

const columns = ['sessions', 'filled s', 'MiB', 'KiB each', 'CPU us', 'p50 ms', 'p99 ms', 'pause ms', 'lost']

function print(sessions: number, empty: number, row: Row): void {
  const each = (row.residentKib - empty) / sessions
  const cells = [
    ...[String(sessions), row.filled.toFixed(1), (row.residentKib / 1024).toFixed(0), each.toFixed(1)],
    ...[row.cpuMicroseconds, row.p50, row.p99, row.pause].map(figure => figure.toFixed(1)),
    String(row.lost),
  ]
  console.log(cells.map((cell, at) => cell.padStart(Math.max(8, columns[at]!.length))).join('  '))
}

/** Returns false if a session is lost, if a message costs more among many sessions, or after a pause. */
export async function measureScale(plan: ScalePlan): Promise<boolean> {
  const { sessions, workers, rate, seconds } = plan
  const demands: (readonly [what: string, isMet: boolean])[] = []
  console.log(`${rate} messages a second for ${seconds} s at each size, before a stub\n`)
  console.log(columns.map(column => column.padStart(8)).join('  '))
  {
    await using stub = await startStub(1)
    await using service = await startService({ c2sPort: stub.port, environment, link: 'tls=none&plain=on' })
    const collect = async () => {
      const inspector = await Inspector.open(service)
      await inspector.collectGarbage()
      inspector.close()
    }
    const held = { pids: [service.pid], port: service.port, lag: service.lag, collect }
    // Compiles the code before the smallest size.
    await hold(200, { ...plan, seconds: 5 }, held)
    await untilQuiet(service.pid)
    await collect()
    const empty = residentKib(service.pid)
    const rows: Row[] = []
    for (const size of [200, 2_000, mostOfProcess]) {
      const row = await hold(size, plan, held)
      print(size, empty, row)
      rows.push(row)
      stub.breakStreams()
      await untilQuiet(service.pid)
    }
    const [few, , many] = rows
    const ratio = many!.cpuMicroseconds / few!.cpuMicroseconds
    demands.push([`CPU of a message at ${mostOfProcess} / at 200: ${ratio.toFixed(2)}, at most 1.2`, ratio <= 1.2])
    const pause = Math.max(...rows.map(row => row.pause))
    demands.push([`longest pause: ${pause.toFixed(0)} ms, at most 100`, pause <= 100])
    demands.push(['none lost', rows.every(({ lost }) => lost === 0)])
  }
  await using stub = await startStub(Math.ceil(sessions / 19_000))
  const options = { c2sPort: stub.port, environment: { ...environment, ...spread }, link: 'tls=none&plain=on' }
  await using service = await startWorkers(workers, options)
  const held = { pids: service.pids, port: service.port, lag: async () => ({ max: Number.NaN }) }
  const empty = service.pids.reduce((sum, pid) => sum + residentKib(pid), 0)
  const first = await hold(sessions, plan, held)
  print(sessions, empty, first)
  stub.breakStreams()
  const start = performance.now()
  const again = await hold(sessions, { ...plan, seconds: 5 }, held)
  print(sessions, empty, again)
  const back = (performance.now() - start) / 1000 - 5
  demands.push([`all logged in again after ${back.toFixed(0)} s, at most 120`, back <= 120])
  demands.push(['none lost', first.lost + again.lost === 0])
  for (const [what, isMet] of demands) console.log(`${isMet ? 'reached' : 'short  '}  ${what}`)
  return demands.every(([, isMet]) => isMet)
}
