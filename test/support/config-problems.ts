import { ConfigError } from '../../src/config/load.js'

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
