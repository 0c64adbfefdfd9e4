// `npm run bench -- endurance [--sessions=2000] [--minutes=20]`: sessions come and go over a real Prosody with STARTTLS,
// and at the end everything has to be where it was at the beginning.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../test/support/http-answer.js'
import { freePorts } from '../test/support/ports.js'
import { startProsody } from '../test/support/prosody.js'
import { Ledger } from './ledger.js'
import { startService } from './processes.js'
import { names } from './stage.js'
import { Visitor } from './visitor.js'
import { VitalSigns, type Vitals } from './vitals.js'

interface Plan {
  readonly sessions: number
  readonly minutes: number
}

/** What a service holds at rest may grow by this much: V8 keeps what it has learnt. */
const heapGrowth = 1.2
/** Sessions that are had once before anything is measured, so that what is made once is there. */
const rehearsed = 60
/** Visitors that come in a second at the beginning. */
const arrivals = 25
/** How long sessions that are never attached to live on, in seconds. */
const inactivity = 20
/** How long the service remembers the work that it has done for a password, in seconds. */
const remembering = 60
const visitSeconds = 120

export async function endure(words: readonly string[]): Promise<boolean> {
  const plan = readPlan(words)
  const { sessions, minutes } = plan
  console.log(`${sessions} visitors for ${minutes} minutes, over Prosody with STARTTLS`)
  const users = names('user', sessions)
  const prosody = await startProsody({
    users: Object.fromEntries(users.map(name => [name, name])),
    config: 'c2s_require_encryption = true',
  })
  const [metricsPort = 0] = await freePorts(1)
  const service = await startService({
    c2sPort: prosody.c2sPort,
    caFile: prosody.caFile,
    environment: {
      MEASURE_LAG: '1',
      BOSH_INACTIVITY: String(inactivity),
      WARM_ATTACH_TIMEOUT: String(inactivity),
      SCRAM_MEMORY: String(remembering),
      METRICS_ADDRESS: `127.0.0.1:${metricsPort}`,
      // All visitors come from one address here.
      MAX_CONNECTIONS_PER_ADDRESS: '0',
    },
  })
  const signs = await VitalSigns.of(service)
  const ownLag = monitorEventLoopDelay()
  ownLag.enable()
  try {
    const open = () => openOf(metricsPort)
    const tell = async (when: string, ledger: Ledger) => {
      const { max: lag } = await service.lag()
      const late = { lag, own: ownLag.max / 1e6 }
      const vitals = await signs.read()
      // The process that is measured stands still for a moment, which others do not see.
      await service.lag()
      ownLag.reset()
      const found = await open()
      console.log(line(when, found, vitals, late, ledger))
      return { open: found, vitals }
    }
    const url = `http://127.0.0.1:${service.port}`
    const visit = (
      names: readonly string[],
      ledger: Ledger,
      about: { isClosing: () => boolean; seconds: number },
    ) =>
      Promise.all(
        names.map(async (user, at) => {
          await sleep((at / arrivals) * 1000)
          const { isClosing, seconds } = about
          await new Visitor({ url, user, ledger, isClosing, visitSeconds: seconds }).comeAndGo()
        }),
      )

    const until = performance.now() + 20_000
    await visit(users.slice(0, rehearsed), new Ledger(), {
      isClosing: () => performance.now() > until,
      seconds: 8,
    })
    await untilEmpty(open)
    console.log(header)
    const before = await tell('begin', new Ledger())

    const ledger = new Ledger()
    const end = performance.now() + minutes * 60_000
    const isClosing = () => performance.now() > end
    const visits = visit(users, ledger, { isClosing, seconds: Math.min(visitSeconds, minutes * 20) })
    for (let minute = 1; minute <= minutes; minute++) {
      await sleep(Math.max(0, end - (minutes - minute) * 60_000 - performance.now()))
      await tell(`${minute} min`, ledger)
    }
    await visits
    await untilEmpty(open)
    // What is remembered for a while is forgotten at the next call after that.
    await sleep(remembering * 1000)
    const last = performance.now() + 5_000
    await visit(users.slice(0, 1), new Ledger(), { isClosing: () => performance.now() > last, seconds: 3 })
    await untilEmpty(open)
    const after = await tell('end', ledger)
    return judge(before.vitals, after.vitals, after.open, ledger)
  } finally {
    signs.close()
    await service.stop()
    await prosody.stop()
  }
}

function readPlan(words: readonly string[]): Plan {
  const plan = { sessions: 2_000, minutes: 20 }
  for (const word of words) {
    const [, name, number] = /^--(sessions|minutes)=(\d+)$/.exec(word) ?? []
    if (name === undefined) throw new Error(`unknown: ${word}; say --sessions=2000 or --minutes=20`)
    plan[name as keyof Plan] = Number(number)
  }
  return plan
}

interface Open {
  readonly sessions: number
  readonly links: number
  readonly connections: number
}

/** What the service says is open. */
async function openOf(port: number): Promise<Open> {
  const { text } = await ask(`http://127.0.0.1:${port}/metrics`, { agent: false })
  const sum = (name: string) => {
    let total = 0
    for (const [, value] of text.matchAll(new RegExp(`^\\w+_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm')))
      total += Number(value)
    return total
  }
  return { sessions: sum('sessions'), links: sum('c2s_links'), connections: sum('connections') }
}

/** Resolves when the last session is gone, or it is plain that it does not go. */
async function untilEmpty(open: () => Promise<Open>): Promise<void> {
  for (let waited = 0; waited < 2 * inactivity + 30; waited++) {
    const { sessions, links, connections } = await open()
    if (sessions + links + connections === 0) break
    await sleep(1_000)
  }
  // What has been closed is gone from all tables a little later, and open connections are looked at every five seconds.
  await sleep(6_000)
}

const columns = [
  ...(['', 'sessions', 'links', 'connections', 'RSS MiB', 'heap MiB', 'descriptors', 'timers'] as const),
  ...(['lag ms', 'own lag'] as const),
  ...(['warms', 'said', 'heard', 'lost', 'doubled', 'mishaps'] as const),
]
const header = columns.map(column => column.padStart(8)).join('  ')

/** How late the event loops of the service and of the visitors were at most, in milliseconds. */
interface Late {
  readonly lag: number
  readonly own: number
}

function line(when: string, open: Open, vitals: Vitals, late: Late, ledger: Ledger): string {
  const { residentMib, heapMib, descriptors, timers } = vitals
  const { done, lost, doubled, mishapCount } = ledger
  const cells = [
    ...[when, open.sessions, open.links, open.connections, residentMib.toFixed(0), heapMib.toFixed(1)],
    ...[
      descriptors,
      timers,
      late.lag.toFixed(0),
      late.own.toFixed(0),
      done.warm,
      done.say,
      done.hear,
      lost,
      doubled,
      mishapCount,
    ],
  ]
  return cells.map((cell, at) => String(cell).padStart(Math.max(8, columns[at]!.length))).join('  ')
}

/** Says of each demand whether it is met. */
function judge(before: Vitals, after: Vitals, open: Open, ledger: Ledger): boolean {
  const { lost, doubled, mishaps, mishapCount, done } = ledger
  const demands: readonly (readonly [what: string, isMet: boolean])[] = [
    [
      `all sessions are gone: ${open.sessions} sessions, ${open.links} links`,
      open.sessions + open.links === 0,
    ],
    [
      `descriptors: ${before.descriptors}, then ${after.descriptors}`,
      after.descriptors === before.descriptors,
    ],
    [`timers: ${before.timers}, then ${after.timers}`, after.timers <= before.timers],
    [
      `heap: ${before.heapMib.toFixed(1)} MiB, then ${after.heapMib.toFixed(1)} MiB`,
      after.heapMib <= before.heapMib * heapGrowth,
    ],
    [`lost: ${lost} of ${done.say} words`, lost === 0],
    [`doubled: ${doubled}`, doubled === 0],
    [`mishaps: ${mishapCount}`, mishapCount === 0],
  ]
  console.log(
    `\n${Object.entries(done)
      .map(([deed, count]) => `${deed} ${count}`)
      .join(', ')}`,
  )
  console.log(`open in the event loop: ${told(before.resources)}; then ${told(after.resources)}`)
  for (const [what, count] of mishaps) console.log(`  ${count} x ${what}`)
  for (const [what, isMet] of demands) console.log(`${isMet ? 'reached' : 'short  '}  ${what}`)
  return demands.every(([, isMet]) => isMet)
}

const told = (resources: Vitals['resources']) =>
  Object.entries(resources)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')
