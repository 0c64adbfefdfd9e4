// The Debian packages the tests with real peers need. Plain JavaScript, because `run.js` uses it before
// anything is built; `packages.d.ts` holds its types.
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

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

/** Programs or files that show that a package is installed. Other packages have a program with the package's name. */
const programs = {
  ...Object.fromEntries(recipePackages.map(name => [name, [`/var/lib/dpkg/info/${name}.list`]])),
  'g++': ['g++'],
  prosody: ['prosody', 'prosodyctl'],
  'prosody-modules': ['/usr/lib/prosody/modules/mod_auth_oauthbearer'],
  ejabberd: ['ejabberdctl'],
  systemd: ['systemd-analyze'],
  bsdutils: ['script'],
  'ejabberd-mod-isolation': ['/var/lib/dpkg/info/ejabberd-mod-isolation.list'],
  'ejabberd-mod-filter': ['/var/lib/dpkg/info/ejabberd-mod-filter.list'],
  'erlang-p1-oauth2': ['/var/lib/dpkg/info/erlang-p1-oauth2.list'],
  'php-cli': ['php'],
  'golang-go': ['go'],
  'bitlbee-libpurple': ['bitlbee'],
  'libgloox-dev': ['/usr/include/gloox/client.h'],
  'lighttpd-mod-openssl': ['/usr/lib/lighttpd/mod_openssl.so'],
}

const policyFile = '/usr/sbin/policy-rc.d'

export const missingPackages = names =>
  names.filter(name => (programs[name] ?? [name]).some(program => !onPath(program)))

export async function ensurePackages(names) {
  const missing = missingPackages(names)
  if (missing.length === 0) return { ok: true }
  const wanted = `${missing.join(', ')} missing`
  if (!onPath('apt-get')) return { ok: false, why: `${wanted}, and there is no apt-get on this machine` }
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
export function said(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    const collect = chunk => {
      text = (text + chunk).slice(-2000)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', reject)
    child.on('close', code => {
      if (code === 0) resolve()
      else reject(new Error(text.trim().split('\n').slice(-5).join('\n')))
    })
  })
}

function onPath(program) {
  if (isAbsolute(program)) return existsSync(program)
  // Debian's service packages put their programs in sbin, which a user's PATH may lack.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/bin']
  return folders.some(folder => executable(join(folder, program)))
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
