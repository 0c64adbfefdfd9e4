import { createSecretKey, randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
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

const filesOf = (slot: number, workers: number, others: Partial<StateFilesParts> = {}) =>
  stateFiles({ folder, keys: [key], slot, workers, version: 3, longestOutage: 60_000, log, now: () => now, ...others })

/** Each process of a service writes a file with its slot as its only record. */
async function writeAll(workers: number): Promise<void> {
  const slots = workers === 0 ? [0] : Array.from({ length: workers }, (_, index) => index + 1)
  for (const slot of slots) await filesOf(slot, workers).write([String(slot)])
}

const recordsOf = async (slot: number, workers: number) =>
  (await filesOf(slot, workers).read()).flatMap(({ records, take }) => (take() ? records : []))

const said = () => lines.map(({ level, file, msg }) => [level, file, msg])

const warn = 40

describe('a process with STATE_DIR', () => {
  test('reads the sealed file of its predecessor, once', async () => {
    await filesOf(1, 2).write(['{"sid":1}', '{"sid":2}'])
    now += 5_000
    const [state, ...others] = await filesOf(1, 2).read()
    expect(others).toEqual([])
    expect(state).toMatchObject({
      outage: 5_000,
      records: ['{"sid":1}', '{"sid":2}'],
    })
    expect([state!.take(), state!.take()]).toEqual([true, false])
    expect(readdirSync(folder)).toEqual([])
    expect(await filesOf(1, 2).read()).toEqual([])
    expect(lines).toEqual([])
  })

  test('creates the folder with private permissions, and does not create its parent', async () => {
    expect(await recordsOf(0, 0)).toEqual([])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    const parts = { folder: join(folder, 'none', 'state') }
    expect(await filesOf(0, 0, parts).read()).toEqual([])
    expect(lines).toMatchObject([
      { level: warn, code: 'ENOENT', msg: 'STATE_DIR cannot be read: the sessions in it end' },
    ])
    await expect(filesOf(0, 0, parts).write([])).rejects.toThrow('ENOENT')
  })

  test('tells which process wrote it', async () => {
    await filesOf(0, 0, { process: 'a' }).write(['record'])
    expect(await filesOf(0, 0, { process: 'b' }).read()).toMatchObject([{ process: 'a' }])
  })

  test('opens files sealed with an older key, and seals with the first', async () => {
    await filesOf(0, 0, { keys: [older] }).write(['record'])
    const rotated = filesOf(0, 0, { keys: [key, older] })
    expect(await rotated.read()).toMatchObject([{ records: ['record'] }])
    await rotated.write(['record'])
    expect(await recordsOf(0, 0)).toEqual(['record'])
  })
})

describe('if the number of workers changes, each file is read by one process:', () => {
  test.each<[number, number, string[][]]>([
    [0, 0, [['0']]],
    [1, 1, [['1']]],
    [4, 4, [['1'], ['2'], ['3'], ['4']]],
    [
      4,
      2,
      [
        ['1', '3'],
        ['2', '4'],
      ],
    ],
    [2, 4, [['1'], ['2'], [], []]],
    [0, 2, [['0'], []]],
    [2, 0, [['1', '2']]],
    [12, 0, [['1', '10', '11', '12', '2', '3', '4', '5', '6', '7', '8', '9']]],
    [3, 1, [['1', '2', '3']]],
  ])('from %i to %i', async (before, after, expected) => {
    await writeAll(before)
    const slots = after === 0 ? [0] : Array.from({ length: after }, (_, index) => index + 1)
    // In any order, because no worker takes another worker's files.
    const read = await Promise.all(slots.map(slot => recordsOf(slot, after)))
    expect(read).toEqual(expected)
    expect(readdirSync(folder)).toEqual([])
    expect(lines).toEqual([])
  })

  test('a worker that is replaced does not read the files of others', async () => {
    await writeAll(4)
    expect(await recordsOf(2, 4)).toEqual(['2'])
    expect(readdirSync(folder).sort()).toEqual(['sessions-1', 'sessions-3', 'sessions-4'])
  })
})

test.each([
  ['a minute ago', 60_000, 60_000],
  ['an hour ago', 3_600_000, 60_000],
  ['in an hour', -3_600_000, 0],
])('a sealed file is read although the clock says that it was written %s', async (_when, passed, outage) => {
  await filesOf(0, 0).write(['record'])
  now += passed
  expect(await filesOf(0, 0).read()).toMatchObject([{ records: ['record'], outage }])
  expect(lines).toEqual([])
})

describe('a sealed file that cannot be used is logged and deleted', () => {
  test('if its records are of another version', async () => {
    await filesOf(0, 0, { version: 2 }).write(['record'])
    expect(await recordsOf(0, 0)).toEqual([])
    expect(said()).toEqual([[warn, 'sessions-0', 'a state file is of another version: its sessions end']])
    expect(readdirSync(folder)).toEqual([])
  })

  test('if it is damaged, and the others are read', async () => {
    await writeAll(2)
    writeFileSync(join(folder, 'sessions-1'), 'WBSEAL\0\x01half')
    expect(await recordsOf(0, 0)).toEqual(['2'])
    expect(said()).toEqual([[warn, 'sessions-1', 'a state file is damaged: its sessions end']])
    expect(readdirSync(folder)).toEqual([])
  })

  test.each<[string, string[]]>([
    ['is empty', []],
    ['has no head', ['text']],
    ['has a head without a version', ['null']],
  ])('if it %s', async (_what, texts) => {
    mkdirSync(folder)
    await writeSealed(join(folder, 'sessions-0'), key, texts)
    expect(await recordsOf(0, 0)).toEqual([])
    expect(said()).toEqual([[warn, 'sessions-0', 'a state file is damaged: its sessions end']])
    expect(readdirSync(folder)).toEqual([])
  })

  test('if it is a copy of the file of another process', async () => {
    await filesOf(1, 2).write(['record'])
    copyFileSync(join(folder, 'sessions-1'), join(folder, 'sessions-2'))
    expect(await Promise.all([recordsOf(1, 2), recordsOf(2, 2)])).toEqual([['record'], []])
    expect(said()).toEqual([[warn, 'sessions-2', 'a state file is damaged: its sessions end']])
  })
})

test('a sealed file under another key stays until a start with the right key', async () => {
  await filesOf(0, 0, { keys: [older] }).write(['record'])
  expect(await recordsOf(0, 0)).toEqual([])
  expect(said()).toEqual([
    [
      warn,
      'sessions-0',
      'no key in SEAL_KEY_FILE opens a state file: add its key and restart at once, or its sessions end',
    ],
  ])
  expect(await filesOf(0, 0, { keys: [key, older] }).read()).toMatchObject([{ records: ['record'] }])
})

describe('other files in the folder:', () => {
  test('incomplete files of a stopped process of this number are deleted', async () => {
    mkdirSync(folder)
    const left = [1, 2, 3].map(slot => `sessions-${slot}.0123456789abcdef.tmp`)
    for (const name of left) writeFileSync(join(folder, name), 'half')
    expect(await recordsOf(1, 2)).toEqual([])
    expect(readdirSync(folder)).toEqual([left[1]])
    expect(lines).toEqual([])
  })

  test('files with other names are not touched', async () => {
    mkdirSync(folder)
    const others = ['sessions', 'sessions-', 'sessions-01', 'sessions--1', 'sessions-1x', 'x-sessions-1', 'a.tmp']
    for (const name of others) writeFileSync(join(folder, name), 'x')
    expect(await recordsOf(0, 0)).toEqual([])
    expect(readdirSync(folder).sort()).toEqual([...others].sort())
    expect(lines).toEqual([])
  })

  test('symbolic links and folders are neither followed nor deleted', async () => {
    await filesOf(1, 3).write(['record'])
    const outside = join(parent, 'outside')
    mkdirSync(outside)
    copyFileSync(join(folder, 'sessions-1'), join(outside, 'target'))
    rmSync(join(folder, 'sessions-1'))
    symlinkSync(join(outside, 'target'), join(folder, 'sessions-1'))
    mkdirSync(join(folder, 'sessions-2'))
    symlinkSync(join(outside, 'none'), join(folder, 'sessions-3'))
    now += 120_000
    expect(await recordsOf(0, 0)).toEqual([])
    const fault = 'a state file cannot be read: its sessions end'
    expect(said()).toEqual(['sessions-1', 'sessions-2', 'sessions-3'].map(name => [warn, name, fault]))
    expect(existsSync(join(outside, 'target'))).toBe(true)
    expect(readdirSync(folder)).toHaveLength(3)
  })
})
