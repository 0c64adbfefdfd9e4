import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { load, problems } from '../../support/settings.js'
import { testFolder } from '../../support/test-folder.js'

const { folder, file } = testFolder(0o755)

const [first, second] = [randomBytes(32), randomBytes(32)]
const [encoded, other] = [first.toString('base64'), second.toString('base64')]

function made(name: string, mode: number): string {
  const path = join(folder, name)
  mkdirSync(path)
  chmodSync(path, mode)
  return path
}

const goodKey = () => file('good.key', encoded)

describe('SEAL_KEY_FILE', () => {
  test.each([
    ['a key', `${encoded}\n`, [first]],
    ['several keys, the first for sealing', `${other}\n${encoded}`, [second, first]],
    ['comments and empty lines', `\uFEFF# a\r\n\r\n  ${encoded}  \r\n\t# b\n${other}\n\n`, [first, second]],
  ])('may have %s', (_what, text, keys) => {
    const { config, warnings } = load({ STATE_DIR: folder, SEAL_KEY_FILE: file('seal.key', text) })
    expect(config.state?.keys.map(key => key.export())).toEqual(keys)
    expect(config.state?.folder).toBe(folder)
    expect(warnings).toEqual([])
  })

  const advice = 'make keys with openssl rand -base64 32'
  test.each([
    ['no content', '', `without a key: ${advice}`],
    ['a key of 31 bytes', first.subarray(1).toString('base64'), `whose line 1 is not 32 bytes in base64: ${advice}`],
    ['a key of 33 bytes', Buffer.alloc(33).toString('base64'), `whose line 1 is not 32 bytes in base64: ${advice}`],
    ['hexadecimal digits', first.toString('hex'), `whose line 1 is not 32 bytes in base64: ${advice}`],
    ['a comment after a key', `${encoded} # new`, `whose line 1 is not 32 bytes in base64: ${advice}`],
    ['a faulty second key', `#\n${encoded}\n${encoded}=`, `whose line 3 is not 32 bytes in base64: ${advice}`],
  ])('is rejected with %s, and no problem shows a key', (_what, text, problem) => {
    const said = problems({ SEAL_KEY_FILE: file('bad.key', text) })
    expect(said).toEqual([`SEAL_KEY_FILE names a file ${problem}`])
    expect(said.join()).not.toContain(encoded.slice(0, 8))
  })
})

describe('STATE_DIR', () => {
  test('requires SEAL_KEY_FILE', () => {
    expect(problems({ STATE_DIR: folder })).toEqual([
      'SEAL_KEY_FILE is required for STATE_DIR: make the file with (umask 077; openssl rand -base64 32 > seal.key)',
    ])
  })

  test('may be a folder in an existing folder, and a check does not create it', () => {
    const STATE_DIR = join(made('parent', 0o700), 'state')
    expect(load({ STATE_DIR, SEAL_KEY_FILE: goodKey() }).config.state?.folder).toBe(STATE_DIR)
    expect(readdirSync(join(folder, 'parent'))).toEqual([])
  })

  test('may end with a slash, and may be relative', () => {
    const at = (STATE_DIR: string) => problems({ STATE_DIR, SEAL_KEY_FILE: goodKey() })
    expect(at(`${folder}/`)).toEqual([])
    expect(at(`${folder}/state/`)).toEqual([])
    expect(at('a-folder-that-does-not-exist')).toEqual([])
    expect(at('.')).toEqual([])
  })

  const none = 'names a folder that does not exist, and this user cannot create it'

  test.each([
    ['in a folder that does not exist', 'FOLDER/none/state', new RegExp(`^${none} \\(ENOENT\\)$`)],
    ['a file', 'FOLDER/good.key', /^must name a folder, not a file$/],
    ['below a file', 'FOLDER/good.key/state', new RegExp(`^${none} `)],
    // Even root cannot write there.
    ['read-only', '/proc/sys', /^names a folder where this user cannot read and write \((EACCES|EROFS)\)$/],
    ['in a read-only folder', '/proc/sys/state', new RegExp(`^${none} \\((EACCES|EROFS)\\)$`)],
  ])('cannot be %s', (_what, path, problem) => {
    const SEAL_KEY_FILE = goodKey()
    const said = problems({ STATE_DIR: path.replace('FOLDER', folder), SEAL_KEY_FILE })
    expect(said.map(each => each.replace(/^STATE_DIR /, ''))).toEqual([expect.stringMatching(problem)])
  })

  test.each([
    [0o777, 'every user of this machine can write to, and its group'],
    [0o1757, 'every user of this machine'],
    [0o770, 'its group'],
  ])('causes a warning if others can write to it (%o)', (mode, others) => {
    const STATE_DIR = made(`open-${mode}`, mode)
    expect(load({ STATE_DIR, SEAL_KEY_FILE: goodKey() }).warnings).toEqual([
      `STATE_DIR names ${STATE_DIR}, which ${others} can write to: chmod go-w ${STATE_DIR}`,
    ])
  })

  test('causes no warning if others can list it, as systemd creates it', () => {
    const STATE_DIR = made('listed', 0o755)
    expect(load({ STATE_DIR, SEAL_KEY_FILE: goodKey() }).warnings).toEqual([])
  })
})
