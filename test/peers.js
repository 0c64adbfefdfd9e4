// What `npm run test:peers` runs: the tests with real XMPP servers, with those of several Debian releases.
// The last line is `N passed, N failed`.
//   npm run test:peers -- --servers=all       the releases that the tests know (the default)
//   npm run test:peers -- --servers=trixie    those of one release
//   npm run test:peers -- --servers=others    all but this machine's, which `npm test` takes
//   npm run test:peers -- test/peers/strophe  these files only
import { readdirSync, readFileSync } from 'node:fs'
import { releaseAtHand, releases, unpackRelease } from './support/debian-release.js'
import { count, end, inCi, note, run, runNamedJest } from './support/jest-run.js'
import { debianPackages, ensurePackages, missingPackages } from './support/packages.js'

const atHand = releaseAtHand()
const words = process.argv.slice(2)
const wanted = words.find(word => word.startsWith('--servers='))?.slice('--servers='.length) ?? 'all'
const paths = words.filter(word => !word.startsWith('--'))

const chosen = releases.filter(name => wanted === 'all' || wanted === name || (wanted === 'others' && name !== atHand))
if (chosen.length === 0) {
  console.log(`Unknown servers: ${wanted}. Write all, others, or one of ${releases.join(', ')}.`)
  count(false)
} else if (!(await run(['build.js']))) count(false)
else {
  const installed = await ensurePackages(debianPackages)
  if (!installed.ok) miss(installed.why)
  for (const name of chosen) await testRelease(name)
}

end()

async function testRelease(name) {
  const release = name === atHand ? { folder: '' } : await unpackRelease(name)
  if (release.folder === undefined) {
    miss(`servers of ${name}: ${release.why}`)
    return
  }
  const skip = inCi ? '' : missingPackages(debianPackages).join(',')
  const env = { SERVERS_ROOT: release.folder, WARM_TEST_SKIP: skip, WARM_TEST_MATRIX: 'full' }
  // As for all combinations of `npm run test:all`: with five workers, servers answer too late.
  await runNamedJest(`servers of ${name}`, ['--selectProjects', 'peers'], { env, files: files(), workers: 4 })
}

/** The test files that start an XMPP server, but for the package, which has its own Debian, and those that test no server. */
function files() {
  const all = readdirSync('test/peers')
    .filter(name => name.endsWith('.test.ts'))
    .map(name => `test/peers/${name}`)
    .filter(
      file => !/(debian-package|native-clients|oidc-example|portal-example|processes-faults)\.test\.ts$/.test(file),
    )
    .filter(file => /(support\/(prosody|ejabberd|crowd\/stage)|\/servers)\.js'/.test(readFileSync(file, 'utf8')))
  return paths.length === 0 ? all : all.filter(file => paths.some(path => file.includes(path)))
}

/** What cannot be installed is skipped, and is a failure with CI=true. */
function miss(why) {
  note(`${why}${inCi ? '' : '; skipped'}`)
  if (inCi) count(false)
}
