// Loaded into the service before it (`--import`): measures how late its event loop is. At each SIGUSR2 it writes what
// was seen since the last one to file descriptor 3, as one line of JSON.
import { writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What the loop's delay is seen with, in milliseconds. It is part of each figure and taken off again. */
const resolution = 5

const histogram = monitorEventLoopDelay({ resolution })
histogram.enable()

process.on('SIGUSR2', () => {
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)
  const lag = {
    p50: late(histogram.percentile(50)),
    p99: late(histogram.percentile(99)),
    max: late(histogram.max),
  }
  writeSync(3, `${JSON.stringify(lag)}\n`)
  histogram.reset()
})
