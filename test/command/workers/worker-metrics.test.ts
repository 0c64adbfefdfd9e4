import { expect, test } from '@jest/globals'
import { workerMetrics } from '../../../src/command/workers/worker-metrics.js'
import { LastReload } from '../../../src/watching/last-reload.js'
import { lintMetrics } from '../../support/exposition-lint.js'
import { samplesOf } from '../../support/scrape.js'

const about = { name: 'calls_total', help: 'Calls.' }

const worker = (number: number, state: 'starting' | 'running' | 'draining' = 'running', calls = 1) => ({
  number,
  state,
  process: {
    pid: 100 + number,
    isReady: true,
    tell() {},
    ask: async () => [{ ...about, type: 'counter', aggregator: 'sum', values: [{ labels: {}, value: calls }] }],
    kill() {},
  },
})

const series = async (...workers: ReturnType<typeof worker>[]) => {
  const text = await workerMetrics({ workers, died: 0, hung: 0 }, new LastReload())()
  expect(lintMetrics(text)).toEqual([])
  return Object.fromEntries([...samplesOf(text)].filter(([name]) => /^calls_total|state="draining"/.test(name)))
}

test('the series of ended workers are removed', async () => {
  const drained = 'warm_bindings_workers{state="draining"}'
  expect(await series(worker(1), worker(2))).toEqual({
    'calls_total{worker="1"}': 1,
    'calls_total{worker="2"}': 1,
    [drained]: 0,
  })
  expect(await series(worker(1, 'draining', 7), worker(2))).toEqual({
    'calls_total{worker="1-101"}': 7,
    'calls_total{worker="2"}': 1,
    [drained]: 1,
  })
  expect(await series(worker(2, 'running', 3))).toEqual({ 'calls_total{worker="2"}': 3, [drained]: 0 })
  expect(await series()).toEqual({ [drained]: 0 })
})

test('samples keep their labels and the parts of histograms, also of metrics that other processes do not have', async () => {
  const one = worker(1)
  const lag = { name: 'lag_seconds', help: 'Lag.', type: 'histogram', aggregator: 'sum' }
  const values = [
    { metricName: 'lag_seconds_bucket', labels: { le: 0.1, of: 'x } {y," 1' }, value: 4 },
    { metricName: 'lag_seconds_sum', labels: { of: 'x' }, value: 0.3 },
  ]
  const two = { ...worker(2), process: { ...one.process, ask: async () => [{ ...lag, values }] } }
  const text = await workerMetrics({ workers: [one, two as typeof one], died: 0, hung: 0 }, new LastReload())()
  expect(text).toContain(`# HELP lag_seconds Lag.
# TYPE lag_seconds histogram
lag_seconds_bucket{worker="2",le="0.1",of="x } {y,\\" 1"} 4
lag_seconds_sum{worker="2",of="x"} 0.3
`)
})
