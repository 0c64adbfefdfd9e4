import { Counter, type CounterConfiguration, Gauge, Histogram, Registry } from 'prom-client'
import type { FinishedCall } from '../warm/calls.js'
import { processMetrics } from './process-metrics.js'
import { type Row, rowsOf, type Sources } from './rows.js'

/** Begins the name of every metric that is not one of any process. */
export const prefix = 'warm_bindings_'

/** In seconds: from a login over a plain link to one that takes all the time that it may. */
const durations = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60]

/** What is to be known of a service, in the terms of Prometheus. */
export type Metrics = ReturnType<typeof createMetrics>

export const textType = Registry.PROMETHEUS_CONTENT_TYPE

/** Makes metrics of what is counted anyhow. That is done when they are asked for; requests of browsers pay nothing. */
export function createMetrics(sources: Sources) {
  const registry = new Registry()
  const registers = [registry]
  let census = sources.census()
  for (const row of rowsOf({ ...sources, census: () => census })) register(row, registry)
  // A call takes milliseconds: the microsecond of these is nothing to it.
  const calls = new Counter({
    name: `${prefix}api_calls_total`,
    help: 'Calls of the warm API by what was called, the code that it was answered with, and the step that failed.',
    labelNames: ['call', 'code', 'step'],
    registers,
  })
  const warming = new Histogram({
    name: `${prefix}warm_duration_seconds`,
    help: 'Time that warm calls took, by the code that they were answered with.',
    labelNames: ['code'],
    buckets: durations,
    registers,
  })
  calls.inc({ call: 'warm', code: 'ok' }, 0)
  warming.zero({ code: 'ok' })

  return {
    recordCall({ call, code, step, seconds }: FinishedCall): void {
      calls.inc({ call, code, ...(step !== undefined && { step }) })
      if (call === 'warm') warming.observe({ code }, seconds)
    },
    /** All of it as of now, and what is to be known of the process, in Prometheus' text format. */
    async text(): Promise<string> {
      // Once for all that is made of it.
      census = sources.census()
      const texts = await Promise.all([registry.metrics(), processMetrics().metrics()])
      return texts.join('\n')
    },
  }
}

function register({ name, type, help, labels, read }: Row, registry: Registry): void {
  const Metric: new (about: CounterConfiguration<string>) => Counter = type === 'gauge' ? Gauge : Counter
  new Metric({
    ...{ name: prefix + name, help, labelNames: labels, registers: [registry] },
    collect() {
      // The number is one from the beginning, and what was told before is in it.
      this.reset()
      for (const [given, value] of read()) this.inc(given, value)
    },
  })
}
