import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { startProsody } from '../test/support/prosody.js'
import type { Demand } from './comparison.js'
import { measureHeld, measureHeldBesideOthers, measureHeldOverWebSocket } from './memory.js'
import { closing, startLoadClient } from './processes.js'
import {
  measureBosh,
  measureBoshBeforeEjabberd,
  measureMixed,
  measureWebSocket,
  measureWebSocketBeforeEjabberd,
} from './round-trips.js'
import { measureScale } from './scale.js'
import { measureCarrying, measureRecords, measureWorkers } from './several.js'
import { accountsOf, freshPrefix, fullSizes, names, quickSizes, type Stage, users } from './stage.js'
import { measureStorm } from './storm.js'
import { measureWarms, measureWarmsOverStarttls } from './warms.js'

type Measure = (stage: Stage) => Promise<readonly Demand[]>

const parts: Readonly<Record<string, readonly Measure[]>> = {
  warm: [measureWarms, measureWarmsOverStarttls],
  chat: [measureBosh, measureBoshBeforeEjabberd],
  idle: [measureHeld],
  mixed: [measureMixed],
  websocket: [measureWebSocket, measureWebSocketBeforeEjabberd, measureHeldOverWebSocket],
  records: [measureRecords],
  processes: [measureCarrying, measureWorkers, measureHeldBesideOthers],
  scale: [measureScale],
  storm: [measureStorm],
}
const usual = ['warm', 'chat', 'idle', 'mixed', 'websocket']

async function main(): Promise<void> {
  const options = { quick: { type: 'boolean' }, sessions: { type: 'string' } } as const
  const { values, positionals: asked } = parseArgs({ options, allowPositionals: true })
  const { quick = false } = values
  const unknown = asked.filter(word => parts[word] === undefined)
  if (unknown.length > 0)
    throw new Error(`Unknown: ${unknown.join(' ')}. Parts: ${Object.keys(parts).join(', ')}. By default: ${usual}.`)
  const sizes = quick ? quickSizes : fullSizes
  const machine = `${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`
  console.log(`${machine}, Node.js ${process.version}. ${sizes.rounds} rounds, medians`)
  console.log(execFileSync('dpkg-query', ['--show', 'prosody', 'ejabberd'], { encoding: 'utf8' }))

  const fresh = Array.from({ length: sizes.rounds }, (_, round) => names(freshPrefix(round), sizes.freshUsers))
  const accounts = accountsOf([...names('user', users), ...fresh.flat()])
  await using prosody = closing(await startProsody({ users: accounts }))
  await using load = startLoadClient()
  const sessions = values.sessions === undefined ? undefined : Number(values.sessions)
  const stage: Stage = { sizes, sessions, prosody, load }
  const demands: Demand[] = []
  for (const part of (asked.length === 0 ? usual : asked).flatMap(word => parts[word]!))
    demands.push(...(await part(stage)))
  for (const [what, isMet] of demands) console.log(`${isMet ? 'reached' : 'short  '}  ${what}`)
  if (quick) console.log('\nA quick run: these figures mean nothing.')
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

main().catch(error => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
