import { describe, expect, test } from '@jest/globals'
import { load as loadAll } from '../support/settings.js'

const load = (AUDIT_LOG: string) => loadAll({ AUDIT_LOG }).config.auditLog

describe('AUDIT_LOG', () => {
  test.each([
    ['', 'stdout'],
    ['stdout', 'stdout'],
    ['STDERR', 'stderr'],
    ['off', 'off'],
    ['/var/log/warm-bindings/audit.log', { file: '/var/log/warm-bindings/audit.log' }],
    ['./audit.log', { file: './audit.log' }],
  ])('%j is accepted', (text, value) => expect(load(text)).toEqual(value))

  test.each(['sdtout', 'audit.log', '/var/log/'])('%j is refused', text =>
    expect(() => load(text)).toThrow(
      `AUDIT_LOG must be stdout, stderr, off or the path of a file, such as ./audit.log, not "${text}"`,
    ),
  )
})
