import { startProsody } from '../test/support/prosody.js'
import { type Verdict, verdictTable } from './comparison.js'
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

type Measure = (stage: Stage) => Promise<readonly Verdict[]>

const parts: Readonly<Record<string, readonly Measure[]>> = {
  warm: [measureWarms, measureWarmsOverStarttls],
  chat: [measureBosh, measureBoshBeforeEjabberd],
  idle: [measureHeld],
  mixed: [measureMixed],
  websocket: [measureWebSocket, measureWebSocketBeforeEjabberd, measureHeldOverWebSocket],
  records: [measureRecords],
  processes: [measureCarrying, measureWorkers, measureHeldBesideOthers],
}
const usual = ['warm', 'chat', 'idle', 'mixed', 'websocket']
const mostMinutes = 40

const print = (text: string) => console.log(text)

function numbersIn<Key extends string>(words: readonly string[], defaults: Record<Key, number>) {
  const numbers = { ...defaults }
  for (const word of words) {
    const [, name = '', number] = /^--(\w+)=(\d+)$/.exec(word) ?? []
    if (!(name in defaults)) {
      const options = Object.entries(defaults).map(([known, value]) => `--${known}=${value}`)
      throw new Error(`Unknown option ${word}. Options: ${options.join(', ')}`)
    }
    numbers[name as Key] = Number(number)
  }
  return numbers
}

async function main(words: readonly string[]): Promise<void> {
  if (words[0] === 'scale') {
    const isMet = await measureScale(
      numbersIn(words.slice(1), { sessions: 50_000, workers: 6, rate: 1_000, seconds: 30 }),
    )
    process.exitCode = isMet ? 0 : 1
    return
  }
  if (words[0] === 'storm') {
    const isMet = await measureStorm(numbersIn(words.slice(1), { sessions: 6_000 }).sessions)
    process.exitCode = isMet ? 0 : 1
    return
  }
  const asked = words.filter(word => word !== '--quick')
  const unknown = asked.filter(word => parts[word] === undefined)
  if (unknown.length > 0) {
    const known = [...Object.keys(parts), 'scale', 'storm'].join(', ')
    console.error(`Unknown: ${unknown.join(' ')}. Parts: ${known}, --quick. By default: ${usual}.`)
    process.exitCode = 2
    return
  }
  const minutes = mostMinutes * (1 + asked.filter(word => !usual.includes(word)).length)
  const late = setTimeout(() => {
    console.error(`not finished after ${minutes} minutes`)
    process.exit(1)
  }, minutes * 60_000)
  await measure(asked.length === 0 ? usual : asked, asked.length < words.length)
  clearTimeout(late)
}

async function measure(asked: readonly string[], quick: boolean): Promise<void> {
  const sizes = quick ? quickSizes : fullSizes
  console.log(`${conditions()}\n${sizes.rounds} rounds, medians. Not as delivered:`)
  for (const difference of differencesFromDelivery) console.log(`  ${difference}`)

  const fresh = Array.from({ length: sizes.rounds }, (_, round) => names(freshPrefix(round), sizes.freshUsers))
  const accounts = accountsOf([...names('user', users), ...fresh.flat()])
  const verdicts: Verdict[] = []
  await using prosody = closing(await startProsody({ users: accounts }))
  await using load = startLoadClient()
  const stage: Stage = { sizes, prosody, load, log: print }
  for (const part of asked.flatMap(word => parts[word]!)) verdicts.push(...(await part(stage)))
  const byLine = verdicts.toSorted((one, other) => Number(one.id) - Number(other.id))
  if (byLine.length > 0) console.log(`\n${verdictTable(byLine)}`)
  if (quick) console.log('\nA quick run: these figures mean nothing.')
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

main(process.argv.slice(2)).catch(error => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
