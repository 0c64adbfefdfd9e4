// The files for Grafana and Prometheus may use only existing metrics.
import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { workerMetrics } from '../../src/command/workers/worker-metrics.js'
import { endReasons, limits } from '../../src/lib/counts.js'
import { problems } from '../../src/lib/errors.js'
import { LastReload } from '../../src/watching/last-reload.js'
import { scrape } from '../support/scrape.js'
import { startTestService } from '../support/start-service.js'

const read = (name: string) => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8')

const source = new URL('../../src/', import.meta.url)
const sourceText = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => readFileSync(new URL(file, source), 'utf8'))
  .join('')

/** The metrics of a service with and without workers. Of a histogram, the names of its series. */
let known: Set<string>

beforeAll(async () => {
  const service = await startTestService({ environment: { METRICS_ADDRESS: '127.0.0.1:0' } })
  const { text } = await scrape(service.service.metricsUrl)
  await service.stop()
  known = new Set()
  const ofPrimary = await workerMetrics({ workers: [], died: 0, hung: 0 }, new LastReload())()
  for (const [, name = '', type] of (text + ofPrimary).matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) known.add(`${name}_${part}`)
    else known.add(name)
  }
})

const namesIn = (expressions: readonly string[]) =>
  new Set(expressions.flatMap(text => text.match(/\b(?:warm_bindings|nodejs|process)_\w+/g) ?? []))

/** The values that expressions compare a label with. */
const valuesOf = (label: string, expressions: readonly string[]) => [
  ...new Set(
    expressions.flatMap(text =>
      [...text.matchAll(new RegExp(`\\b${label}!?=~?"([^"$]*)"`, 'g'))].flatMap(([, values]) => values!.split('|')),
    ),
  ),
]

/** Expects only existing metrics, codes and reasons. */
function expectSound(expressions: readonly string[]): void {
  expect([...namesIn(expressions)].filter(name => !known.has(name))).toEqual([])
  const codes = ['ok', ...Object.keys(problems)]
  expect(valuesOf('code', expressions).filter(code => !codes.includes(code))).toEqual([])
  const reasons: readonly string[] = endReasons
  expect(valuesOf('reason', expressions).filter(reason => !reasons.includes(reason))).toEqual([])
  expect(valuesOf('limit', expressions).filter(limit => !Object.hasOwn(limits, limit))).toEqual([])
}

interface Panel {
  readonly targets?: readonly { readonly expr: string }[]
}

describe('the dashboard', () => {
  const text = read('grafana-dashboard.json')
  const dashboard = JSON.parse(text)
  const panels: readonly Panel[] = dashboard.panels
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

  test('has no fixed data source, job or instance', () => {
    const sources = [...text.matchAll(/"type": "prometheus",\s*"uid": "([^"]*)"/g)].map(([, uid]) => uid)
    expect(new Set(sources)).toEqual(new Set([`\${datasource}`]))
    for (const expression of expressions)
      for (const [, selector] of expression.matchAll(/\w\{([^}]*)\}/g))
        expect(selector).toContain('job=~"$job",instance=~"$instance"')
  })

  test('uses only existing metrics, and shows all of ours', () => {
    expectSound(expressions)
    const shown = namesIn(expressions)
    const ours = [...known].filter(name => /^warm_bindings_/.test(name) && !/_(sum|count)$/.test(name))
    expect(ours.filter(name => !shown.has(name))).toEqual([])
  })
})

const documentOf = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

test('docs/production.md names only existing metrics', () => {
  const names = [...namesIn([documentOf('production.md')])].map(name => (known.has(name) ? name : `${name}_bucket`))
  expect(names.length).toBeGreaterThanOrEqual(10)
  expect(names.filter(name => !known.has(name))).toEqual([])
})

describe('the alerts', () => {
  const blocks = read('prometheus-alerts.yml')
    .split(/^ {6}- alert: /m)
    .slice(1)
  const expressions = blocks.map(
    block => /^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*)$)/m.exec(block)?.slice(1).join('').trim() ?? '',
  )

  const sections = documentOf('runbook.md').split(/^### /m).slice(1)
  const alerts = blocks.map(block => block.split('\n', 1)[0]!)

  test('have a runbook with a paragraph for each alert, and no other', () => {
    expect(sections.map(section => section.split('\n', 1)[0]).sort()).toEqual([...alerts].sort())
    for (const section of sections)
      expect(section).toMatch(/^\w+\n\n[^\n](?:.|\n(?!\n))*\*\*Confirm:\*\*(?:.|\n(?!\n))*`(?:.|\n(?!\n))*\*\*Do:\*\*/)
  })

  test('name their paragraphs of the runbook', () => {
    for (const [index, block] of blocks.entries())
      expect(block).toMatch(
        new RegExp(`^ {10}runbook_url: https://.*/docs/runbook\\.md#${alerts[index]!.toLowerCase()}$`, 'm'),
      )
  })

  test('have a runbook that names only existing metrics and lines of the log', () => {
    const text = sections.join('')
    const metrics = Array.from(text.matchAll(/`metric (\w+)`/g), ([, name]) => `warm_bindings_${name}`)
    expect(metrics.filter(name => ![...known].some(one => one.startsWith(name)))).toEqual([])
    const lines = Array.from(text.matchAll(/`logged '([^`"]+)'`/g), ([, line]) => line!)
    expect(lines.length).toBeGreaterThan(5)
    expect(lines.filter(line => !sourceText.includes(line))).toEqual([])
  })

  test('use only existing metrics', () => {
    for (const expression of expressions) expect(expression).toMatch(/(?:warm_bindings|nodejs|process)_|^up\{/)
    expectSound(expressions)
  })

  test('about failed logins match all 5xx codes that mean a fault', () => {
    const [, wanted = ''] = /call=~"warm\|connect",code=~"([^"]*)"/.exec(expressions.join('\n')) ?? []
    const ours = Object.entries(problems).filter(([, { status }]) => status >= 500)
    // No faults: a stop, the limit of sessions per user, and a session of another process (no login looks for it).
    const passing = ['shutting-down', 'too-many-sessions', 'session-unreachable']
    const codes = ours.map(([code]) => code).filter(code => !passing.includes(code))
    expect(wanted.split('|').sort()).toEqual(codes.sort())
  })
})
