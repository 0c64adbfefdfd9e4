import { ConfigError, loadConfig } from '../../src/config/load.js'

type Environment = Readonly<Record<string, string | undefined>>

export const required = { ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org,example.net' }

/** Loads these settings beside the required ones. */
export const load = (environment: Environment) => loadConfig({ ...required, ...environment })

/** The problems that these settings have beside the required ones. */
export const problems = (environment: Environment) => problemsOf(() => load(environment))

/** The problems that `read` reports about settings. Empty if the settings are valid. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
