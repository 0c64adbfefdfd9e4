// What `npm test` runs: lint, types, the Debian packages of the real peers, the build, all tests. Goes on after
// a failure so that one run shows them all. The last line is `N passed, N failed`.
import { run, runJest } from './support/jest-run.js'
import { debianPackages, ensurePackages, missingPackages } from './support/packages.js'

const inCi = /^(1|true)$/i.test(process.env.CI ?? '')

let passed = 0
let failed = 0
const times = []

const count = ok => {
  if (ok) passed++
  else failed++
}

// In a file or a CI's log Biome's colours come as one escape sequence per letter.
const colours = process.stdout.isTTY ? [] : ['--colors=off']
await timed('lint', async () =>
  count(await run(['node_modules/@biomejs/biome/bin/biome', 'ci', ...colours, '.'])),
)
await timed('types', async () => count(await run(['node_modules/typescript/bin/tsc'])))
const skipped = await timed('packages', missing)
const built = await timed('build', () => run(['build.js']))
if (!built) count(false)
await timed('tests', () => jest(skipped))

console.log(`\n${times.map(([name, seconds]) => `${name} ${seconds.toFixed(1)} s`).join(', ')}`)
if (skipped.length > 0) console.log(`not run for want of Debian packages: ${skipped.join(', ')}`)
// Set, not `process.exit`: what was printed has to reach a pipe.
process.exitCode = failed > 0 ? 1 : 0
console.log(`${passed} passed, ${failed} failed`)

/** The packages that are and stay missing; their tests are skipped, or the run fails when it is a CI's. */
async function missing() {
  const installed = await ensurePackages(debianPackages)
  if (installed.ok) return []
  console.log(
    `${installed.why}\n${inCi ? 'CI is set: that is a failure' : 'tests that need them are skipped'}`,
  )
  if (inCi) count(false)
  return missingPackages(debianPackages)
}

/** Runs all Jest projects. `WARM_TEST_SKIP` tells the tests which packages are missing. */
async function jest(absent) {
  const result = await runJest([], { env: { WARM_TEST_SKIP: inCi ? '' : absent.join(',') } })
  passed += result.passed
  failed += result.failed
}

async function timed(name, part) {
  console.log(`\n# ${name}`)
  const start = performance.now()
  const result = await part()
  times.push([name, (performance.now() - start) / 1000])
  return result
}
