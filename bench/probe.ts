// Measured processes load this file. After SIGUSR2, it answers the question in a file (ask.ts).
import { openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { answerFile, questionFile } from './tally.js'

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
}

process.on('SIGUSR2', async () => {
  if (!isConnected) session.connect()
  isConnected = true
  const { what } = JSON.parse(readFileSync(questionFile(process.pid), 'utf8'))
  const answer = await answers[what as keyof Answers]()
  const file = answerFile(process.pid)
  writeFileSync(`${file}.new`, JSON.stringify({ answer }))
  renameSync(`${file}.new`, file)
})

if (process.env['MEASURE_LAG'] === '1') {
  histogram.enable()
  setInterval(measureBusy, resolution).unref()
}
