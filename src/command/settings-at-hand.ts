import { readEnvFile } from '../config/env-file.js'
import { exposedSettings } from '../config/exposed-secrets.js'
import { ConfigError, loadConfig } from '../config/load.js'
import { CommandError } from './command-error.js'

const hint =
  'See docs/settings.md and .env.example. To try the service without settings: warm-bindings --demo, or npm run demo in a clone.'

/** Throws a `CommandError`. `instead` overrides the environment, which overrides `.env`. */
export function readConfig(instead: Readonly<Record<string, string>> = {}): ReturnType<typeof loadConfig> {
  try {
    const values = readEnvFile('.env')
    for (const [name, value] of Object.entries(values)) process.env[name] ??= value
    const loaded = loadConfig({ ...process.env, ...instead })
    return { ...loaded, warnings: [...loaded.warnings, ...exposedSettings('.env', values)] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CommandError(`${error.message}\n${hint}`)
  }
}
