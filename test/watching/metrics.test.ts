import { describe, expect, test } from '@jest/globals'
import { version } from '../../src/lib/package-json.js'
import { createMetrics, prefix } from '../../src/watching/metrics.js'
import { rowsOf } from '../../src/watching/rows.js'
import { lintMetrics } from '../support/exposition-lint.js'
import { samplesOf } from '../support/scrape.js'
import { sourcesOf } from './metric-sources.js'

describe('the text of the metrics', () => {
  test('has every metric with its sentence and type, and a number if the labels are known', async () => {
    const text = await createMetrics(sourcesOf()).text()
    const samples = samplesOf(text)
    for (const { name, type, help, labels } of rowsOf(sourcesOf())) {
      expect(text).toContain(`# HELP ${prefix}${name} ${help}\n# TYPE ${prefix}${name} ${type}\n`)
      const isThere = [...samples.keys()].some(sample => sample.replace(/\{.*/, '') === prefix + name)
      expect([name, isThere]).toEqual([name, !labels.includes('code')])
    }
  })

  test('follows the rules of promtool', async () => {
    const metrics = createMetrics(sourcesOf())
    metrics.recordCall({ call: 'warm', code: 'not-authorized', step: 'sasl', seconds: 0.2 })
    expect(lintMetrics(await metrics.text())).toEqual([])
    expect(lintMetrics('# HELP x_total X.\n# TYPE x_total gauge\nx_total 1\ny 1\n')).toEqual([
      'y 1: no TYPE',
      'y: no HELP',
      'x_total: _total and gauge',
    ])
  })

  test('has the version, and the standard metrics of a process', async () => {
    const samples = samplesOf(await createMetrics(sourcesOf()).text())
    expect(samples.get(`warm_bindings_build_info{version="${version}",node="${process.version}"}`)).toBe(1)
    for (const name of ['process_resident_memory_bytes', 'process_open_fds', 'process_max_fds'])
      expect(samples.get(name)).toBeGreaterThan(0)
    expect(samples.has('nodejs_eventloop_lag_p99_seconds')).toBe(true)
  })

  test('looks only once at all sockets, which takes 1 µs for each', async () => {
    const text = await createMetrics(sourcesOf()).text()
    const about = [...text.matchAll(/^# TYPE (nodejs_active_\w+)/gm)].map(([, name]) => name)
    expect(about).toEqual(['nodejs_active_resources'])
  })

  test('counts the sessions once for each request', async () => {
    let counted = 0
    const sources = sourcesOf()
    const metrics = createMetrics({
      ...sources,
      census() {
        counted += 1
        return { ...sources.census(), heldRequests: counted }
      },
    })
    counted = 0
    await metrics.text()
    expect(samplesOf(await metrics.text()).get('warm_bindings_bosh_held_requests')).toBe(2)
    expect(counted).toBe(2)
  })

  test('has the delivery times of stanzas', async () => {
    const sources = sourcesOf()
    const metrics = createMetrics(sources)
    for (const seconds of [0.001, 4, 61]) sources.counts.deliveries.observe({ transport: 'websocket' }, seconds)
    const samples = samplesOf(await metrics.text())
    const value = (name: string) => samples.get(`warm_bindings_stanza_delivery_seconds_${name}`)
    const within = (le: string) => value(`bucket{le="${le}",transport="websocket"}`)
    expect(['0.001', '2.5', '5', '60', '+Inf'].map(within)).toEqual([1, 1, 2, 2, 3])
    expect(value('sum{transport="websocket"}')).toBe(65.001)
    expect([value('count{transport="websocket"}'), value('count{transport="bosh"}')]).toEqual([3, 0])
  })

  test('has the durations of calls that log in', async () => {
    const metrics = createMetrics(sourcesOf())
    metrics.recordCall({ call: 'warm', code: 'ok', seconds: 0.03 })
    metrics.recordCall({ call: 'warm', code: 'ok', seconds: 3 })
    metrics.recordCall({ call: 'connect', code: 'ok', seconds: 3 })
    metrics.recordCall({ call: 'warm', code: 'not-authorized', step: 'sasl', seconds: 0.2 })
    metrics.recordCall({ call: 'resume', code: 'session-not-found', seconds: 100 })
    const samples = samplesOf(await metrics.text())
    const value = (name: string) => samples.get(`warm_bindings_${name}`)
    expect(value('warm_duration_seconds_bucket{le="0.05",code="ok"}')).toBe(1)
    expect(value('warm_duration_seconds_bucket{le="5",code="ok"}')).toBe(3)
    expect(value('warm_duration_seconds_count{code="ok"}')).toBe(3)
    expect(value('warm_duration_seconds_sum{code="not-authorized"}')).toBe(0.2)
    expect(value('warm_duration_seconds_count{code="session-not-found"}')).toBeUndefined()
  })
})
