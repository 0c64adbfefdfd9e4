// Loaded into the service. SIGUSR1 opens the inspector. SIGUSR2 writes the event loop lag to file descriptor
// 3.
import { writeSync } from 'node:fs'
import inspector from 'node:inspector'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** In milliseconds. Each figure includes this value, which is subtracted. */
const resolution = 5

process.on('SIGUSR1', () => {
  if (inspector.url() === undefined) inspector.open()
})

if (process.env['MEASURE_LAG'] === '1') {
  const histogram = monitorEventLoopDelay({ resolution })
  histogram.enable()
  process.on('SIGUSR2', () => {
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)
    const [p50, p99] = [50, 99].map(percent => late(histogram.percentile(percent)))
    writeSync(3, `${JSON.stringify({ p50, p99, max: late(histogram.max) })}\n`)
    histogram.reset()
  })
}
