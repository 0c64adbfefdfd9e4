import { describe, expect, test } from '@jest/globals'
import { codeOf, createLog, logOf } from '../../src/lib/log.js'

describe('the log of a part', () => {
  const lines: Record<string, unknown>[] = []
  const log = createLog('info', { write: line => void lines.push(JSON.parse(line)) })
  const levels = {
    usual: 'info',
    parts: new Map([['bosh', 'debug'] as const, ['warm', 'warn'] as const]),
  } as const

  test('says whose it is, and has a level of its own where one is set', () => {
    for (const part of ['bosh', 'warm', 'http'] as const) {
      const child = logOf(log, part, levels)
      child.debug('debug')
      child.info('info')
      child.warn('warn')
    }
    log.debug('debug')
    expect(lines.map(({ part, msg }) => `${part} ${msg}`)).toEqual([
      ...['bosh debug', 'bosh info', 'bosh warn', 'warm warn', 'http info', 'http warn'],
    ])
  })

  test('keeps secrets back, too', () => {
    logOf(log, 'bosh', levels).info({ password: 'p1', deeper: { sid: 's1' } }, 'all')
    expect(lines.at(-1)).toMatchObject({ password: '[secret]', deeper: { sid: '[secret]' } })
  })
})

test('a log that cannot be written does no harm', () => {
  let written = 0
  const log = createLog('info', {
    write() {
      written += 1
      throw new Error('the disk is full')
    },
  })
  log.info('one')
  log.child({ part: 'bosh' }).error('two')
  expect(written).toBe(2)
})

test('of a cause the code is told, and of what has none nothing', () => {
  expect(codeOf(Object.assign(new Error('secret'), { code: 'ECONNRESET' }))).toBe('ECONNRESET')
  expect([codeOf(new Error('secret')), codeOf('secret'), codeOf(undefined)]).toEqual([
    ...[undefined, undefined, undefined],
  ])
})
