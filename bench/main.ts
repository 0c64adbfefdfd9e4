// `npm run bench [-- warm|chat|idle|peer]`: the service before Prosody against Prosody's own BOSH endpoint, and
// before ejabberd against ejabberd's, in turns, on this machine; and what a waiting session costs. `warm`, `chat`
// and `idle` run one part; `peer` leaves the service out.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { type Ejabberd, startEjabberd } from '../test/support/ejabberd.js'
import { type Prosody, startProsody } from '../test/support/prosody.js'
import { type IdleFigures, measureIdle } from './idle.js'
import { type LoadClient, type Service, startLoadClient, startService, stopAll } from './processes.js'
import { type Comparison, ratios, table } from './report.js'
import type { Target, Work } from './work.js'

const rounds = 5
const users = 200
const freshUsers = 100
const chatSessions = 50
const chatSeconds = 2
/** All of them are open at the end of a round. */
const warmsPerRound = 400
/** Rounds that do not count: by then Node has compiled what runs often. */
const warmUpRounds = 8
const limitMilliseconds = 480_000

const wanted = process.argv.slice(2)
const unknown = wanted.filter(word => !['warm', 'chat', 'idle', 'peer'].includes(word))
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(' ')}; say warm, chat, idle or peer, or nothing for all`)
  process.exit(2)
}
const parts = wanted.filter(word => word !== 'peer')
const isWanted = (part: string) => parts.length === 0 || parts.includes(part)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
setTimeout(() => {
  console.error(`not finished after ${limitMilliseconds / 1000} s`)
  process.exit(1)
}, limitMilliseconds).unref()

console.log(`${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${rounds} rounds, median`)
const prosody = await startProsody({ users: accounts() })
try {
  const service = wanted.includes('peer') ? undefined : await startService(prosody.c2sPort)
  const load = startLoadClient()
  const comparisons = await measure(prosody, service, load)
  if (isWanted('chat')) comparisons.push(...(await measureBeforeEjabberd(load)))
  const results: (IdleFigures | Comparison)[] = comparisons.map(each => ({ ...each, ratios: ratios(each) }))
  if (isWanted('idle')) results.push(await weigh())
  writeFileSync('bench-results.json', `${JSON.stringify(results, undefined, 2)}\n`)
  console.log('\nall figures: bench-results.json')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  stopAll()
  await prosody.stop()
}

function accounts(): Record<string, string> {
  const fresh = Array.from({ length: rounds }, (_, round) => names(`fresh${round}x`, freshUsers)).flat()
  return Object.fromEntries([...names('user', users), ...fresh].map(name => [name, name]))
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}

async function measure(server: Prosody, service: Service | undefined, load: LoadClient) {
  const product: Target[] = service ? [{ kind: 'product', port: service.port }] : []
  const bosh: Target[] = [...product, { kind: 'peer', port: server.httpPort }]
  const all: Target[] = [...bosh, { kind: 'raw', port: server.c2sPort }]
  const warm = { part: 'warm', users, prefix: 'user', amount: warmsPerRound } as const
  const chat = { part: 'chat', users: chatSessions, prefix: 'user', amount: chatSeconds } as const
  const run = async (work: Omit<Work, 'pids'>) => {
    // Prosody 0.12 on Lua 5.4 takes three times as long for a login after a few thousand of them, and for a
    // message too. Each round has a fresh one, or whoever comes first would win.
    await server.restart()
    const pids = { ...(service && { service: service.pid }), Prosody: server.pid, load: load.pid }
    return load.run({ ...work, pids })
  }
  const done: Comparison[] = []
  const compare = async (
    comparison: Omit<Comparison, 'rounds'>,
    targets: Target[],
    workOf: (round: number, target: Target) => Omit<Work, 'pids'>,
  ) => {
    const figures = await takeTurns(targets, (round, target) => run(workOf(round, target)))
    done.push({ ...comparison, rounds: figures })
    console.log(table({ ...comparison, rounds: figures }))
  }

  if (isWanted('warm')) {
    // All code is compiled and all passwords are remembered before anything is compared.
    for (let round = 0; round < warmUpRounds; round++)
      for (const target of all) await run({ ...warm, target })
    await compare({ title: 'Warming, 10 at once', unit: 'warms', aim: 1.2 }, all, (_, target) => ({
      ...warm,
      target,
    }))
    await compare({ title: 'Warming, users never seen before', unit: 'warms' }, all, (round, target) => ({
      ...warm,
      target,
      prefix: `fresh${round}x`,
      users: freshUsers,
      amount: freshUsers,
    }))
  }
  if (isWanted('chat')) {
    const kinds = [
      { title: `Messages to oneself, ${chatSessions} sessions`, pollFirst: false },
      { title: 'The same, with a poll held before each message', pollFirst: true },
    ]
    for (const { title, pollFirst } of kinds) {
      for (const target of bosh) await run({ ...chat, target, pollFirst, amount: 1 })
      await compare({ title, unit: 'messages', aim: 2 }, bosh, (_, target) => ({
        ...chat,
        target,
        pollFirst,
      }))
    }
  }
  return done
}

/** The same messages with ejabberd behind the service, and at ejabberd's own endpoint. */
async function measureBeforeEjabberd(load: LoadClient): Promise<Comparison[]> {
  const ejabberd: Ejabberd = await startEjabberd({
    users: Object.fromEntries(names('user', users).map(name => [name, name])),
    plain: true,
  })
  try {
    const service = wanted.includes('peer') ? undefined : await startService(ejabberd.c2sPort)
    const targets: Target[] = [
      ...(service ? [{ kind: 'product', port: service.port } as const] : []),
      { kind: 'peer', port: ejabberd.httpPort },
    ]
    const pids = { ...(service && { service: service.pid }), ejabberd: ejabberd.pid, load: load.pid }
    const chat = { part: 'chat', users: chatSessions, prefix: 'user', pids } as const
    for (let round = 0; round < 3; round++)
      for (const target of targets) await load.run({ ...chat, target, amount: 1 })
    const rounds = await takeTurns(targets, (_, target) => load.run({ ...chat, target, amount: chatSeconds }))
    const comparison = {
      ...{
        title: `Messages to oneself, ${chatSessions} sessions, before ejabberd`,
        unit: 'messages',
        aim: 1,
      },
      ...{ peer: 'ejabberd', rounds },
    }
    console.log(table(comparison))
    return [comparison]
  } finally {
    await ejabberd.stop()
  }
}

async function weigh(): Promise<IdleFigures> {
  const figures = await measureIdle()
  const { sessions, residentKib, kibPerSession, lost } = figures
  console.log(
    `\nA held session, plain link, logged in, after a collection and 10 s of rest\n` +
      `  ${residentKib[0]} KiB at ${sessions[0]}, ${residentKib[1]} KiB at ${sessions[1]}, ${lost} lost\n` +
      `  ${kibPerSession.toFixed(1)} KiB each, aim 20: ${kibPerSession <= 20 && lost === 0 ? 'REACHED' : 'MISSED'}`,
  )
  return figures
}

/** Runs each target once a round; whoever was first in one round is last in the next. */
async function takeTurns<T>(targets: readonly Target[], run: (round: number, target: Target) => Promise<T>) {
  const results: Partial<Record<Target['kind'], T[]>> = {}
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? targets : targets.toReversed()
    for (const target of order) {
      results[target.kind] = [...(results[target.kind] ?? []), await run(round, target)]
    }
  }
  return results
}
