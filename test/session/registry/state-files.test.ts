import { createSecretKey, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { createLog } from '../../../src/lib/log.js'
import { writeSealed } from '../../../src/lib/secrets/sealed-file.js'
import { type StateFilesParts, stateFiles } from '../../../src/session/registry/state-files.js'
import { testFolder } from '../../support/test-folder.js'

const newKey = () => createSecretKey(randomBytes(32))
const [key, older] = [newKey(), newKey()]

const { folder: parent } = testFolder()
let tests = 0
let folder: string
let lines: Record<string, unknown>[]
let now: number

beforeEach(() => {
  folder = join(parent, String(tests++))
  lines = []
  now = Date.now()
})

const log = createLog('info', { write: line => void lines.push(JSON.parse(line)) })

const files = ({
  state,
  ...others
}: Partial<Omit<StateFilesParts, 'state'>> & { state?: Partial<StateFilesParts['state']> } = {}) =>
  stateFiles({
    state: { folder, keys: [key], ...state },
    version: 3,
    longestOutage: 60_000,
    log,
    now: () => now,
    ...others,
  })

const name = 'sessions-0'

async function readOnce(): Promise<readonly string[]> {
  const state = await files().read()
  return state?.take() ? state.records : []
}

const said = () => lines.map(({ level, file, msg }) => [level, file, msg])

const warn = 40

describe('a process with STATE_DIR', () => {
  test('reads the sealed file of its predecessor, once', async () => {
    await files().write(['{"sid":1}', '{"sid":2}'])
    now += 5_000
    const state = await files().read()
    expect(state).toMatchObject({ outage: 5_000, records: ['{"sid":1}', '{"sid":2}'] })
    expect([state!.take(), state!.take()]).toEqual([true, false])
    expect(readdirSync(folder)).toEqual([])
    expect(await files().read()).toBeUndefined()
    expect(lines).toEqual([])
  })

  test('creates the folder with private permissions, and does not create its parent', async () => {
    expect(await readOnce()).toEqual([])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    const parts = { state: { folder: join(folder, 'none', 'state') } }
    expect(await files(parts).read()).toBeUndefined()
    expect(lines).toMatchObject([{ level: warn, code: 'ENOENT', msg: expect.stringContaining('STATE_DIR') }])
    await expect(files(parts).write([])).rejects.toThrow('ENOENT')
  })

  test('opens files sealed with an older key, and seals with the first', async () => {
    await files({ state: { keys: [older] } }).write(['record'])
    const rotated = files({ state: { keys: [key, older] } })
    expect(await rotated.read()).toMatchObject({ records: ['record'] })
    await rotated.write(['record'])
    expect(await readOnce()).toEqual(['record'])
  })
})

test.each([
  ['a minute ago', 60_000, 60_000],
  ['an hour ago', 3_600_000, 60_000],
  ['in an hour', -3_600_000, 0],
])('a sealed file is read although the clock says that it was written %s', async (_when, passed, outage) => {
  await files().write(['record'])
  now += passed
  expect(await files().read()).toMatchObject({ records: ['record'], outage })
  expect(lines).toEqual([])
})

/** A sealed file with these texts. */
const sealed = (...texts: readonly string[]) => writeSealed(join(folder, name), key, texts)

test.each<[string, string, () => unknown]>([
  ['has another version', 'of another version', () => files({ version: 2 }).write(['record'])],
  ['ends too early', 'damaged', () => writeFileSync(join(folder, name), 'WBSEAL\0\x01half')],
  ['is empty', 'damaged', () => sealed()],
  ['has no head', 'damaged', () => sealed('text')],
  ['has a head without a version', 'damaged', () => sealed('null')],
])('a sealed file that %s is deleted, and logged as %s', async (_what, fault, write) => {
  mkdirSync(folder)
  await write()
  expect(await readOnce()).toEqual([])
  expect(said()).toEqual([[warn, name, `a state file is ${fault}: its sessions end`]])
  expect(readdirSync(folder)).toEqual([])
})

test('a sealed file under another key stays until a start with the right key', async () => {
  await files({ state: { keys: [older] } }).write(['record'])
  expect(await readOnce()).toEqual([])
  const advice = 'add its key and restart at once, or its sessions end'
  expect(said()).toEqual([[warn, name, `no key in SEAL_KEY_FILE opens a state file: ${advice}`]])
  expect(await files({ state: { keys: [key, older] } }).read()).toMatchObject({ records: ['record'] })
})

test('a sealed file that another process with the same folder has written meanwhile is replaced, with a warning', async () => {
  const [one, other] = [files(), files()]
  await Promise.all([one.read(), other.read()])
  await one.write(['record'])
  expect(lines).toEqual([])
  await other.write(['another record'])
  const reason = 'It had another key, or was of another process with this STATE_DIR, which processes cannot share'
  expect(said()).toEqual([[warn, name, `a state file was replaced: its sessions end. ${reason}`]])
  expect(await readOnce()).toEqual(['another record'])
})

describe('other files in the folder:', () => {
  test('incomplete files of a process that was killed are deleted', async () => {
    mkdirSync(folder)
    writeFileSync(join(folder, `${name}.0123456789abcdef.tmp`), 'half')
    expect(await readOnce()).toEqual([])
    expect(readdirSync(folder)).toEqual([])
    expect(lines).toEqual([])
  })

  test('files with other names are not touched', async () => {
    mkdirSync(folder)
    const others = ['sessions', 'sessions-', 'sessions-01', 'sessions-1.0123456789abcdef.tmp', 'x-sessions-0', 'a.tmp']
    for (const each of others) writeFileSync(join(folder, each), 'x')
    expect(await readOnce()).toEqual([])
    expect(readdirSync(folder).sort()).toEqual([...others].sort())
    expect(lines).toEqual([])
  })

  test.each<[string, (path: string) => void]>([
    ['a symbolic link', path => symlinkSync(join(parent, 'outside'), path)],
    ['a symbolic link to nothing', path => symlinkSync(join(parent, 'none'), path)],
    ['a folder', path => mkdirSync(path)],
  ])('%s is neither followed nor deleted', async (_what, make) => {
    await files({ state: { folder: parent } }).write(['record'])
    renameSync(join(parent, name), join(parent, 'outside'))
    mkdirSync(folder)
    make(join(folder, name))
    expect(await readOnce()).toEqual([])
    expect(said()).toEqual([[warn, name, 'a state file cannot be read: its sessions end']])
    expect(existsSync(join(parent, 'outside'))).toBe(true)
    expect(readdirSync(folder)).toEqual([name])
  })
})
