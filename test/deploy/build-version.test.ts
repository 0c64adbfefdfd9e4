// deploy/debian/build-version.js, in a small clone.
import { execFileSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { testFolder } from '../support/test-folder.js'

const { folder, file } = testFolder()
file('package.json', '{ "version": "1.0.0-rc.1" }')

const git = (...args: string[]) => {
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@localhost', '-c', 'commit.gpgsign=false']
  const env = { ...process.env, GIT_COMMITTER_DATE: '2026-11-23T17:43:12+01:00' }
  return execFileSync('git', [...author, ...args], { cwd: folder, env, encoding: 'utf8' })
}

function versionOf(clone: string): string {
  const module = new URL('../../deploy/debian/build-version.js', import.meta.url).href
  const script = `import { buildVersion } from '${module}'; process.stdout.write(buildVersion(process.argv[1]))`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script, clone], { encoding: 'utf8' })
}

test('a package has the version of the release, or the time and the commit of its build', () => {
  expect(versionOf(folder)).toBe('1.0.0-rc.1')
  git('init', '--quiet')
  git('add', '.')
  git('commit', '--quiet', '--message=one')
  const commit = git('rev-parse', 'HEAD').slice(0, 10)
  const build = `1.0.0-rc.1+git20261123164312.${commit}`
  expect(versionOf(folder)).toBe(build)
  git('tag', 'v0.9.0')
  expect(versionOf(folder)).toBe(build)
  git('tag', '--annotate', '--message=two', 'v1.0.0-rc.1')
  expect(versionOf(folder)).toBe('1.0.0-rc.1')
})
