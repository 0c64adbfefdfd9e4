// Another Debian release than this machine's, unpacked into a folder, for its Prosody and ejabberd. Plain JavaScript,
// because `test/peers.js` uses it before anything is built.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensurePackages, missingPackages, said, serverPackages } from './packages.js'

/** The releases whose servers the tests know, the older one first. */
export const releases = ['bookworm', 'trixie']

const servers = [...serverPackages, 'ca-certificates']

/** Code name of this machine's Debian release; empty if it is no Debian. */
export function releaseAtHand() {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  return /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] ?? ''
}

/**
 * Unpacks a release with its XMPP servers or these packages, unless it is unpacked. Resolves with its folder, or with
 * the reason of a failure. Takes a minute and 600 MB. The folder is kept in `/var/cache/warm-bindings-tests`.
 */
export async function unpackRelease(name, { packages = servers, as = name } = {}) {
  const folder = join('/var/cache/warm-bindings-tests', as)
  // The list of packages may have grown since the release was unpacked.
  const missing = missingPackages(packages, folder)
  if (missing.length === 0) return { folder }
  if (process.getuid?.() !== 0) return { why: `${name} can be unpacked by root only` }
  const install = 'apt-get -q update && apt-get -q install -y --no-install-recommends "$@"'
  const installIn = root => said('unshare', ['--mount', 'chroot', root, 'sh', '-c', install, 'sh', ...missing])
  if (existsSync(folder)) {
    const failure = await installIn(folder).catch(error => error)
    return failure instanceof Error ? { why: `${name} lacks ${missing}: ${failure.message}` } : { folder }
  }
  const tools = await ensurePackages(['debootstrap'])
  if (!tools.ok) return { why: tools.why }
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  try {
    // Its mounts end with the namespace.
    await said('unshare', ['--mount', 'debootstrap', '--variant=minbase', name, unfinished, mirror()])
    // 101 forbids the packages' own services to start (invoke-rc.d(8)).
    writeFileSync(join(unfinished, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    await installIn(unfinished)
    renameSync(unfinished, folder)
    return { folder }
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    return { why: `${name} could not be unpacked: ${error.message}` }
  }
}

/** Where this machine's own packages come from. */
function mirror() {
  const folder = '/etc/apt/sources.list.d'
  const files = [...readdirSync(folder).map(name => join(folder, name)), '/etc/apt/sources.list']
  const text = files
    .filter(existsSync)
    .map(file => readFileSync(file, 'utf8'))
    .join('\n')
  return (
    /^URIs:\s*(\S+)|^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m.exec(text)?.slice(1).find(Boolean) ??
    'http://deb.debian.org/debian'
  )
}
