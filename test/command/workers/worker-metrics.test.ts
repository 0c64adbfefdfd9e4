import { expect, test } from '@jest/globals'
import { workerMetrics } from '../../../src/command/workers/worker-metrics.js'
import type { WorkerState } from '../../../src/command/workers/worker-process.js'
import { LastReload } from '../../../src/watching/last-reload.js'
import { lintMetrics } from '../../support/exposition-lint.js'
import { samplesOf } from '../../support/scrape.js'

const worker = (number: number, state: WorkerState = 'running', calls = 1) => ({
  number,
  state,
  process: {
    pid: 100 + number,
    isReady: true,
    tell() {},
    ask: async () => `# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total ${calls}\n`,
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
