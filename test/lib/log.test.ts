import { describe, expect, test } from '@jest/globals'
import { codeOf, createLog, createPartLogs } from '../../src/lib/log.js'

describe('the log of a part', () => {
  const lines: Record<string, unknown>[] = []
  const log = createLog('info', { write: line => void lines.push(JSON.parse(line)) })
  const levels = {
    usual: 'info',
    parts: new Map([['bosh', 'debug'] as const, ['warm', 'warn'] as const]),
  } as const

  const { logFor, take } = createPartLogs(log, levels)

  test('names the part, and has the part’s own level if set', () => {
    for (const part of ['bosh', 'warm', 'http'] as const) {
      const child = logFor(part)
      child.debug('debug')
      child.info('info')
      child.warn('warn')
    }
    log.debug('debug')
    expect(lines.map(({ part, msg }) => `${part} ${msg}`)).toEqual([
      ...['bosh debug', 'bosh info', 'bosh warn', 'warm warn', 'http info', 'http warn'],
    ])
  })

  test('has its new level after a reload', () => {
    lines.length = 0
    take({ usual: 'error', parts: new Map([['warm', 'info']]) })
    for (const part of ['bosh', 'warm', 'http'] as const) logFor(part).info('info')
    log.info('info')
    take(levels)
    logFor('bosh').debug('debug')
    log.info('info')
    expect(lines.map(({ part, msg }) => `${part} ${msg}`)).toEqual(['warm info', 'bosh debug', 'undefined info'])
  })
})

test('a log that cannot be written does no harm', () => {
  let written = 0
  const write = () => {
    written += 1
    throw new Error('the disk is full')
  }
  const log = createLog('info', { write })
  log.info('one')
  log.child({ part: 'bosh' }).error('two')
  expect(written).toBe(2)
})

test('a cause is logged by its code, and not at all without a code', () => {
  expect(codeOf(Object.assign(new Error('secret'), { code: 'ECONNRESET' }))).toBe('ECONNRESET')
  expect([codeOf(new Error('secret')), codeOf('secret'), codeOf(undefined)]).toEqual([
    ...[undefined, undefined, undefined],
  ])
})

describe('a log line that is too long for a pipe', () => {
  const bytes = 4_096
  const lines: string[] = []
  const log = createLog('info', { write: line => void lines.push(line) }).child({ audit: true, part: 'warm' })
  const last = () => {
    const line = lines.at(-1)!
    expect(line.indexOf('\n')).toBe(line.length - 1)
    return { size: Buffer.byteLength(line), line: JSON.parse(line) }
  }

  test('is not cut if it has exactly the limit', () => {
    log.info({ jid: '' }, 'warm')
    const jid = 'a'.repeat(bytes - last().size)
    log.info({ jid }, 'warm')
    expect(last()).toMatchObject({ size: bytes, line: { jid } })
    expect(last().line).not.toHaveProperty('cut')
  })

  test.each(['a', '"', '\\', '\u0001', 'é', '€', '\u{1f600}', '\ud800'])(
    'is cut where its texts have many %j',
    character => {
      for (const length of [300, 700, 3_000, 100_000]) {
        const text = character.repeat(length)
        log.info({ address: '192.0.2.1', jid: text, account: text, cause: text, deeper: { text } }, 'warm')
        const { size, line } = last()
        expect(size).toBeLessThanOrEqual(bytes)
        expect(line).toMatchObject({ audit: true, part: 'warm', msg: 'warm', address: '192.0.2.1' })
        if (line.cut === true) expect(line.jid).toMatch(/.…$/u)
        else expect(line.jid).toHaveLength(text.length)
      }
      expect(last().line.cut).toBe(true)
    },
  )

  test('is shortened if it has a long list', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `item ${index}`)
    log.info({ many }, 'warm')
    expect(last().size).toBeLessThanOrEqual(bytes)
    expect(last().line).toMatchObject({ many: [...many.slice(0, 10), '…'], cut: true })
  })
})

describe('a line of the log', () => {
  const write = (format: 'json-iso' | 'text', about: object, message: string) => {
    const lines: string[] = []
    createLog('info', { write: line => void lines.push(line) }, format)
      .child({ part: 'warm' })
      .warn(about, message)
    return lines.join('')
  }
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

  test('has the name of its level and a time of ISO 8601 with json-iso', () => {
    const line = JSON.parse(write('json-iso', { password: 'p1', deeper: { sid: 's1' } }, 'refused'))
    expect(line).toMatchObject({ level: 'warn', time: expect.stringMatching(time) })
    expect(line).toMatchObject({ password: '[secret]', deeper: { sid: '[secret]' } })
  })

  test('contains no control or invisible characters in text format', () => {
    expect(write('text', { name: 'a\u009b31m\u202eb\u007fc\u200bd\u2028e\ufefff\u061cg' }, 'refused')).toContain(
      String.raw`name="a\u009b31m\u202eb\u007fc\u200bd\u2028e\ufefff\u061cg"`,
    )
  })

  test('is always one line in text format, whatever clients sent', () => {
    const forged = { domain: 'a b', name: 'x\nFAKE admin=root' }
    const about = { address: '192.0.2.1', ...forged, list: ['a b'], none: null, sid: 's1' }
    const [at, ...words] = write('text', about, 'refused').split(' ')
    expect(at).toMatch(time)
    expect(words.join(' ')).toBe(
      'warn  warm: refused address=192.0.2.1 domain="a b" name="x\\nFAKE admin=root" list=["a b"] none=null sid="[secret]"\n',
    )
    // The name of the part is not repeated.
    expect(write('text', { ms: 5 }, 'warm')).toMatch(/^\S+ warn {2}warm ms=5\n$/)
  })
})
