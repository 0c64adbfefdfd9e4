import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readEnvFile } from '../config/env-file.js'
import { exposedSettings } from '../config/exposed-secrets.js'
import { ConfigError, type Loaded, loadConfig } from '../config/load.js'
import { type Reloaded, reloadConfig } from '../config/reload.js'
import { type Environment, settings } from '../config/settings.js'
import { misspeltNames } from '../config/unknown-names.js'
import { CommandError } from './command-error.js'

function hint(): string {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const files = ['docs/settings.md', '.env.example'].map(name => join(root, name)).filter(existsSync)
  const see = files.length === 0 ? '' : `See ${files.map(shortest).join(' and ')}. `
  return `${see}To try the service without settings: warm-bindings --demo, or npm run demo in a clone.`
}

function shortest(path: string): string {
  const own = relative(process.cwd(), path)
  return own.startsWith('..') ? path : own
}

const nowhere =
  'There is no file .env here: only the environment was read. --env-file FILE reads another file, such as /etc/warm-bindings/warm-bindings.env of the Debian package.\n'

export type SettingsAtHand = ReturnType<typeof readSettings>

/** `instead` overrides the environment, which overrides the file. */
export function readSettings(envFile: string | undefined, instead: Environment = {}) {
  const own = { ...process.env }
  const file = envFile ?? '.env'
  const readFile = (isAgain = false) => {
    const { values, places } = readEnvFile(file, envFile !== undefined, isAgain)
    const misspelt = misspeltNames(values, places)
    return { values, misspelt, ofFile: [...misspelt, ...exposedSettings(file, values)] }
  }
  try {
    const { values, misspelt, ofFile } = readFile()
    for (const [name, value] of Object.entries(values)) process.env[name] ??= value
    let running: Loaded = loadConfig({ ...process.env, ...instead })
    return {
      ...running,
      inFile: values,
      unknown: [...running.unknown, ...misspelt],
      warnings: [...running.warnings, ...ofFile],
      /** If `reload` throws a `ConfigError`, nothing has changed. */
      reload(): Reloaded {
        const { values, ofFile } = readFile(true)
        const reloaded = reloadConfig(running, { ...values, ...own, ...instead })
        running = reloaded
        for (const name of Object.keys(settings)) {
          const text = reloaded.environment[name]
          if (text === undefined) delete process.env[name]
          else process.env[name] = text
        }
        return { ...reloaded, warnings: [...reloaded.warnings, ...ofFile] }
      },
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CommandError(`${error.message}\n${envFile === undefined && !existsSync(file) ? nowhere : ''}${hint()}`)
  }
}
