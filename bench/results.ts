// What was measured, kept in a file: all figures of all rounds, with the machine and the versions they hold for.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { PartResult } from './figures.js'
import { limitsTurnedOff, startFlags } from './processes.js'

export interface Conditions {
  /** The major version of Node that ran all that is measured, and the clients. */
  readonly node: string
  /** When, in UTC. */
  readonly at: string
  readonly machine: string
  readonly versions: Readonly<Record<string, string>>
  readonly limitsTurnedOff: readonly string[]
  /** Whether the rounds were too short for the figures to mean anything. */
  readonly quick: boolean
}

/** The file's content: by part and major version of Node, the newest result of each. */
export type Results = Readonly<Record<string, Conditions & PartResult>>

/** Of the Node at hand. */
const nodeMajor = process.versions.node.split('.', 1)[0]!

/** In the repository's root, wherever the command was given. */
export const resultsFile = fileURLToPath(new URL('../../bench-results.json', import.meta.url))

/** What is in the file; nothing where there is none, or one that an older benchmark wrote. */
export function readResults(): Results {
  try {
    const results: unknown = JSON.parse(readFileSync(resultsFile, 'utf8'))
    return Array.isArray(results) ? {} : (results as Results)
  } catch {
    return {}
  }
}

/** Puts the result of a part in the place of an older one with the same Node. */
export function writeResult(part: string, result: Conditions & PartResult): void {
  const results = { ...readResults(), [`${part} on Node ${result.node}`]: result }
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
}

/** What the figures of this run hold for. */
export function conditions(quick: boolean): Conditions {
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  return {
    node: nodeMajor,
    at: new Date().toISOString(),
    machine: `${cpus().length} x ${cpus()[0]?.model}, ${gibibytes} GiB, Linux ${release()}`,
    versions: {
      'Node.js': [process.version, ...startFlags()].join(' '),
      Prosody: debianVersion('prosody'),
      ejabberd: debianVersion('ejabberd'),
      ...Object.fromEntries(['@xmpp/client', 'express', 'saxes'].map(name => [name, packageVersion(name)])),
      commit: commit(),
    },
    limitsTurnedOff,
    quick,
  }
}

function packageVersion(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).version
}

function debianVersion(name: string): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg fills it in
  return said('dpkg-query', '--showformat=${Version}', '--show', name) ?? 'not a Debian package'
}

function commit(): string {
  const name = said('git', 'rev-parse', '--short', 'HEAD')
  if (name === undefined) return 'unknown'
  return said('git', 'status', '--porcelain') === '' ? name : `${name} and changes`
}

function said(command: string, ...words: string[]): string | undefined {
  try {
    const cwd = fileURLToPath(new URL('../../', import.meta.url))
    return execFileSync(command, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
