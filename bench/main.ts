import { spawnSync } from 'node:child_process'
import { chaos } from '../test/support/crowd/chaos.js'
import { upgrade } from '../test/support/crowd/upgrade.js'
import { startProsody } from '../test/support/prosody.js'
import { areMet, type Verdict, verdictTable } from './comparison.js'
import { observeFaults } from './faults.js'
import { measurePings } from './many-sessions.js'
import { measureHeld, measureHeldBesideOthers, measureHeldOverWebSocket } from './memory.js'
import { measureMixed } from './mixed.js'
import { closing, pathOf, startLoadClient, stopAll } from './processes.js'
import { conditions, type PartResult, resultsFile, writeResult } from './results.js'
import {
  measureBosh,
  measureBoshBeforeEjabberd,
  measureWebSocket,
  measureWebSocketBeforeEjabberd,
} from './round-trips.js'
import { measureScale } from './scale.js'
import { measureCarrying, measureWorkers } from './several.js'
import { accountsOf, freshPrefix, fullSizes, names, quickSizes, type Stage, users } from './stage.js'
import { measureWarms, measureWarmsOverStarttls } from './warms.js'

type Measure = (stage: Stage) => Promise<PartResult>

const parts: Readonly<Record<string, Readonly<Record<string, Measure>>>> = {
  warm: { warms: measureWarms, starttls: measureWarmsOverStarttls },
  chat: { bosh: measureBosh, boshBeforeEjabberd: measureBoshBeforeEjabberd },
  idle: { held: measureHeld },
  mixed: { mixed: measureMixed },
  websocket: {
    webSocket: measureWebSocket,
    webSocketBeforeEjabberd: measureWebSocketBeforeEjabberd,
    heldOverWebSocket: measureHeldOverWebSocket,
  },
  pings: { pings: measurePings },
  processes: { carrying: measureCarrying, workers: measureWorkers, heldBesideOthers: measureHeldBesideOthers },
}
const usual = ['warm', 'chat', 'idle', 'mixed', 'websocket']
const mostMinutes = 40

const print = (text: string) => console.log(text)

const commands: Readonly<Record<string, (words: readonly string[]) => Promise<boolean>>> = {
  chaos: async words => {
    const others = words.filter(word => word !== '--workers')
    const numbers = numbersIn(others, { seconds: 600, seed: 1, users: 300 })
    return report(await chaos({ ...numbers, isWorkers: words.includes('--workers') }, print))
  },
  upgrade: async words => report(await upgrade(numbersIn(words, { users: 300, rate: 2000, warms: 50 }), print)),
  scale: words => measureScale(numbersIn(words, { sessions: 50_000, workers: 6, rate: 1_000, seconds: 30 })),
  faults: words => observeFaults(words, print),
  hostile: async words => runHostile(words),
}

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

function report(faults: readonly string[]): boolean {
  for (const fault of faults.slice(0, 20)) print(`  ${fault}`)
  return areMet([[`${faults.length} faults`, faults.length === 0]])
}

async function main(words: readonly string[]): Promise<void> {
  const command = commands[words[0] ?? '']
  if (command !== undefined) {
    process.exitCode = (await command(words.slice(1))) ? 0 : 1
    return
  }
  const asked = words.filter(word => word !== '--quick')
  const unknown = asked.filter(word => parts[word] === undefined)
  if (unknown.length > 0) {
    const known = [...Object.keys(parts), ...Object.keys(commands)].join(', ')
    console.error(`Unknown: ${unknown.join(' ')}. Parts and commands: ${known}, --quick. By default: ${usual}.`)
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

function runHostile(words: readonly string[]): boolean {
  const flags = ['--min-semi-space-size=16', '--expose-gc']
  return spawnSync(process.execPath, [...flags, pathOf('hostile.js'), ...words], { stdio: 'inherit' }).status === 0
}

async function measure(asked: readonly string[], quick: boolean): Promise<void> {
  const sizes = quick ? quickSizes : fullSizes
  const about = conditions(quick)
  const versions = Object.entries(about.versions).map(pair => pair.join(' '))
  console.log(`${about.machine}\n${versions.join(', ')}\n${sizes.rounds} rounds, medians. Not as delivered:`)
  for (const difference of about.differencesFromDelivery) console.log(`  ${difference}`)

  const fresh = Array.from({ length: sizes.rounds }, (_, round) => names(freshPrefix(round), sizes.freshUsers))
  const accounts = accountsOf([...names('user', users), ...fresh.flat()])
  const verdicts: Verdict[] = []
  try {
    await using prosody = closing(await startProsody({ users: accounts }))
    await using load = startLoadClient()
    const stage: Stage = { sizes, prosody, load, log: print }
    for (const [name, part] of asked.flatMap(word => Object.entries(parts[word]!))) {
      const result = await part(stage)
      writeResult(name, about, result)
      verdicts.push(...result.verdicts)
    }
  } finally {
    stopAll()
  }
  const byLine = verdicts.toSorted((one, other) => Number(one.id) - Number(other.id))
  if (byLine.length > 0) console.log(`\n${verdictTable(byLine)}`)
  if (quick) console.log('\nA quick run: these figures mean nothing.')
  console.log(`\nall figures of all rounds: ${resultsFile}`)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

main(process.argv.slice(2)).catch(error => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
