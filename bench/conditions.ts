import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { root, startFlags } from './processes.js'

export function conditions(): string {
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  const machine = `${cpus().length} x ${cpus()[0]?.model}, ${gibibytes} GiB, Linux ${release()}`
  const node = ['Node.js', process.version, ...startFlags()].join(' ')
  return `${machine}\n${node}, Prosody ${debianVersion('prosody')}, ejabberd ${debianVersion('ejabberd')}, commit ${commit()}`
}

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
      cwd: fileURLToPath(root),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}
