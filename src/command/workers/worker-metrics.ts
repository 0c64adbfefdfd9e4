import { AggregatorRegistry, Registry } from 'prom-client'
import type { LastReload } from '../../watching/last-reload.js'
import { type Metrics, processMetrics, register } from '../../watching/metrics.js'
import type { Row } from '../../watching/rows.js'
import type { WorkerSlots } from './worker-slots.js'

const answerMilliseconds = 1_000

/** In Prometheus' format. The label `worker` is `NUMBER`, `NUMBER-PID` for a draining worker, or `primary`. */
export function workerMetrics(
  slots: Pick<WorkerSlots, 'workers' | 'died' | 'hung'>,
  lastReload: LastReload,
): () => Promise<string> {
  const registry = new Registry()
  let answered = 0
  const count = (name: string, type: Row['type'], help: string, read: () => number) =>
    register({ name, type, help, labels: [], read: () => [[{}, read()]] }, registry)
  const states = ['starting', 'running', 'draining'] as const
  register(
    {
      name: 'workers',
      type: 'gauge',
      help: 'Worker processes by state: starting, running, or draining.',
      labels: ['state'],
      read: () => states.map(state => [{ state }, slots.workers.filter(worker => worker.state === state).length]),
    },
    registry,
  )
  const help = 'Worker processes whose metrics are in this answer. Other workers did not answer within a second.'
  count('workers_answered', 'gauge', help, () => answered)
  count('workers_died_total', 'counter', 'Worker processes that have died and were replaced.', () => slots.died)
  count('workers_hung_total', 'counter', 'Worker processes that hung, and were killed and replaced.', () => slots.hung)
  for (const row of lastReload.rows) register(row, registry)

  return async () => {
    const asked = slots.workers.filter(({ state }) => state !== 'starting')
    const answers = await Promise.all(asked.map(({ process }) => process.ask({ order: 'metrics' }, answerMilliseconds)))
    const all = [labelled(await processMetrics().getMetricsAsJSON(), 'primary')]
    for (const [at, { number, state, process }] of asked.entries()) {
      const metrics = answers[at] as Metrics | undefined
      const name = state === 'draining' ? `${number}-${process.pid}` : `${number}`
      if (metrics !== undefined) all.push(labelled(metrics, name))
    }
    answered = all.length - 1
    return [await registry.metrics(), await AggregatorRegistry.aggregate(all).metrics()].join('\n')
  }
}

/** With the label, no two samples are equal, so prom-client sums none. */
function labelled(metrics: Metrics, worker: string): Metrics {
  for (const { values } of metrics) for (const value of values) value.labels = { worker, ...value.labels }
  return metrics
}
