import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { readSettings } from '../../src/command/settings-at-hand.js'
import { problemsOf } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { folder } = testFolder()
const file = join(folder, 'service.env')
const write = (...lines: string[]) => writeFileSync(file, lines.join('\n'), { mode: 0o600 })

test('the start and each reload warn about a misspelt name in the file', () => {
  const settings = ['ADMIN_USERS=portal:a-long-secret', 'XMPP_DOMAINS=example.org']
  const warning = 'log_level is not a setting of this service. Did you mean LOG_LEVEL?'
  write(...settings)
  const { warnings, reload } = readSettings(file)
  expect(warnings).not.toContain(warning)
  write(...settings, 'log_level=debug')
  expect(reload().warnings).toContain(warning)
  expect(readSettings(file).warnings).toContain(warning)
})

test('a name that may be a secret is reported with its line, and is not shown', () => {
  write('ADMIN_USERS=portal:a-long-secret', '', 'XMPP_DOMAINS=example.org', 'b4ckend:Wq8ZtR5nB2xK=7vYh')
  const { warnings } = readSettings(file)
  expect(warnings).toContainEqual(
    expect.stringMatching(/^The name in line 4 of the env file is not a setting of this service\. See /),
  )
  expect(warnings.join()).not.toContain('Wq8Z')
})

test('a reload reads no pipe: it would be empty, or block', () => {
  write('ADMIN_USERS=portal:a-long-secret', 'XMPP_DOMAINS=example.org')
  const { reload } = readSettings(file)
  rmSync(file)
  execFileSync('mkfifo', [file])
  expect(problemsOf(reload)).toEqual([
    `${file} cannot be read (it is a pipe), which can be read only once. Restart the service`,
  ])
})
