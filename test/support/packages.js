// The Debian packages the tests with real peers need. Plain JavaScript, because `run.js` uses it before
// anything is built; `packages.d.ts` holds its types.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** XMPP servers, their modules, and what these need. */
export const serverPackages = [
  ...['prosody', 'prosody-modules', 'openssl'],
  ...['ejabberd', 'ejabberd-mod-isolation', 'ejabberd-mod-filter', 'erlang-p1-oauth2'],
]

/** All that `npm test` needs. */
export const debianPackages = [
  ...serverPackages,
  'curl',
  ...['chromium', 'chromium-headless-shell'],
  ...['php-cli', 'python3', 'systemd', 'bsdutils'],
  ...['redis-server', 'nginx', 'haproxy', 'apache2', 'lighttpd', 'lighttpd-mod-openssl'],
]

/** What `npm run test:all` needs as well: languages and frameworks of examples/clients and examples/recipes, and old clients. */
export const recipePackages = [
  ...['bitlbee-libpurple', 'libgloox-dev', 'g++', 'python3-nbxmpp'],
  ...['python3-django', 'python3-jwt', 'ruby', 'ruby-railties', 'ruby-webrick', 'ruby-jwt'],
  ...['golang-go', 'golang-github-golang-jwt-jwt-dev'],
]

const policyFile = '/usr/sbin/policy-rc.d'

/** The packages among these that are not installed, in the system of this folder. */
export function missingPackages(names, root = '') {
  const words = [`--admindir=${root}/var/lib/dpkg`, '-W', '-f', `\${db:Status-Status} \${Package}\n`, ...names]
  const { stdout } = spawnSync('dpkg-query', words, { encoding: 'utf8' })
  const lines = (stdout ?? '').split('\n')
  return names.filter(name => !lines.includes(`installed ${name}`))
}

export async function ensurePackages(names) {
  const missing = missingPackages(names)
  if (missing.length === 0) return { ok: true }
  const wanted = `${missing.join(', ')} missing`
  if (!existsSync('/usr/bin/apt-get')) return { ok: false, why: `${wanted}, and there is no apt-get on this machine` }
  if (process.getuid?.() !== 0) {
    return { ok: false, why: `${wanted}; not root, so install by hand: apt-get install ${missing.join(' ')}` }
  }
  const ownPolicy = !existsSync(policyFile)
  // 101 forbids the package's own service to start (invoke-rc.d(8)): it would take the default ports.
  if (ownPolicy) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    for (const command of [['update'], ['install', '-y', '--no-install-recommends', ...missing]]) {
      const failure = await said('apt-get', ['-q', ...command]).catch(error => error)
      if (failure) return { ok: false, why: `${wanted}; apt-get ${command[0]} failed: ${failure.message}` }
    }
  } finally {
    if (ownPolicy) rmSync(policyFile, { force: true })
  }
  const still = missingPackages(names)
  if (still.length > 0) return { ok: false, why: `${still.join(', ')} missing even after apt-get install` }
  return { ok: true }
}

/** Runs a program; rejects with its last lines if it fails. */
export async function said(program, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const running = promisify(execFile)(program, args, { env, maxBuffer: 2 ** 26 })
  running.child.stdin?.end()
  await running.catch(({ stdout, stderr, message }) => {
    const text = `${stdout}${stderr}`.trim() || message
    throw new Error(text.split('\n').slice(-5).join('\n'))
  })
}
