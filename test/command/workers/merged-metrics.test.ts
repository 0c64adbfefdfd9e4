import { expect, test } from '@jest/globals'
import { mergedMetrics } from '../../../src/command/workers/worker-metrics.js'

const one = `# HELP calls_total Calls, by what {was} called.
# TYPE calls_total counter
calls_total{call="warm",code="ok"} 3

# HELP memory_bytes Memory.
# TYPE memory_bytes gauge
memory_bytes 1.5e+6
`

test('samples of all processes follow one HELP and TYPE for each metric, with the name of the process', () => {
  const two = `# HELP memory_bytes Memory.
# TYPE memory_bytes gauge
memory_bytes 7

# HELP lag_seconds Lag.
# TYPE lag_seconds histogram
lag_seconds_bucket{le="0.1"} 4
lag_seconds_bucket{le="+Inf"} 5
lag_seconds_sum 0.3
lag_seconds_count 5
`
  const all = mergedMetrics(
    new Map([
      ['1', one],
      ['primary', two],
    ]),
  )
  expect(all).toBe(`# HELP calls_total Calls, by what {was} called.
# TYPE calls_total counter
calls_total{worker="1",call="warm",code="ok"} 3

# HELP memory_bytes Memory.
# TYPE memory_bytes gauge
memory_bytes{worker="1"} 1.5e+6
memory_bytes{worker="primary"} 7

# HELP lag_seconds Lag.
# TYPE lag_seconds histogram
lag_seconds_bucket{worker="primary",le="0.1"} 4
lag_seconds_bucket{worker="primary",le="+Inf"} 5
lag_seconds_sum{worker="primary"} 0.3
lag_seconds_count{worker="primary"} 5
`)
})

test('a metric that is empty in one process has the samples of the others', () => {
  const none = '# HELP calls_total Calls.\n# TYPE calls_total counter\n\n# HELP x X.\n# TYPE x gauge\nx{} 1\n'
  const all = mergedMetrics(
    new Map([
      ['1', none],
      ['2', one],
    ]),
  )
  expect(all).toContain('# TYPE x gauge\nx{worker="1"} 1\n')
  expect(all).toContain('calls_total{worker="2",call="warm",code="ok"} 3\n')
  expect(all.match(/# TYPE calls_total/g)).toHaveLength(1)
})

test('a label value may contain any text', () => {
  const text = '# TYPE a gauge\na{b="x } {y,\\" 1"} 2\n'
  expect(mergedMetrics(new Map([['1', text]]))).toContain('a{worker="1",b="x } {y,\\" 1"} 2')
})
