// Fails if messages are lost or come twice, or if descriptors, timers or heap leak.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../test/support/http-answer.js'
import { freePorts } from '../test/support/ports.js'
import { startProsody } from '../test/support/prosody.js'
import { type Answer, ask as askProbe } from './ask.js'
import { areMet, type Demand } from './comparison.js'
import { closing, startService } from './processes.js'
import { accountsOf, names } from './stage.js'
import { Ledger, Visitor } from './visitor.js'

/** V8 keeps compiled code, so the heap grows a little. */
const heapGrowth = 1.2
const rehearsed = 60
const arrivalsPerSecond = 25
const inactivitySeconds = 20
const rememberingSeconds = 60
const visitSeconds = 120

export async function endure({ sessions, minutes }: { sessions: number; minutes: number }): Promise<boolean> {
  console.log(`${sessions} visitors for ${minutes} minutes, over Prosody with STARTTLS`)
  const users = names('user', sessions)
  await using prosody = closing(
    await startProsody({ users: accountsOf(users), config: 'c2s_require_encryption = true' }),
  )
  const [metricsPort = 0] = await freePorts(1)
  await using service = await startService({
    c2sPort: prosody.c2sPort,
    caFile: prosody.caFile,
    environment: {
      MEASURE_LAG: '1',
      BOSH_INACTIVITY: String(inactivitySeconds),
      WARM_ATTACH_TIMEOUT: String(inactivitySeconds),
      SCRAM_MEMORY: String(rememberingSeconds),
      METRICS_ADDRESS: `127.0.0.1:${metricsPort}`,
      MAX_CONNECTIONS_PER_ADDRESS: '0',
    },
  })
  const ownLag = monitorEventLoopDelay()
  ownLag.enable()
  const open = () => openAt(metricsPort)
  const row = async (when: string, ledger: Ledger) => {
    const { max } = await askProbe(service.pid, 'lag')
    const own = ownLag.max / 1e6
    const vitals = await askProbe(service.pid, 'vitals')
    await askProbe(service.pid, 'lag')
    ownLag.reset()
    const found = await open()
    console.log(rowOf(when, found, vitals, [max, own], ledger))
    return { open: found, vitals }
  }
  const visit = (by: readonly string[], ledger: Ledger, until: number, seconds: number) =>
    Promise.all(
      by.map(async (user, at) => {
        await sleep((at / arrivalsPerSecond) * 1000)
        const url = `http://127.0.0.1:${service.port}`
        const isClosing = () => performance.now() > until
        await new Visitor({ url, user, ledger, isClosing, visitSeconds: seconds }).comeAndGo()
      }),
    )

  await visit(users.slice(0, rehearsed), new Ledger(), performance.now() + 20_000, 8)
  await untilEmpty(open)
  console.log(columns.map(column => column.padStart(8)).join('  '))
  const before = await row('begin', new Ledger())

  const ledger = new Ledger()
  const end = performance.now() + minutes * 60_000
  const visits = visit(users, ledger, end, Math.min(visitSeconds, minutes * 20))
  for (let minute = 1; minute <= minutes; minute++) {
    await sleep(Math.max(0, end - (minutes - minute) * 60_000 - performance.now()))
    await row(`${minute} min`, ledger)
  }
  await visits
  await untilEmpty(open)
  await sleep(rememberingSeconds * 1000)
  await visit(users.slice(0, 1), new Ledger(), performance.now() + 5_000, 3)
  await untilEmpty(open)
  const after = await row('end', ledger)
  return judge(before.vitals, after.vitals, after.open, ledger)
}

interface Open {
  readonly sessions: number
  readonly links: number
  readonly connections: number
}

async function openAt(port: number): Promise<Open> {
  const { text } = await ask(`http://127.0.0.1:${port}/metrics`, { agent: false })
  const sum = (name: string) => {
    const samples = text.matchAll(new RegExp(`^\\w+_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))
    return [...samples].reduce((total, [, value]) => total + Number(value), 0)
  }
  return { sessions: sum('sessions'), links: sum('c2s_links'), connections: sum('connections') }
}

async function untilEmpty(open: () => Promise<Open>): Promise<void> {
  for (let waited = 0; waited < 2 * inactivitySeconds + 30; waited++) {
    const { sessions, links, connections } = await open()
    if (sessions + links + connections === 0) break
    await sleep(1_000)
  }
  await sleep(6_000)
}

type Vitals = Answer<'vitals'>

const columns = [
  ...['', 'sessions', 'links', 'connections', 'RSS MiB', 'heap MiB', 'descriptors', 'timers'],
  ...['lag ms', 'own lag', 'warms', 'said', 'heard', 'lost', 'doubled', 'mishaps'],
]

function rowOf(when: string, open: Open, vitals: Vitals, lags: readonly number[], ledger: Ledger): string {
  const { residentMib, heapMib, descriptors, timers } = vitals
  const { done, lost, doubled, mishapCount } = ledger
  const cells = [
    ...[when, open.sessions, open.links, open.connections, residentMib.toFixed(0), heapMib.toFixed(1)],
    ...[descriptors, timers, ...lags.map(lag => lag.toFixed(0))],
    ...[done.warm, done.say, done.hear, lost, doubled, mishapCount],
  ]
  return cells.map((cell, at) => String(cell).padStart(Math.max(8, columns[at]!.length))).join('  ')
}

function judge(before: Vitals, after: Vitals, open: Open, ledger: Ledger): boolean {
  const { lost, doubled, mishaps, mishapCount, done } = ledger
  const heaps = `${before.heapMib.toFixed(1)} MiB, then ${after.heapMib.toFixed(1)} MiB`
  const demands: readonly Demand[] = [
    [`all sessions are gone: ${open.sessions} sessions, ${open.links} links`, open.sessions + open.links === 0],
    [`descriptors: ${before.descriptors}, then ${after.descriptors}`, after.descriptors === before.descriptors],
    [`timers: ${before.timers}, then ${after.timers}`, after.timers <= before.timers],
    [`heap: ${heaps}`, after.heapMib <= before.heapMib * heapGrowth],
    [`lost: ${lost} of ${done.say} words`, lost === 0],
    [`doubled: ${doubled}`, doubled === 0],
    [`mishaps: ${mishapCount}`, mishapCount === 0],
  ]
  const counted = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([what, count]) => `${count} ${what}`)
  console.log(`\n${counted(done).join(', ')}`)
  console.log(`open in the event loop: ${counted(before.resources)}; then ${counted(after.resources)}`)
  for (const [what, count] of mishaps) console.log(`  ${count} x ${what}`)
  return areMet(demands)
}
