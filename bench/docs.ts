// `npm run bench -- --write-docs`: puts the newest results into docs/performance.md, between the markers there.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Capacity, type Costs, capacityOf, coresAround, sites } from './capacity.js'
import { type Comparison, cpu, rate } from './comparison.js'
import type { PartResult, ProfileFigures } from './figures.js'
import { median } from './lines.js'
import { cellsOf } from './report.js'
import { type Conditions, readResults } from './results.js'

type Part = Conditions & PartResult

const file = fileURLToPath(new URL('../../docs/performance.md', import.meta.url))

/** Functions of a profile that are worth a row. */
const mostFunctions = 15

/** What stands between the markers of each name; nothing is replaced where it is undefined. */
const blocks: Readonly<Record<string, (parts: readonly Part[]) => string | undefined>> = {
  figures: writeFigures,
  cost: writeCost,
  profiles: writeProfiles,
  nodes: writeCapacities,
}

/** Replaces what stands between the markers. Throws where there is nothing to write, or no place for it. */
export function writeDocs(): void {
  const parts = Object.values(readResults())
  if (parts.length === 0) throw new Error('there are no figures yet: run npm run bench')
  if (parts.some(({ quick }) => quick))
    throw new Error('figures of a quick run mean nothing: run npm run bench')
  let text = readFileSync(file, 'utf8')
  for (const [name, write] of Object.entries(blocks)) {
    const written = write(parts)
    if (written === undefined) continue
    const begin = `<!-- bench:${name} -->`
    const from = text.indexOf(begin) + begin.length
    const to = text.indexOf(`<!-- /bench:${name} -->`)
    if (from < begin.length || to < from) throw new Error(`${file} has no place for ${name}`)
    text = `${text.slice(0, from)}\n\n${written}\n\n${text.slice(to)}`
  }
  writeFileSync(file, text)
  console.log(`written: ${file}`)
}

/** A table for each version of Node, the newest first. */
function writeFigures(all: readonly Part[]): string | undefined {
  const parts = all.filter(({ verdicts }) => verdicts.length > 0)
  if (parts.length === 0) return undefined
  return nodesOf(parts)
    .map(node => `### Node ${node}\n\n${figuresOf(parts.filter(part => part.node === node))}`)
    .join('\n\n')
}

function figuresOf(parts: readonly Part[]): string {
  const verdicts = parts
    .flatMap(part => part.verdicts)
    .toSorted((one, other) => Number(one.id) - Number(other.id))
  const short = verdicts.filter(({ reached }) => !reached)
  const beside = short.flatMap(({ id, beside: texts }) => texts.map(text => `- Line ${id}: ${text}`))
  return [
    ...new Set(parts.map(inWords)),
    'Not as delivered:',
    '',
    ...new Set(parts.flatMap(({ limitsTurnedOff }) => limitsTurnedOff.map(limit => `- ${limit}`))),
    '',
    ...table(
      ['Line', 'What', 'Service', 'Compared with', 'Figure (lowest-highest round)', 'To reach', 'Verdict'],
      verdicts.map(cellsOf),
    ),
    ...(beside.length === 0 ? [] : ['', 'Beside the lines that fall short:', '', ...new Set(beside)]),
  ].join('\n')
}

function writeCost(parts: readonly Part[]): string | undefined {
  const comparisons = ofNewestNode(parts).flatMap(part => part.comparisons ?? [])
  if (comparisons.length === 0) return undefined
  return table(['What', 'Who', 'A second', 'CPU an operation, by process'], comparisons.flatMap(costs)).join(
    '\n',
  )
}

function costs({ title, unit, labels, rounds }: Comparison): string[][] {
  return Object.entries(rounds).map(([key, figures]) => {
    const processes = Object.keys(figures[0]?.cpuMicroseconds ?? {})
    const each = processes.map(name => `${name} ${cpu(name).format(median(figures.map(cpu(name).of)))}`)
    return [title, labels[key] ?? key, `${median(figures.map(rate.of)).toFixed(0)} ${unit}`, each.join(', ')]
  })
}

function writeProfiles(parts: readonly Part[]): string | undefined {
  const profiles = ofNewestNode(parts).flatMap(part => part.profiles ?? [])
  return profiles.length === 0 ? undefined : profiles.map(profileInWords).join('\n\n')
}

function profileInWords({ title, microsecondsPerOperation, byPackage, byFunction }: ProfileFigures): string {
  const rows = (shares: ProfileFigures['byPackage']) =>
    shares.map(({ name, share, microsecondsPerOperation: time }) => [
      `\`${name}\``,
      `${(share * 100).toFixed(1)} %`,
      `${time.toFixed(1)} us`,
    ])
  return [
    `### ${title}: ${microsecondsPerOperation.toFixed(0)} us of CPU an operation, the profiler's own among them`,
    '',
    ...table(['By package', 'Share', 'Self time'], rows(byPackage)),
    '',
    ...table(['By function', 'Share', 'Self time'], rows(byFunction.slice(0, mostFunctions))),
  ].join('\n')
}

/** What many processes do, computed from what two did. */
function writeCapacities(parts: readonly Part[]): string | undefined {
  const comparisons = ofNewestNode(parts).flatMap(part => part.comparisons ?? [])
  const costs = costsIn(comparisons)
  if (costs === undefined) return undefined
  const rows = sites.map(site => capacityInWords(capacityOf(costs, site), costs))
  const heads = [
    'Machines, cores each',
    'Requests that come right; to the machine; elsewhere',
    'CPU a round trip',
  ]
  const more = [
    'Round trips a second',
    'Cores that NATS then needs',
    'Cores that HAProxy needs',
    'What ends first',
  ]
  return [
    `One round trip costs ${us(costs.local)} at the process with the session, ${us(costs.other)} through another one of the machine,`,
    `${us(costs.nats)} over NATS, which has ${us(costs.broker)} itself; HAProxy ${us(costs.balancer)}, Prosody ${us(costs.prosody)}${
      costs.ejabberd === undefined ? '' : `, ejabberd ${us(costs.ejabberd)}`
    }.`,
    `One Prosody ends at ${thousands(1e6 / costs.prosody)} a second, before all of this.`,
    '',
    ...table([...heads, ...more], rows),
  ].join('\n')
}

function capacityInWords(capacity: Capacity, { broker, balancer }: Costs): string[] {
  const { site, local, other, nats, cpu: microseconds, rate: most, first, firstRate } = capacity
  const percent = (share: number) => `${(100 * share).toFixed(share > 0 && share < 0.095 ? 1 : 0)} %`
  const cores = (each: number) => ((most * each) / 1e6).toFixed(1)
  return [
    `${site.machines}, ${site.cores}`,
    [local, other, nats].map(percent).join('; '),
    us(microseconds),
    thousands(most),
    cores(nats * broker),
    cores(balancer),
    first === 'the service' ? first : `${first} on ${coresAround} cores, at ${thousands(firstRate)} a second`,
  ]
}

function costsIn(comparisons: readonly Comparison[]): Costs | undefined {
  const carrying = comparisons.find(({ rounds }) => 'nats' in rounds)?.rounds
  if (carrying === undefined) return undefined
  const of = (key: string, process: string) => median(carrying[key]!.map(cpu(process).of))
  const ejabberd = comparisons
    .flatMap(({ rounds }) => rounds['product'] ?? [])
    .map(cpu('ejabberd').of)
    .filter(microseconds => !Number.isNaN(microseconds))
  return {
    local: of('local', 'service'),
    other: of('other', 'service'),
    nats: of('nats', 'service'),
    broker: of('nats', 'NATS'),
    balancer: of('balanced', 'HAProxy'),
    prosody: of('local', 'Prosody'),
    ejabberd: ejabberd.length === 0 ? undefined : median(ejabberd),
  }
}

const us = (microseconds: number) => `${microseconds.toFixed(0)} us`
const thousands = (count: number) => (Math.round(count / 1_000) * 1_000).toLocaleString('en')

/** The major versions of Node that there are figures for, the newest first. */
const nodesOf = (parts: readonly Part[]) =>
  [...new Set(parts.map(({ node }) => node))].sort((one, other) => Number(other) - Number(one))

const ofNewestNode = (parts: readonly Part[]) => parts.filter(({ node }) => node === nodesOf(parts)[0])

function inWords({ at, machine, versions }: Conditions): string {
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${at.slice(0, 10)}, ${machine}; ${software.join(', ')}.\n`
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map(
    cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`,
  )
