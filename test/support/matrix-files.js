// Which test files `npm test` leaves to `npm run test:all`, see `test/support/matrix.ts`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const testFiles = root =>
  readdirSync(join(root, 'test'), { recursive: true })
    .filter(name => name.endsWith('.test.ts'))
    .map(name => join('test', name))

const hasLine = (root, pattern) => file => pattern.test(readFileSync(join(root, file), 'utf8'))

/** Of `test/peers`, what `npm test` runs: each server, browser and client once, in seconds. */
const usualPeers = [
  ...['channel-binding', 'converse-features', 'demo-page', 'guest-attacks', 'idn'],
  ...['navigation', 'oidc-sign-in', 'own-login', 'page-recipes', 'returned-messages'],
  ...['sasl2', 'service-account', 'strophe', 'terminal', 'warming'],
].map(name => join('test', 'peers', `${name}.test.ts`))

/** Files that run in `npm run test:all` alone: all other peers, and those that say so in a comment of this form. */
export function filesOfAllOnly(root) {
  const saysSo = hasLine(root, /^\/\/ Runs in npm run test:all only/m)
  const isPeer = file => file.startsWith(join('test', 'peers', '/'))
  return testFiles(root).filter(file => (isPeer(file) ? !usualPeers.includes(file) : saysSo(file)))
}

/** Files with more combinations, or with the whole browser, than `npm test` runs of them. */
export function filesOfRest(root) {
  const left = filesOfAllOnly(root)
  const hasRest = hasLine(root, /\/matrix\.js'$|\beitherChromium\b/m)
  return testFiles(root).filter(file => hasRest(file) && !left.includes(file))
}
