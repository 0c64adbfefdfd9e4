// Node programs and Jest runs as `npm test`, `npm run test:peers` and `npm run test:versions` start them.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

export const inCi = /^(1|true)$/i.test(process.env.CI ?? '')

let passed = 0
let failed = 0
const failures = []
const lines = []

export function count(ok) {
  if (ok) passed++
  else failed++
}

/** Adds a line to those that `end` prints. */
export function note(line) {
  lines.push(line)
}

/** Longest time for one run. The slowest takes 13 minutes, and up to four times as long on a slow machine. */
const limitMilliseconds = Number(process.env.TEST_MINUTES ?? 60) * 60_000

/**
 * Runs a program in the repository's root with its output passed through, and resolves with whether it succeeded.
 * `node` is put first into its PATH, for the programs that it starts in turn.
 */
export function run(args, { env = {}, node = process.execPath } = {}) {
  return new Promise(resolve => {
    const child = spawn(node, args, {
      cwd: root,
      env: { ...process.env, PATH: dirname(node) + delimiter + process.env.PATH, ...env },
      stdio: 'inherit',
      // What hangs must not hang a CI.
      timeout: limitMilliseconds,
      killSignal: 'SIGKILL',
    })
    child.on('error', error => {
      console.log(error.message)
      resolve(false)
    })
    child.on('close', (code, signal) => {
      const program = args.find(arg => !arg.startsWith('-'))
      if (signal !== null) failures.push(`${program} was ended by ${signal}`)
      else if (code !== 0) failures.push(`${program} ended with ${code}`)
      resolve(code === 0)
    })
  })
}

/**
 * Runs Jest on these files, or on all, prints what it skipped, and counts the tests that have passed and failed.
 * `workers` is how many run at the same time, in place of the configuration's.
 */
export async function runJest(args, { files = [], workers, ...options } = {}) {
  const all = workers === undefined ? args : [`--maxWorkers=${workers}`, ...args]
  const result = await reportOfJest(files.length === 0 ? all : [...all, '--', ...files], options)
  if (result === undefined) return count(false)
  const { ok, report } = result
  tellSkipped(report)
  rememberFailed(report)
  passed += report.numPassedTests
  failed += failuresIn(report)
  // Jest can fail although no test fails, for example because of an error after the last test.
  if (!ok && failuresIn(report) === 0) count(false)
}

/** The same, with a heading, and a line about it at the end. */
export async function runNamedJest(name, args, options) {
  console.log(`\n# ${name}`)
  const start = performance.now()
  const before = { passed, failed }
  await runJest(args, options)
  const seconds = Math.round((performance.now() - start) / 1000)
  note(`${name}: ${passed - before.passed} passed, ${failed - before.failed} failed, ${seconds} s`)
}

// A suite that does not even load has no tests to count.
const failuresIn = report => report.numFailedTests + report.numRuntimeErrorTestSuites

/** Resolves with Jest's report and whether Jest succeeded. Without a report, prints why and resolves with undefined. */
async function reportOfJest(args, options) {
  const folder = mkdtempSync(join(tmpdir(), 'warm-tests-'))
  const file = join(folder, 'jest.json')
  try {
    // Its workers inherit the flag: a tenth less work, as most of what a test file allocates dies with it.
    const ok = await run(
      // `--forceExit`: what a failed test leaves open would keep Jest from ending, and a CI run with it.
      [
        '--min-semi-space-size=16',
        'node_modules/jest/bin/jest.js',
        '--forceExit',
        '--json',
        `--outputFile=${file}`,
        ...args,
      ],
      options,
    )
    return { ok, report: JSON.parse(readFileSync(file, 'utf8')) }
  } catch (error) {
    console.log(`no report from Jest: ${error.message}`)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function rememberFailed({ testResults }) {
  for (const { name, message, assertionResults } of testResults) {
    const file = relative(root, name)
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    for (const { fullName, failureMessages } of failed) {
      failures.push(`${file}: ${fullName}: ${beginningOf(failureMessages.join('\n'))}`)
    }
    // A suite that does not load has no tests.
    if (assertionResults.length === 0 && message !== '') failures.push(`${file}: ${beginningOf(message)}`)
  }
}

/** A message of Jest on one line, without the colours. */
function beginningOf(message) {
  return stripVTControlCharacters(message).replaceAll(/\s+/g, ' ').slice(0, 200)
}

/**
 * Ends one of the programs: prints its lines, what failed (`failed: …`, for those who see only the end of a log) and
 * `N passed, N failed`, and sets the exit code.
 */
export function end() {
  console.log(`\n${lines.join('\n')}`)
  for (const failure of failures) console.log(`failed: ${failure}`)
  // Set, not `process.exit`: what was printed has to reach a pipe.
  process.exitCode = failed > 0 ? 1 : 0
  console.log(`${passed} passed, ${failed} failed`)
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
