// Measured processes load this file. After SIGUSR2, it answers the question in a file (ask.ts).
import { openSync, readdirSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { answerFile, questionFile, residentKib } from './tally.js'

/** In milliseconds. `lag` subtracts it, because each figure of the histogram includes it. */
const resolution = 5

if (process.env['MEMORY_LINKS'] === '1') await import('./memory-links.js')

const session = new Session()
let isConnected = false
const histogram = monitorEventLoopDelay({ resolution })
const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
const text = Buffer.alloc(64)
let before = 0
/** In milliseconds: the most CPU time between two calls of `measureBusy`. */
let busy = 0

const used = () => Number(text.toString('latin1', 0, readSync(schedstat, text, 0, 64, 0)).split(' ', 1)[0]) / 1e6

function measureBusy(): void {
  const now = used()
  busy = Math.max(busy, now - before)
  before = now
}

async function collectGarbage(): Promise<void> {
  for (let time = 0; time < 2; time++) await session.post('HeapProfiler.collectGarbage')
}

async function countTimers(): Promise<number> {
  const timer = setTimeout(() => {}, 1)
  clearTimeout(timer)
  Object.assign(globalThis, { timerPrototype: Object.getPrototypeOf(timer) })
  const { result } = await session.post('Runtime.evaluate', { expression: 'timerPrototype' })
  const { objects } = await session.post('Runtime.queryObjects', { prototypeObjectId: result.objectId! })
  const counted = await session.post('Runtime.callFunctionOn', {
    objectId: objects.objectId!,
    functionDeclaration: 'function () { return this.filter(timer => !timer._destroyed).length }',
    returnByValue: true,
  })
  for (const { objectId } of [result, objects]) await session.post('Runtime.releaseObject', { objectId: objectId! })
  return Number(counted.result.value)
}

export type Answers = typeof answers

const answers = {
  /** Since the last question, in milliseconds: the longest pause, and `busy`. Needs MEASURE_LAG. */
  async lag() {
    const lag = { max: Math.max(0, histogram.max / 1e6 - resolution), busy }
    await new Promise(setImmediate)
    histogram.reset()
    before = used()
    busy = 0
    return lag
  },
  collectGarbage,
  async vitals() {
    await collectGarbage()
    // A count can miss a timer that fires during it, so the highest of three is used.
    const counts = [await countTimers(), await countTimers(), await countTimers()]
    const resources: Record<string, number> = {}
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
    return {
      residentMib: residentKib(process.pid) / 1024,
      heapMib: process.memoryUsage().heapUsed / 2 ** 20,
      descriptors: readdirSync('/proc/self/fd').length,
      timers: Math.max(...counts),
      resources,
    }
  },
  async startProfile(microseconds: number) {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: microseconds })
    await session.post('Profiler.start')
  },
  stopProfile: async () => (await session.post('Profiler.stop')).profile,
}

process.on('SIGUSR2', async () => {
  if (!isConnected) session.connect()
  isConnected = true
  const { what, about } = JSON.parse(readFileSync(questionFile(process.pid), 'utf8'))
  const answer = await (answers as Record<string, (about: never) => Promise<unknown>>)[what]!(about as never)
  const file = answerFile(process.pid)
  writeFileSync(`${file}.new`, JSON.stringify({ answer }))
  renameSync(`${file}.new`, file)
})

if (process.env['MEASURE_LAG'] === '1') {
  histogram.enable()
  setInterval(measureBusy, resolution).unref()
}
