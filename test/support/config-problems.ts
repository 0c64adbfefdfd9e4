import { ConfigError } from '../../src/config/load.js'

/** The problems that reading settings ends with; none where they are in order. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
