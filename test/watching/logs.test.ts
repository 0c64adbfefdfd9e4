import { chmodSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from '@jest/globals'
import type { AuditLog } from '../../src/config/kinds/kinds.js'
import { Counts } from '../../src/lib/counts.js'
import { RecentAudit } from '../../src/warm/numbers/recent-audit.js'
import { createLogs, unusableAuditFile } from '../../src/watching/logs.js'
import { testFolder } from '../support/test-folder.js'

const { folder } = testFolder()
let lines: Record<string, unknown>[]

beforeEach(() => {
  lines = []
})

const counts = new Counts()
const keepLine = (line: string) => void lines.push(JSON.parse(line))
const make = (auditLog: AuditLog, usual: 'info' | 'silent' = 'silent', writeLine = keepLine) =>
  createLogs({
    config: { auditLog, logLevels: { usual, parts: new Map() }, logFormat: 'json' },
    counts,
    about: { worker: 2 },
    writeLine,
  })

test('the audit trail is written beside the log, at any level, and marks each line', () => {
  const { log, audit } = make('stdout')
  log.fatal('unheard')
  audit.log.child({ part: 'warm' }).info({ admin: 'portal', password: 'p1' }, 'warm')
  expect(lines).toMatchObject([
    { audit: true, worker: 2, part: 'warm', admin: 'portal', password: '[secret]', msg: 'warm', level: 30 },
  ])
})

test('the audit trail writes nothing if it is off', () => {
  make('off', 'info').audit.log.info('warm')
  expect(lines).toEqual([])
})

test('log lines that cannot be written are counted', () => {
  const before = counts.linesLost.log
  const { log } = make('off', 'info', () => {
    throw new Error('the disk is full')
  })
  log.info('one')
  expect(counts.linesLost.log).toBe(before + 1)
})

test('if a log file cannot be opened again, the old file stays in use, with a line in the log', () => {
  const file = join(folder, 'there', 'audit.log')
  mkdirSync(join(folder, 'there'))
  const { audit } = make({ file }, 'info')
  audit.log.info('one')
  renameSync(join(folder, 'there'), join(folder, 'gone'))
  audit.reopen()
  audit.log.info('two')
  const written = readFileSync(join(folder, 'gone', 'audit.log'), 'utf8')
  expect(
    written
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toMatchObject([{ msg: 'one' }, { msg: 'two' }])
  const problem = `AUDIT_LOG names ${file}, which cannot be written to (ENOENT)`
  expect(lines).toMatchObject([{ level: 50, problems: [problem] }])
})

test('a new audit file is readable by its group under any umask, and an existing file keeps its mode', () => {
  const file = join(folder, 'mode.log')
  const modeOf = () => statSync(file).mode & 0o777
  const before = process.umask(0o077)
  try {
    const { audit } = make({ file })
    expect(modeOf()).toBe(0o640)
    chmodSync(file, 0o600)
    audit.reopen()
    expect(modeOf()).toBe(0o600)
    renameSync(file, `${file}.1`)
    audit.reopen()
    expect(modeOf()).toBe(0o640)
  } finally {
    process.umask(before)
  }
})

test('the audit file cannot be a folder', () => {
  const problem = `AUDIT_LOG names ${folder}, which cannot be written to (EISDIR)`
  expect(unusableAuditFile({ auditLog: { file: folder } })).toEqual([problem])
  expect(() => make({ file: folder })).toThrow(problem)
})

test('failed logins are also kept for themselves', () => {
  const audit = new RecentAudit()
  const kept = [
    { msg: 'warm', code: 'not-authorized' },
    { msg: 'connect', code: 'timeout' },
    { msg: 'client login', code: 'not-authorized', jids: ['"code":"ok"@example.org'] },
  ]
  const others = [
    { msg: 'warm', code: 'ok' },
    { msg: 'warm', code: 'client-gone' },
    { msg: 'admin login', code: 'unauthorized' },
    { msg: 'logout', code: 'forbidden', jid: '"msg":"warm"' },
  ]
  for (const line of [...kept, ...others]) audit.add(JSON.stringify(line))
  expect(audit.failures).toMatchObject(kept.map(({ msg, code }) => ({ action: msg, code })))
  expect(audit.lines).toHaveLength(7)
  for (let line = 0; line < 600; line++) audit.add(JSON.stringify(kept[0]))
  expect([audit.lines.length, audit.failures.length, audit.lines.at(-1)!.number]).toEqual([500, 200, 606])
})
