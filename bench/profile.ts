// Writes files for Chrome's DevTools to `bench-profiles/`.
import { mkdirSync, writeFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { ask } from './ask.js'
import { cpu, median } from './comparison.js'
import { root, startService } from './processes.js'
import type { PartResult } from './results.js'
import { chatLoad, type Stage, warmLoad, warmUp, withFreshProsody } from './stage.js'
import type { Figures } from './work.js'

const mostFunctions = 30
const profiledRounds = 3
const samplingMicroseconds = 200

export async function measureProfile(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  await using service = await startService({ c2sPort: prosody.c2sPort })
  const target = { kind: 'product', port: service.port } as const
  const contender = withFreshProsody(stage, 'the service', target, { service: service.pid })
  const profiles = []
  for (const [title, load] of Object.entries({ warm: warmLoad(sizes), chat: chatLoad(sizes) })) {
    await warmUp([contender], load, sizes.warmUpRounds)
    await ask(service.pid, 'startProfile', samplingMicroseconds)
    const figures: Figures[] = []
    for (let round = 0; round < profiledRounds; round++) figures.push(await contender.run(load))
    const profile = await ask(service.pid, 'stopProfile')
    keep(title, profile)
    profiles.push({ title, ...summarize(profile, median(figures.map(cpu('service').of))) })
  }
  for (const profile of profiles) log(inWords(profile))
  return { verdicts: [], details: { profiles } }
}

function keep(title: string, profile: Profiler.Profile): void {
  const folder = new URL('bench-profiles/', root)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${title}.cpuprofile`, folder), JSON.stringify(profile))
}

function summarize(profile: Profiler.Profile, microsecondsPerOperation: number) {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byFunction = new Map<string, number>()
  let busy = 0
  for (const [index, sample] of profile.samples!.entries()) {
    const { functionName, url, lineNumber } = frames.get(sample)!
    if (functionName === '(idle)') continue
    // A gap above two intervals includes time of another process on this core.
    const time = Math.min(profile.timeDeltas![index] ?? 0, 2 * samplingMicroseconds)
    busy += time
    const place = url === '' ? '' : ` ${shortened(url)}:${lineNumber + 1}`
    const name = `${functionName || '(anonymous)'}${place}`
    byFunction.set(name, (byFunction.get(name) ?? 0) + time)
  }
  const sorted = [...byFunction].toSorted(([, one], [, other]) => other - one)
  const functions = sorted.slice(0, mostFunctions).map(([name, time]) => ({ name, share: time / busy }))
  return { microsecondsPerOperation, functions }
}

const shortened = (url: string) =>
  url.replace(/^file:.*\/(node_modules|dist)\//, (_, top) => (top === 'dist' ? 'dist/' : ''))

function inWords(profile: { title: string } & ReturnType<typeof summarize>): string {
  const { title, microsecondsPerOperation, functions } = profile
  const row = ({ name, share }: (typeof functions)[number]) =>
    `  ${(share * 100).toFixed(1).padStart(5)} %  ${(share * microsecondsPerOperation).toFixed(1).padStart(7)} us  ${name}`
  const head = `\nProfile of ${title}: ${microsecondsPerOperation.toFixed(0)} us an operation`
  return [head, ...functions.map(row)].join('\n')
}
