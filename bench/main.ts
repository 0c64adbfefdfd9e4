import { startProsody } from '../test/support/prosody.js'
import { type Demand, print } from './comparison.js'
import { conditions } from './conditions.js'
import { measureHeld, measureHeldBesideOthers, measureHeldOverWebSocket } from './memory.js'
import { measureMixed } from './mixed.js'
import { closing, differencesFromDelivery, startLoadClient } from './processes.js'
import { measureRecords } from './records.js'
import {
  measureBosh,
  measureBoshBeforeEjabberd,
  measureWebSocket,
  measureWebSocketBeforeEjabberd,
} from './round-trips.js'
import { measureScale } from './scale.js'
import { measureCarrying, measureWorkers } from './several.js'
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
const options = ['sessions', 'workers', 'rate', 'seconds']

function numbersIn(words: readonly string[]): Stage['numbers'] {
  const pairs = words.map(word => {
    const [, name = '', number] = /^--(\w+)=(\d+)$/.exec(word) ?? []
    if (!options.includes(name))
      throw new Error(`Unknown option ${word}. Options: --quick, --${options.join('=, --')}=`)
    return [name, Number(number)]
  })
  return Object.fromEntries(pairs)
}

async function main(words: readonly string[]): Promise<void> {
  const quick = words.includes('--quick')
  const numbers = numbersIn(words.filter(word => word.startsWith('--') && word !== '--quick'))
  const asked = words.filter(word => !word.startsWith('--'))
  const unknown = asked.filter(word => parts[word] === undefined)
  if (unknown.length > 0) {
    throw new Error(`Unknown: ${unknown.join(' ')}. Parts: ${Object.keys(parts).join(', ')}. By default: ${usual}.`)
  }
  const sizes = quick ? quickSizes : fullSizes
  console.log(`${conditions()}\n${sizes.rounds} rounds, medians. Not as delivered:`)
  for (const difference of differencesFromDelivery) console.log(`  ${difference}`)

  const fresh = Array.from({ length: sizes.rounds }, (_, round) => names(freshPrefix(round), sizes.freshUsers))
  const accounts = accountsOf([...names('user', users), ...fresh.flat()])
  await using prosody = closing(await startProsody({ users: accounts }))
  await using load = startLoadClient()
  const stage: Stage = { sizes, numbers, prosody, load }
  const demands: Demand[] = []
  for (const part of (asked.length === 0 ? usual : asked).flatMap(word => parts[word]!))
    demands.push(...(await part(stage)))
  print(demands)
  if (quick) console.log('\nA quick run: these figures mean nothing.')
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

main(process.argv.slice(2)).catch(error => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
