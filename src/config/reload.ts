import { isDeepStrictEqual } from 'node:util'
import { httpsPorts } from './config.js'
import { ConfigError, type Loaded, loadConfig } from './load.js'
import { type Environment, type Name, settings, type Values } from './settings.js'

export type Reloaded = Readonly<ReturnType<typeof reloadConfig>>

const names = Object.keys(settings) as Name[]
const ofTls: readonly Name[] = names.filter(name => name.startsWith('TLS_'))

/** Throws a `ConfigError`. `changed` includes settings whose file has new content. */
export function reloadConfig(running: Pick<Loaded, 'environment' | 'values'>, environment: Environment) {
  const fresh = loadConfig(environment)
  const differing = names.filter(name => !isDeepStrictEqual(running.values[name], fresh.values[name]))
  const needRestart = differing.filter(name => !canChange(name, running.values, fresh.values))
  const changed = differing.filter(name => !needRestart.includes(name))
  const fixed = names.filter(name => !settings[name].reloads || needRestart.includes(name))
  const kept = Object.fromEntries(fixed.map(name => [name, running.values[name]])) as Partial<Values>
  const texts = Object.fromEntries(fixed.map(name => [name, running.environment[name]]))
  try {
    const loaded = loadConfig({ ...environment, ...texts }, kept)
    // A listener logs warnings about certificates itself.
    const hasListener = httpsPorts(running.values).length > 0
    const warnings = fresh.warnings.filter(warning => !hasListener || !fresh.tlsWarnings.includes(warning))
    return { ...loaded, unknown: fresh.unknown, warnings, changed, needRestart }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError([`These settings need a restart together: ${differing.join(', ')}`, ...error.problems])
  }
}

function canChange(name: Name, before: Values, after: Values): boolean {
  if (!settings[name].reloads) return false
  if (ofTls.includes(name)) return [before, after].every(values => httpsPorts(values).length > 0)
  // `*` must not change: at the start, it decides how names are resolved and which addresses servers may have.
  if (name === 'XMPP_DOMAINS') return before.XMPP_DOMAINS.includes('*') === after.XMPP_DOMAINS.includes('*')
  if (name === 'PAGE_ORIGINS') return [before, after].every(values => values.PAGE_ORIGINS.length > 0)
  return true
}
