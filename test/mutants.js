// `npm run mutants` changes one thing at a time in a copy of the repository, and prints the changes that no unit or
// scenario test notices. Before, it runs these tests with marks, to see which test files come to which places.
//   npm run mutants -- --count 100 --seed 1    a random choice in src/
//   npm run mutants -- src/lib/limits/rates.ts:12     the places of a line, or of a file
//   --seconds 120                              of the test files for one change, those that take this time together
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { transform } from 'esbuild'
import { API } from 'typescript/unstable/sync'
import { filesOfAllOnly } from './support/matrix-files.js'
import { marked, mutated, placesIn } from './support/mutants/places.js'

const text = by => ({ type: 'string', default: by })
const options = { count: text('100'), seed: text('1'), seconds: text('120') }
const { values, positionals } = parseArgs({ allowPositionals: true, options })

const copy = mkdtempSync(join(tmpdir(), 'mutants-'))
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(1))
process.on('SIGTERM', () => process.exit(1))
const reached = join(copy, 'reached')
const report = join(copy, 'report.jsonl')
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).trim().split('\n')
for (const file of files) if (existsSync(file)) cpSync(file, join(copy, file))
symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'))
process.chdir(copy)
mkdirSync(reached)
execFileSync(process.execPath, ['build.js'])

const compiler = new API({ cwd: copy })
const project = join(copy, 'tsconfig.json')
const program = snapshot({ openProjects: [project] })
const inSrc = files.filter(file => /^src\/(?!packages\/|command\/demo\/).*(?<!\.d)\.ts$/.test(file))
const mutants = chosen(inSrc.flatMap(file => placesIn(file, program.getSourceFile(join(copy, file)))))
for (const mutant of mutants) mutant.noticed = errorOfTypes(mutant)
compiler.close()
const isLeft = ({ noticed }) => noticed === undefined
mutants.filter(mutant => !isLeft(mutant)).forEach(print)
const compiled = mutants.filter(isLeft).length
for (const project of ['unit', 'scenarios']) {
  const left = mutants.filter(isLeft)
  if (left.length === 0) break
  const tests = await testsOf(project, left)
  for (const mutant of left) {
    mutant.noticed = await failingTest(project, mutant, tests)
    print(mutant)
  }
}
console.log('\nsurvivors:')
mutants.filter(isLeft).forEach(print)
const noticed = mutants.length - mutants.filter(isLeft).length
console.log(`${mutants.length} mutants, ${noticed} noticed, ${mutants.length - compiled} of them by tsc`)

function snapshot(changes) {
  return compiler.updateSnapshot(changes).getProject(project).program
}

/** The same seed chooses the same places as long as their files stay as they are. */
function chosen(places) {
  const rank = ({ file, start, end }) =>
    createHash('sha256').update(`${values.seed} ${file} ${start} ${end}`).digest('hex')
  return places
    .filter(
      ({ file, line }) => positionals.length === 0 || positionals.some(at => `${file}:${line}:`.startsWith(`${at}:`)),
    )
    .map(place => ({ ...place, rank: rank(place) }))
    .sort((one, other) => (one.rank < other.rank ? -1 : 1))
    .slice(0, Number(values.count))
    .map((place, number) => ({ ...place, number, ran: 0, omitted: 0 }))
}

function print({ number, file, line, before, after, noticed, ran, omitted }) {
  const [old, changed] = [before, after].map(text => text.replace(/\s+/g, ' ').slice(0, 80))
  console.log(
    `${number}. ${file}:${line}: ${old} -> ${changed}: ${noticed ?? `survived ${ran} test files (${omitted} omitted)`}`,
  )
}

function errorOfTypes(mutant) {
  const { file } = mutant
  const path = join(copy, file)
  const fileChanges = { changed: [path] }
  const source = readFileSync(file, 'utf8')
  writeFileSync(file, mutated(source, mutant))
  const program = snapshot({ fileChanges })
  const errors = [...program.getSyntacticDiagnostics(path), ...program.getSemanticDiagnostics(path)]
  writeFileSync(file, source)
  snapshot({ fileChanges })
  return errors.length > 0 ? 'tsc' : undefined
}

/** Writes a source file and what the build makes of it. */
async function write(file, source) {
  writeFileSync(file, source)
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } }
  const { code } = await transform(source, { loader: 'ts', format: 'esm', target: 'es2023', tsconfigRaw })
  writeFileSync(file.replace('src/', 'dist/').replace('.ts', '.js'), code)
}

/** The test files of a project that pass without a mutant, each with its time and the places that it comes to. */
async function testsOf(project, places) {
  const sources = new Map(places.map(({ file }) => [file, readFileSync(file, 'utf8')]))
  for (const [file, source] of sources)
    await write(
      file,
      marked(
        source,
        places.filter(place => place.file === file),
        reached,
      ),
    )
  const omitted = filesOfAllOnly(copy).flatMap(file => ['--testPathIgnorePatterns', file])
  const related = project === 'unit' ? ['--findRelatedTests', ...sources.keys()] : []
  const tests = await jest(['--selectProjects', project, ...omitted, ...related], 3_600_000)
  for (const [file, source] of sources) await write(file, source)
  console.log(`${project}: ${tests.length} test files, ${places.length} mutants`)
  for (const { path, failed } of tests) if (failed) console.log(`fails without a mutant: ${path}: ${failed}`)
  return tests.filter(({ failed }) => failed === undefined)
}

/** The first test that fails with this mutant. Test files of its folder run first, then the fastest. */
async function failingTest(project, mutant, tests) {
  const own = `/${dirname(mutant.file).replace('src/', 'test/')}/`
  const rank = ({ path, seconds }) => (path.includes(own) ? 0 : 1000) + seconds
  const all = tests
    .filter(test => test.reached.includes(`${mutant.number}`))
    .sort((one, other) => rank(one) - rank(other))
  let seconds = 0
  const run = []
  for (const test of all) {
    seconds += test.seconds
    if (seconds <= Number(values.seconds)) run.push(test)
  }
  mutant.ran += run.length
  mutant.omitted += all.length - run.length
  const source = readFileSync(mutant.file, 'utf8')
  await write(mutant.file, mutated(source, mutant))
  // A test can fail once because the machine is busy.
  const failed = await failure(project, run, 2)
  await write(mutant.file, source)
  return failed
}

async function failure(project, tests, times) {
  if (tests.length === 0) return undefined
  const limit = 60_000 + tests.reduce((sum, { seconds }) => sum + seconds, 0) * 5000
  const paths = tests.map(({ path }) => path)
  const results = await jest(['--selectProjects', project, '--bail', '--runTestsByPath', ...paths], limit)
  const failing = results.find(({ failed }) => failed !== undefined)
  if (failing === undefined) return results.length < tests.length ? `${project} tests do not end` : undefined
  if (times > 1) return failure(project, [tests.find(({ path }) => path === failing.path)], times - 1)
  return `${failing.path.slice(copy.length + 1)}: ${failing.failed}`
}

/** The reports of the test files that end within this time. */
async function jest(args, milliseconds) {
  writeFileSync(report, '')
  const own = ['reporters=reporter.js', 'testSequencer=order.js'].map(
    option => `--${option.replace('=', '=<rootDir>/test/support/mutants/')}`,
  )
  const child = spawn('node_modules/.bin/jest', ['--forceExit', '-w1', '--testTimeout=30000', ...own, ...args], {
    env: { ...process.env, MUTANTS_REPORT: report, MUTANTS_REACHED: reached },
    stdio: ['ignore', 'ignore', 'inherit'],
    // A group, to end also the processes that the tests have started.
    detached: true,
  })
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // All of them have ended.
    }
  }
  // Before the copy is removed.
  process.prependOnceListener('exit', kill)
  const timer = setTimeout(kill, milliseconds)
  await once(child, 'exit')
  clearTimeout(timer)
  process.off('exit', kill)
  kill()
  return readFileSync(report, 'utf8')
    .trim()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}
