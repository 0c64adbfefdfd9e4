import { ConfigError } from '../config/load.js'
import { listenProblems } from '../http/listening/listen-problems.js'
import { unusableAuditFile } from '../watching/logs.js'
import { CommandError } from './command-error.js'
import { readSettings } from './settings-at-hand.js'

export async function checkConfig(envFile: string | undefined): Promise<void> {
  const { config, unknown, warnings } = readSettings(envFile)
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  const unusable = [...(await listenProblems(config)), ...unusableAuditFile(config)]
  if (unusable.length > 0) throw new CommandError(new ConfigError(unusable).message)
  if (unknown.length > 0) throw new CommandError('Some names of settings are unknown.')
  process.stdout.write('The settings are valid.\n')
}
