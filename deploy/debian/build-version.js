// If HEAD has the tag of a release, the version of a package is that of package.json. Otherwise HEAD's time and commit
// follow, so that apt and operators can tell builds apart.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Returns 1.0.0-rc.1, or for example 1.0.0-rc.1+git20261123164312.aa11071b4c between releases. Outside of a clone,
 * returns the version of package.json.
 */
export function buildVersion(root) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  if (!existsSync(join(root, '.git'))) return version
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  if (git('tag', '--points-at', 'HEAD').split('\n').includes(`v${version}`)) return version
  const [seconds, commit] = git('log', '-1', '--format=%ct %H').split(' ')
  const time = new Date(Number(seconds) * 1000).toISOString().replace(/\D/g, '').slice(0, 14)
  return `${version}+git${time}.${commit.slice(0, 10)}`
}
