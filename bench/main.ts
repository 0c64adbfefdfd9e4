// `npm run bench [-- warm|chat|idle|mixed|websocket|pings|nodes|soak|profile …]`: what is to be reached, line by line, with a verdict each.
// Without a word it is everything but `pings`, `nodes`, `soak` and `profile`. `--quick` runs everything too briefly to mean anything;
// `endurance`, `chaos`, `upgrade` and `hostile` are for themselves: see endurance.ts and so on. `--write-docs` puts the newest figures into docs/performance.md and measures nothing.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Prosody, startProsody } from '../test/support/prosody.js'
import { measureCarrying } from './carrying.js'
import { chaos } from './chaos.js'
import { measureChatting } from './chatting.js'
import { stopAll } from './children.js'
import { writeDocs } from './docs.js'
import { endure } from './endurance.js'
import type { PartResult } from './figures.js'
import { measureHeldElsewhere } from './held-elsewhere.js'
import { measureIdle } from './idle.js'
import type { Verdict } from './lines.js'
import { measureMixed } from './mixed.js'
import { measurePings } from './pings.js'
import { startLoadClient } from './processes.js'
import { measureProfile } from './profile.js'
import { summary } from './report.js'
import { conditions, resultsFile, writeResult } from './results.js'
import { measureSharing } from './sharing.js'
import { measureSoak } from './soak.js'
import { measureSockets } from './socketing.js'
import { accounts, fullSizes, quickSizes, type Stage } from './stage.js'
import { measureStarttls } from './starttls.js'
import { upgrade } from './upgrade.js'
import { measureWarming } from './warming.js'

type Part = (stage: Stage) => Promise<PartResult>

/** The measurements by the word that asks for them; each has its place in the file of results. */
const parts: Readonly<Record<string, Readonly<Record<string, Part>>>> = {
  warm: { warming: measureWarming, starttls: measureStarttls },
  chat: { chatting: measureChatting },
  idle: { idle: measureIdle },
  mixed: { mixed: measureMixed },
  websocket: { websocket: measureSockets },
  pings: { pings: measurePings },
  nodes: { carrying: measureCarrying, sharing: measureSharing, heldElsewhere: measureHeldElsewhere },
  soak: { soak: measureSoak },
  profile: { profile: measureProfile },
}
const usual = ['warm', 'chat', 'idle', 'mixed', 'websocket']
/** For the usual parts; any other may take as long again. */
const usualMinutes = 16

async function main(words: readonly string[]): Promise<void> {
  if (words[0] === 'endurance') {
    process.exitCode = (await endure(words.slice(1))) ? 0 : 1
    return
  }
  if (words[0] === 'upgrade') {
    process.exitCode = (await upgrade(words.slice(1))) ? 0 : 1
    return
  }
  if (words[0] === 'chaos') {
    process.exitCode = (await chaos(words.slice(1))) ? 0 : 1
    return
  }
  if (words[0] === 'hostile') {
    process.exitCode = runHostile(words.slice(1))
    return
  }
  const options = words.filter(word => word.startsWith('--'))
  const asked = words.filter(word => !word.startsWith('--'))
  const unknown = [
    ...options.filter(word => word !== '--quick' && word !== '--write-docs'),
    ...asked.filter(word => parts[word] === undefined),
  ]
  if (unknown.length > 0) {
    console.error(
      `unknown: ${unknown.join(' ')}; say ${Object.keys(parts).join(', ')}, or nothing for ${usual}`,
    )
    process.exitCode = 2
    return
  }
  if (options.includes('--write-docs')) {
    writeDocs()
    return
  }
  const minutes = usualMinutes * (1 + asked.filter(word => !usual.includes(word)).length)
  const late = setTimeout(() => {
    console.error(`not finished after ${minutes} minutes`)
    process.exit(1)
  }, minutes * 60_000)
  await measure(asked.length === 0 ? usual : asked, options.includes('--quick'))
  clearTimeout(late)
}

/** Runs `hostile` with the memory that `npm start` gives the service, and without what was measured before in it. */
function runHostile(words: readonly string[]): number {
  const script = fileURLToPath(new URL('hostile.js', import.meta.url))
  const flags = ['--min-semi-space-size=16', '--expose-gc']
  return spawnSync(process.execPath, [...flags, script, ...words], { stdio: 'inherit' }).status ?? 1
}

async function measure(asked: readonly string[], quick: boolean): Promise<void> {
  const sizes = quick ? quickSizes : fullSizes
  const about = conditions(quick)
  console.log(
    `${about.machine}\n${Object.entries(about.versions)
      .map(pair => pair.join(' '))
      .join(', ')}`,
  )
  console.log(`${sizes.rounds} rounds, medians. Not as delivered:`)
  for (const limit of about.limitsTurnedOff) console.log(`  ${limit}`)

  let prosody: Prosody | undefined
  const verdicts: Verdict[] = []
  try {
    prosody = await startProsody({ users: accounts(sizes) })
    const stage: Stage = { sizes, prosody, load: startLoadClient(), log: text => console.log(text) }
    for (const [name, part] of asked.flatMap(word => Object.entries(parts[word]!))) {
      const result = await part(stage)
      writeResult(name, { ...about, ...result })
      verdicts.push(...result.verdicts)
    }
  } finally {
    stopAll()
    await prosody?.stop()
  }
  const byLine = verdicts.toSorted((one, other) => Number(one.id) - Number(other.id))
  if (byLine.length > 0) console.log(`\n${summary(byLine)}`)
  if (quick) console.log('\nA quick run: these figures mean nothing.')
  console.log(`\nall figures of all rounds: ${resultsFile}`)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

main(process.argv.slice(2)).catch(error => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
