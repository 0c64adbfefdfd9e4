import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { problems } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { folder } = testFolder()

const ofSecrets = ['ADMIN_USERS_FILE', 'XMPP_SERVICE_ACCOUNTS_FILE', 'EVENTS_SECRET_FILE', 'REDIS_PASSWORD_FILE']

test.each([...ofSecrets, 'SEAL_KEY_FILE', 'TLS_CERT'])('%s must be a regular file: a pipe would block', name => {
  const pipe = join(folder, name)
  execFileSync('mkfifo', [pipe])
  const fault = expect.stringMatching(new RegExp(`^${name} names .* cannot be read \\(it is not a regular file\\)$`))
  // The device comes first, because a read of the pipe would block the test.
  for (const file of ['/dev/null', pipe]) expect(problems({ [name]: file })).toContainEqual(fault)
})

test.each([
  ['ADMIN_USERS_FILE', 'a-misplaced-s3cret', 'ADMIN_USERS_FILE names a file that cannot be read (ENOENT)'],
  ['TLS_CERT', 'none.pem', 'TLS_CERT names none.pem, which cannot be read (ENOENT)'],
  [
    'XMPP_SERVERS',
    'example.org=xmpp://127.0.0.1?ca=none.pem',
    'has ca, which names a file that cannot be read (ENOENT)',
  ],
])('a relative name of %s that does not exist says where it was looked for', (name, value, fault) => {
  const load = (text: string) => () => loadConfig({ XMPP_DOMAINS: 'example.org', [name]: text })
  const place = `: relative names begin at the working directory, ${process.cwd()}`
  expect(load(value)).toThrow(fault + place)
  expect(load(value)).not.toThrow('s3cret')
  expect(load(value.replace(/[^=]*$/, '/nowhere/x'))).not.toThrow(place)
})
