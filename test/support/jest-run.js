// Node programs and Jest runs as `npm test` and `npm run test:versions` start them.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Longest time for one run; the slowest takes a fifth of it. */
const limitMilliseconds = 25 * 60_000

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
      if (signal !== null) console.log(`${args[0]} was ended by ${signal}`)
      resolve(code === 0)
    })
  })
}

/** Runs Jest, prints what it skipped, and resolves with how many tests have passed and failed. */
export async function runJest(args, options) {
  const folder = mkdtempSync(join(tmpdir(), 'warm-tests-'))
  const file = join(folder, 'jest.json')
  try {
    const ok = await run(
      ['node_modules/jest/bin/jest.js', '--json', `--outputFile=${file}`, ...args],
      options,
    )
    const { passed, failed } = countReport(file)
    // Jest also fails where no test does, as after an error that comes behind the last one.
    return { passed, failed: ok || failed > 0 ? failed : 1 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function countReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    tellSkipped(report)
    // A suite that does not even load has no tests to count.
    return { passed: report.numPassedTests, failed: report.numFailedTests + report.numRuntimeErrorTestSuites }
  } catch (error) {
    console.log(`no report from Jest: ${error.message}`)
    return { passed: 0, failed: 1 }
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
