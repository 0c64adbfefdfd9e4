// `npm run bench -- --write-docs`: puts the newest results into docs/performance.md, between the markers there.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
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
