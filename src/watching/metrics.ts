import { Counter, type CounterConfiguration, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Counts } from '../lib/counts.js'
import { durationBounds } from '../lib/durations.js'
import type { FinishedCall } from '../warm/calls.js'
import type { LastReload } from './last-reload.js'
import { type Row, rowsOf, type Sources } from './rows.js'

export const prefix = 'warm_bindings_'

const durationSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60]

export const textType = Registry.PROMETHEUS_CONTENT_TYPE

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
  calls.inc({ call: 'warm', code: 'ok' }, 0)
  warming.zero({ code: 'ok' })

  return {
    recordCall({ call, code, step, seconds }: FinishedCall): void {
      calls.inc({ call, code, ...(step !== undefined && { step }) })
      if (call === 'warm' || call === 'connect') warming.observe({ code }, seconds)
    },
    async text(): Promise<string> {
      census = readCensus()
      const texts = await Promise.all([registry.metrics(), deliveries(counts), processMetrics().metrics()])
      return texts.join('\n')
    },
  }
}

function deliveries({ pages }: Pick<Counts, 'pages'>): string {
  const name = `${prefix}stanza_delivery_seconds`
  const help =
    'Time from reading a stanza of an XMPP server to writing it to the page, for the first stanza of each delivery. It includes the wait for a page without an open request or connection.'
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`]
  for (const [transport, { deliveries }] of Object.entries(pages)) {
    let count = 0
    for (const [at, bucket] of deliveries.buckets.entries()) {
      count += bucket
      lines.push(`${name}_bucket{le="${durationBounds[at] ?? '+Inf'}",transport="${transport}"} ${count}`)
    }
    lines.push(`${name}_sum{transport="${transport}"} ${deliveries.sum}`)
    lines.push(`${name}_count{transport="${transport}"} ${count}`)
  }
  return `${lines.join('\n')}\n`
}

export function register({ name, type, help, labels, read }: Row, registry: Registry): void {
  const Metric: new (about: CounterConfiguration<string>) => Counter = type === 'gauge' ? Gauge : Counter
  new Metric({
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

/** Gauges with names of counters. `nodejs_active_handles` and similar gauges have the same numbers. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

let ofProcess: Registry | undefined

export function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
    for (const name of misnamed) ofProcess.removeSingleMetric(name)
  }
  return ofProcess
}
