import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { testFolder } from '../support/test-folder.js'

const { folder } = testFolder()

test.each([
  ['ADMIN_USERS_FILE', 'ADMIN_USERS_FILE names a file that'],
  ['XMPP_SERVICE_ACCOUNTS_FILE', 'XMPP_SERVICE_ACCOUNTS_FILE names a file that'],
  ['EVENTS_SECRET_FILE', 'EVENTS_SECRET_FILE names a file that'],
  ['REDIS_PASSWORD_FILE', 'REDIS_PASSWORD_FILE names a file that'],
  ['SEAL_KEY_FILE', 'SEAL_KEY_FILE names a file that'],
  ['TLS_CERT', 'TLS_CERT names FILE, which'],
])('%s must be a regular file: a pipe would block the start', (name, fault) => {
  const pipe = join(folder, name)
  execFileSync('mkfifo', [pipe])
  // The device comes first, because a read of the pipe would block the test.
  for (const file of ['/dev/null', pipe])
    expect(() => loadConfig({ XMPP_DOMAINS: 'example.org', [name]: file })).toThrow(
      `${fault.replace('FILE,', `${file},`)} cannot be read (it is not a regular file)`,
    )
})

test.each([
  ['ADMIN_USERS_FILE', 'a-misplaced-s3cret', 'ADMIN_USERS_FILE names a file that cannot be read (ENOENT)'],
  ['TLS_CERT', 'none.pem', 'TLS_CERT names none.pem, which cannot be read (ENOENT)'],
  [
    'XMPP_SERVERS',
    'example.org=xmpp://127.0.0.1?ca=none.pem',
    'for example.org has ca, which names a file that cannot be read (ENOENT)',
  ],
])('a relative name of %s that does not exist says where it was looked for', (name, value, fault) => {
  const load = (text: string) => () => loadConfig({ XMPP_DOMAINS: 'example.org', [name]: text })
  const place = `: relative names begin at the working directory, ${process.cwd()}`
  expect(load(value)).toThrow(fault + place)
  expect(load(value)).not.toThrow('s3cret')
  expect(load(value.replace(/[^=]*$/, '/nowhere/x'))).not.toThrow(place)
})
