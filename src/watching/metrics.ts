import { Counter, type CounterConfiguration, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { attempt } from '../lib/attempt.js'
import { openDescriptors } from '../lib/limits/descriptors.js'
import type { FinishedCall } from '../warm/calls.js'
import type { LastReload } from './last-reload.js'
import { type Row, rowsOf, type Sources } from './rows.js'

export const prefix = 'warm_bindings_'

const durationSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60]

export const textType = Registry.PROMETHEUS_CONTENT_TYPE

/** As prom-client's `getMetricsAsJSON` returns them. */
export type Metrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

export interface MetricsParts extends Sources {
  /** Undefined in a worker: the primary reports reloads. */
  readonly lastReload?: LastReload | undefined
}

export function createMetrics({ counts, joined, clock, open, census: readCensus, lastReload }: MetricsParts) {
  const registry = new Registry()
  const registers = [registry]
  let census = readCensus()
  const rows = rowsOf({ counts, joined, clock, open, census: () => census })
  for (const row of [...rows, ...(lastReload?.rows ?? [])]) register(row, registry)
  const calls = new Counter({
    name: `${prefix}api_calls_total`,
    help: 'Calls of the warm API, by call, result code, and the login step that failed.',
    labelNames: ['call', 'code', 'step'],
    registers,
  })
  const warming = new Histogram({
    name: `${prefix}warm_duration_seconds`,
    help: 'Duration of calls of /warm and /connect, by result code.',
    labelNames: ['code'],
    buckets: durationSeconds,
    registers,
  })
  registry.registerMetric(counts.deliveries)
  for (const transport in counts.pages) counts.deliveries.zero({ transport })
  calls.inc({ call: 'warm', code: 'ok' }, 0)
  warming.zero({ code: 'ok' })
  const all = Registry.merge([registry, processMetrics()])

  return {
    recordCall({ call, code, step, seconds }: FinishedCall): void {
      calls.inc({ call, code, ...(step !== undefined && { step }) })
      if (seconds !== undefined && (call === 'warm' || call === 'connect')) warming.observe({ code }, seconds)
    },
    /** In Prometheus' format. */
    text(): Promise<string> {
      census = readCensus()
      return all.metrics()
    },
    values(): Promise<Metrics> {
      census = readCensus()
      return all.getMetricsAsJSON()
    },
  }
}

export function register({ name, type, help, labels, read }: Row, registry: Registry): void {
  const Kind: new (about: CounterConfiguration<string>) => Counter = type === 'gauge' ? Gauge : Counter
  new Kind({
    name: prefix + name,
    help,
    labelNames: labels,
    registers: [registry],
    collect() {
      // Without a reset, `inc` would add the total to the previous total.
      this.reset()
      for (const [given, value] of read()) this.inc(given, value)
    },
  })
}

/** `nodejs_active_resources` has the same numbers. The other gauges are slow, or have names of counters. */
const repeated = ['active_handles', 'active_handles_total', 'active_requests', 'active_requests_total']
const unwanted = [...repeated, 'active_resources_total'].map(name => `nodejs_${name}`)

/** Only on Linux. */
const openFiles = 'process_open_fds'

let ofProcess: Registry | undefined

export function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
    for (const name of unwanted) ofProcess.removeSingleMetric(name)
    if (ofProcess.getSingleMetric(openFiles) !== undefined) countOpenFiles(ofProcess)
  }
  return ofProcess
}

/** prom-client lists the folder of descriptors, which takes 1 µs for each. */
function countOpenFiles(registry: Registry): void {
  registry.removeSingleMetric(openFiles)
  new Gauge({
    name: openFiles,
    help: 'Number of open file descriptors.',
    registers: [registry],
    collect() {
      attempt(() => this.set(openDescriptors()))
    },
  })
}
