// Tests that need a Debian package are skipped where `test/run.js` could not install it, and say so by their name.
import { describe } from '@jest/globals'

const absent = new Set((process.env['WARM_TEST_SKIP'] ?? '').split(',').filter(Boolean))

/** Whether tests can use these packages. */
export const areInstalled = (packages: readonly string[]) => !packages.some(needed => absent.has(needed))

/** `describe` for tests that need these packages. */
export function describeWith(packages: readonly string[], name: string, tests: () => void): void {
  const missing = packages.filter(needed => absent.has(needed))
  if (missing.length === 0) describe(name, tests)
  else describe.skip(`${name} (skipped: ${missing.join(' and ')} not installed)`, tests)
}
