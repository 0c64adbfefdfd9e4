import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Comparison, Verdict } from './comparison.js'
import { differencesFromDelivery, root, startFlags } from './processes.js'

export interface PartResult {
  readonly verdicts: readonly Verdict[]
  readonly comparisons?: readonly Comparison[]
  readonly details?: object
}

export const resultsFile = fileURLToPath(new URL('bench-results.json', root))

export function writeResult(part: string, about: ReturnType<typeof conditions>, result: PartResult): void {
  let results: object = {}
  try {
    results = JSON.parse(readFileSync(resultsFile, 'utf8'))
  } catch {}
  const name = `${part} on Node ${about.node}`
  writeFileSync(resultsFile, `${JSON.stringify({ ...results, [name]: { ...about, ...result } }, undefined, 2)}\n`)
}

export function conditions(quick: boolean) {
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  const packages = ['@xmpp/client', 'express'].map(name => [name, packageVersion(name)])
  return {
    node: process.versions.node.split('.', 1)[0]!,
    at: new Date().toISOString(),
    machine: `${cpus().length} x ${cpus()[0]?.model}, ${gibibytes} GiB, Linux ${release()}`,
    versions: {
      'Node.js': [process.version, ...startFlags()].join(' '),
      Prosody: debianVersion('prosody'),
      ejabberd: debianVersion('ejabberd'),
      ...Object.fromEntries(packages),
      commit: commit(),
    } as Record<string, string>,
    differencesFromDelivery,
    quick,
  }
}

const packageVersion = (name: string): string =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, root), 'utf8')).version

const debianVersion = (name: string) =>
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg fills it in
  printed('dpkg-query', '--showformat=${Version}', '--show', name) ?? 'not a Debian package'

function commit(): string {
  const name = printed('git', 'rev-parse', '--short', 'HEAD')
  if (name === undefined) return 'unknown'
  return printed('git', 'status', '--porcelain') === '' ? name : `${name} and changes`
}

function printed(command: string, ...words: string[]): string | undefined {
  try {
    return execFileSync(command, words, {
      ...{ cwd: fileURLToPath(root), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    }).trim()
  } catch {
    return undefined
  }
}
