// What `npm test` runs: lint, types, the Debian packages of the real peers, the build, all tests. Goes on after
// a failure so that one run shows them all. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePackages, missingPackages } from './support/packages.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const debianPackages = [
  ...['prosody', 'prosody-modules', 'ejabberd', 'erlang-p1-oauth2', 'chromium', 'openssl', 'curl'],
  ...['php-cli', 'python3', 'systemd'],
  ...['nginx', 'haproxy', 'apache2', 'lighttpd', 'lighttpd-mod-openssl'],
]
const inCi = /^(1|true)$/i.test(process.env.CI ?? '')

/** Longest time for one part; the slowest takes a fifth of it. */
const limitMilliseconds = 25 * 60_000

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
const built = await timed('build', () =>
  run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']),
)
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

/** Runs all Jest projects and counts what they report. `WARM_TEST_SKIP` tells the tests which packages are missing. */
async function jest(absent) {
  const folder = mkdtempSync(join(tmpdir(), 'warm-tests-'))
  const report = join(folder, 'jest.json')
  try {
    const ok = await run(['node_modules/jest/bin/jest.js', '--json', `--outputFile=${report}`], {
      WARM_TEST_SKIP: inCi ? '' : absent.join(','),
    })
    const before = failed
    countReport(report)
    // Whatever made Jest fail without a failed test, an unhandled error after the last one, say.
    if (!ok && failed === before) count(false)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function countReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    passed += report.numPassedTests
    // A suite that does not even load has no tests to count.
    failed += report.numFailedTests + report.numRuntimeErrorTestSuites
    tellSkipped(report)
  } catch (error) {
    console.log(`no report from Jest: ${error.message}`)
    failed++
  }
}

/** Prints what was not run, by the names of the groups, which say why. */
function tellSkipped({ testResults }) {
  const skipped = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'pending')
    .map(({ ancestorTitles }) => ancestorTitles.join(': '))
  if (skipped.length === 0) return
  console.log(`\n${skipped.length} skipped:`)
  for (const group of new Set(skipped)) {
    console.log(`- ${group}, ${skipped.filter(other => other === group).length}`)
  }
}

/** Runs a Node program with its output passed through; resolves with whether it succeeded. */
function run(args, env = {}) {
  return new Promise(resolve => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: 'inherit',
      // Whatever hangs must not hang a CI.
      timeout: limitMilliseconds,
      killSignal: 'SIGKILL',
    })
    child.on('error', error => {
      console.log(error.message)
      resolve(false)
    })
    child.on('close', (code, signal) => {
      if (signal !== null) console.log(`${args[0]} was ended by ${signal}`)
      resolve(code === 0)
    })
  })
}

async function timed(name, part) {
  console.log(`\n# ${name}`)
  const start = performance.now()
  const result = await part()
  times.push([name, (performance.now() - start) / 1000])
  return result
}
