// What `npm test` runs: lint, types, the build, the Debian packages of the real peers, the tests. Goes on after
// a failure so that one run shows them all. The last line is `N passed, N failed`.
//   npm test                      each server, browser and client once
//   npm run test:all              all combinations of them, and what takes long
//   npm run test:all -- --rest    only what `npm test` leaves out, for CI, which has run it before
import { fileURLToPath } from 'node:url'
import { count, end, inCi, note, run, runJest } from './support/jest-run.js'
import { filesOfAllOnly, filesOfRest } from './support/matrix-files.js'
import { debianPackages, ensurePackages, missingPackages, recipePackages } from './support/packages.js'

const words = process.argv.slice(2)
const isRest = words.includes('--rest')
const isAll = words.includes('--all') && !isRest
const root = fileURLToPath(new URL('../', import.meta.url))
const packages = isAll || isRest ? [...debianPackages, ...recipePackages] : debianPackages

const times = []

const [skipped] = await Promise.all([
  timed('packages', missing),
  isRest ? timed('build', build) : timed('lint, types, build', () => Promise.all([lint(), build().then(types)])),
])
await timed('tests', () => jest(skipped))

note(times.map(([name, seconds]) => `${name} ${seconds.toFixed(1)} s`).join(', '))
if (skipped.length > 0) note(`not run for want of Debian packages: ${skipped.join(', ')}`)
end()

async function lint() {
  // In a file or a CI's log Biome's colours come as one escape sequence per letter.
  const colours = process.stdout.isTTY ? [] : ['--colors=off']
  count(await run(['node_modules/@biomejs/biome/bin/biome', 'ci', ...colours, '.']))
}

async function types() {
  const tsc = 'node_modules/typescript/bin/tsc'
  count(await run([tsc]))
  // The package's own types name more than the sources do.
  count(await run([tsc, '-p', 'tsconfig.types.json', '--emitDeclarationOnly', 'false', '--noEmit']))
}

/** Counts as a test only if it fails. */
async function build() {
  if (!(await run(['build.js']))) count(false)
}

/** The packages that are and stay missing; their tests are skipped, or the run fails when it is a CI's. */
async function missing() {
  const installed = await ensurePackages(packages)
  if (installed.ok) return []
  console.log(`${installed.why}\n${inCi ? 'CI is set: that is a failure' : 'tests that need them are skipped'}`)
  if (inCi) count(false)
  return missingPackages(packages)
}

/** Runs the tests. `WARM_TEST_SKIP` tells them which packages are missing, `WARM_TEST_MATRIX` which combinations are wanted. */
async function jest(absent) {
  const skip = { WARM_TEST_SKIP: inCi ? '' : absent.join(',') }
  const withMatrix = async (matrix, args, files = []) => {
    // The combinations need more of the processor, so that the tests of five workers could time out.
    const workers = matrix === '' ? undefined : 4
    await runJest(args, { env: { ...skip, WARM_TEST_MATRIX: matrix }, files, workers })
  }
  if (isAll) await withMatrix('full', [])
  else if (!isRest) await withMatrix('', withoutFilesOfAllOnly())
  else {
    await withMatrix('full', [], filesOfAllOnly(root))
    await withMatrix('rest', [], filesOfRest(root))
  }
}

/** Jest's arguments that leave out what `npm run test:all` alone runs. */
function withoutFilesOfAllOnly() {
  return filesOfAllOnly(root)
    .map(file => `/${file.replaceAll('.', String.raw`\.`)}$`)
    .flatMap(pattern => ['--testPathIgnorePatterns', pattern])
}

async function timed(name, part) {
  console.log(`\n# ${name}`)
  const start = performance.now()
  const result = await part()
  times.push([name, (performance.now() - start) / 1000])
  return result
}
