import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { observeOutages, outages, versionOf } from '../test/support/crowd/outages.js'

const makers = ['prosody', 'ejabberd'] as const
/** `npm run test:peers` unpacks other Debian releases here. */
const unpacked = '/var/cache/warm-bindings-tests'

/** Without `--here`, tests the installed servers and all unpacked releases. */
export async function observeFaults(words: readonly string[], print: (text: string) => void): Promise<boolean> {
  if (!words.includes('--here')) return observeAll(words)
  const sessions = Number(words.find(word => word.startsWith('--sessions='))?.split('=')[1] ?? 300)
  const only = outages.map(({ name }) => name).filter(name => words.includes(name))
  const wanted = makers.filter(maker => words.includes(maker))
  const faults: string[] = []
  for (const maker of wanted.length === 0 ? makers : wanted) {
    print(`\n${sessions} sessions, half of them over WebSocket, before ${versionOf(maker)}`)
    faults.push(...(await observeOutages({ maker, sessions, ...(only.length > 0 && { only }) }, print)))
  }
  for (const fault of faults) print(`short    ${fault}`)
  return faults.length === 0
}

function observeAll(words: readonly string[]): boolean {
  const roots = existsSync(unpacked) ? readdirSync(unpacked).map(name => join(unpacked, name)) : []
  const args = [...process.execArgv, process.argv[1]!, 'faults', '--here', ...words]
  const statuses = ['', ...roots].map(
    root => spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, SERVERS_ROOT: root } }).status,
  )
  return statuses.every(status => status === 0)
}
