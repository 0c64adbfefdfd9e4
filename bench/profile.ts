// Where the service's time goes: a CPU profile of warms and of round trips, by function and by package.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cpu } from './comparison.js'
import type { PartResult, ProfileFigures, Share } from './figures.js'
import { Inspector } from './inspector.js'
import { median } from './lines.js'
import { startService } from './processes.js'
import { type Round, runFresh, type Stage, users } from './stage.js'
import type { Figures } from './work.js'

/** Packages and functions that are named in the output. */
const mostPackages = 20
const mostFunctions = 30
const profiledRounds = 3
const samplingMicroseconds = 200

/** Of the DevTools protocol, as far as it is used here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Profiles come for the service before Prosody; files for Chrome's DevTools are left in `bench-profiles/`. */
export async function measureProfile(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const service = await startService({ c2sPort: prosody.c2sPort })
  const target = { kind: 'product', port: service.port } as const
  const warm: Round = { part: 'warm', target, prefix: 'user', users, amount: sizes.warms }
  const chat: Round = {
    part: 'chat',
    target,
    prefix: 'user',
    users: sizes.chatSessions,
    amount: sizes.chatSeconds,
    pollFirst: true,
  }
  const run = (round: Round) => runFresh(stage, round, { service: service.pid })
  const inspector = await Inspector.open(service)
  await inspector.ask('Profiler.enable')
  await inspector.ask('Profiler.setSamplingInterval', { interval: samplingMicroseconds })
  try {
    const profiles: ProfileFigures[] = []
    for (const [title, round] of Object.entries({ warm, chat })) {
      for (let time = 0; time < sizes.warmUpRounds; time++) await run(round)
      await inspector.ask('Profiler.start')
      const figures: Figures[] = []
      for (let time = 0; time < profiledRounds; time++) figures.push(await run(round))
      const { profile } = await inspector.ask<{ profile: CpuProfile }>('Profiler.stop')
      keep(title, profile)
      profiles.push(summarize(title, profile, median(figures.map(cpu('service').of))))
    }
    for (const profile of profiles) log(inWords(profile))
    return { verdicts: [], profiles }
  } finally {
    inspector.close()
    await service.stop()
  }
}

function keep(title: string, profile: CpuProfile): void {
  const folder = new URL('../../bench-profiles/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileURLToPath(new URL(`${title}.cpuprofile`, folder)), JSON.stringify(profile))
}

function summarize(title: string, profile: CpuProfile, microsecondsPerOperation: number): ProfileFigures {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byFunction = new Map<string, number>()
  const byPackage = new Map<string, number>()
  let busy = 0
  const add = (to: Map<string, number>, name: string, time: number) =>
    to.set(name, (to.get(name) ?? 0) + time)
  for (const [index, sample] of profile.samples.entries()) {
    const { functionName, url, lineNumber } = frames.get(sample)!
    if (functionName === '(idle)') continue
    // A gap between two samples is time in which another process had the core, most often since it was just written to.
    const time = Math.min(profile.timeDeltas[index] ?? 0, 2 * samplingMicroseconds)
    busy += time
    const place = url === '' ? '' : ` ${shortened(url)}:${lineNumber + 1}`
    add(byFunction, `${functionName || '(anonymous)'}${place}`, time)
    add(byPackage, packageOf(url, functionName), time)
  }
  const shares = (times: Map<string, number>, most: number): Share[] =>
    [...times]
      .toSorted(([, one], [, other]) => other - one)
      .slice(0, most)
      .map(([name, time]) => ({
        name,
        share: time / busy,
        microsecondsPerOperation: (time / busy) * microsecondsPerOperation,
      }))
  return {
    title,
    microsecondsPerOperation,
    byPackage: shares(byPackage, mostPackages),
    byFunction: shares(byFunction, mostFunctions),
  }
}

const shortened = (url: string) =>
  url.replace(/^file:.*\/(node_modules|dist)\//, (_, top) => (top === 'dist' ? 'dist/' : ''))

/** Whose code it is: a package, a folder of ours, a part of Node, or what V8 and the kernel do. */
function packageOf(url: string, functionName: string): string {
  if (functionName.startsWith('(')) return functionName
  if (url === '') return 'native functions'
  const inNode = /^node:(?:internal\/)?_?([a-z]+)/.exec(url)?.[1]
  if (inNode !== undefined) return `node:${inNode}`
  const path = shortened(url)
  const [, folder] = /^dist\/([^/]+)/.exec(path) ?? []
  return folder === undefined ? (/^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path) : `src/${folder}`
}

function inWords({ title, microsecondsPerOperation, byPackage, byFunction }: ProfileFigures): string {
  const row = ({ name, share, microsecondsPerOperation: time }: Share) =>
    `  ${(share * 100).toFixed(1).padStart(5)} %  ${time.toFixed(1).padStart(7)} us  ${name}`
  return [
    `\nProfile of ${title}: ${microsecondsPerOperation.toFixed(0)} us an operation`,
    ...byPackage.map(row),
    '',
    ...byFunction.map(row),
  ].join('\n')
}
