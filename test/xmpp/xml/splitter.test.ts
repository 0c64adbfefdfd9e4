import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { collectGarbage } from '../../support/collected.js'
import { Random } from '../../support/random.js'
import { header, Reading, read } from './reading.js'

const cases = new URL('../../cases/streams/', import.meta.url)
const names = readdirSync(cases)
  .filter(file => file.endsWith('.xml'))
  .map(file => file.slice(0, -4))
const expected = JSON.parse(readFileSync(new URL('expected.json', cases), 'utf8'))

test('an unfinished element takes no more memory in pieces than as a whole', () => {
  const length = 200_000
  const { splitter } = read(`${header}<message><body>`)
  const piece = Buffer.from('x')
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let at = 0; at < length; at++) splitter.write(piece)
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5 * length)
  expect(splitter.isBetweenElements).toBe(false)
})

test('elements do not keep long text around them in memory', () => {
  const ways: Readonly<Record<string, (space: string) => readonly string[]>> = {
    whole: space => [`${space}<message><body>x</body></message>`],
    'in two parts': space => [`${space}<message><body>`, `x</body></message>${space}`],
    'of another namespace': space => [`${space}<x-long-element-name xmlns='urn:example:long'/>`],
    'with CDATA': space => [`${space}<message><![CDATA[y]]></message>`],
  }
  const { elements, splitter } = read(header)
  collectGarbage()
  let before = process.memoryUsage().heapUsed
  for (const [how, parts] of Object.entries(ways)) {
    for (let read = 0; read < 300; read++)
      for (const part of parts(' '.repeat(60_000))) splitter.write(Buffer.from(part))
    // Slow: so each way begins where the one before has ended.
    collectGarbage()
    const after = process.memoryUsage().heapUsed
    expect([how, after - before < 4_000_000]).toEqual([how, true])
    before = after
  }
  expect(elements).toHaveLength(1_200)
})

describe('a stream', () => {
  test.each(names)('is parsed as cases/streams/expected.json expects, whole and in pieces: %s.xml', name => {
    const xml = readFileSync(new URL(`${name}.xml`, cases))
    for (const size of [Number.POSITIVE_INFINITY, 1, 2, 3, 7]) {
      const { elements, closed, fault } = read(xml, { size })
      const seen = { elements, closed: closed === 1, fault }
      expect({ size, ...seen }).toEqual({ size, fault: undefined, ...expected[name] })
    }
  })

  test('is not parsed further after a fault', () => {
    const reading = read(`${header}<a/>text<b/>`)
    expect(reading.fault).toBe('bad-format')
    reading.fault = undefined
    reading.write('<c/>').write(`${header}<d/>`)
    expect(reading.fault).toBeUndefined()
    expect(reading.elements).toHaveLength(1)
  })

  test('that is stopped in the middle of a chunk reports nothing of the rest', () => {
    const reading = new Reading({ onElement: ({ splitter }) => splitter.stop() })
    reading.write(`${header}<a/><b/>text<<<`).write('</stream:stream>')
    expect([reading.elements.length, reading.closed, reading.fault]).toEqual([1, 0, undefined])
    expect(read(`${header}<c/>`).write('<d/>').elements).toHaveLength(2)
  })

  test('that fails in its receiver does not affect other streams', () => {
    const fail = () => {
      throw new TypeError('not of the XML')
    }
    expect(() => read(`${header}<a><b/></a><c>`, { onElement: fail })).toThrow(TypeError)
    expect(read(`${header}<a/>`).write('<b/>').texts).toHaveLength(2)
  })
})

describe('bytes that are not UTF-8', () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1')
  test.each([
    ['an overlong slash', '<b>\xc0\xaf</b>'],
    ['an overlong slash in three bytes', '<b>\xe0\x80\xaf</b>'],
    ['a lone continuation', '<b>\x80</b>'],
    ['Latin-1', '<b>\xfc</b>'],
    ['half a surrogate pair', '<b>\xed\xa0\x80</b>'],
    ['a character beyond Unicode', '<b>\xf4\x90\x80\x80</b>'],
    ['a byte that begins nothing', '<b>\xff</b>'],
    ['a character cut short by another', '<b>\xe2\x82<</b>'],
  ])('%s: unsupported-encoding, whole and in pieces', (_what, text) => {
    for (const size of [Number.POSITIVE_INFINITY, 1, 2, 3]) {
      const reading = read(Buffer.concat([Buffer.from(`${header}<a/>`), bytes(text)]), { size })
      expect(reading.fault).toBe('unsupported-encoding')
      expect(reading.elements.length).toBeLessThanOrEqual(1)
    }
  })

  test.each([
    ['little-endian UTF-16 with its mark', '\xff\xfe<\0?\0', 'unsupported-encoding'],
    ['big-endian UTF-16 with its mark', '\xfe\xff\0<\0?', 'unsupported-encoding'],
    ['UTF-16 without a mark', '<\0?\0x\0', 'not-well-formed'],
    ['big-endian UTF-16 without a mark', '\0<\0?', 'not-well-formed'],
  ])('%s is rejected', (_what, text, fault) => {
    expect(read(bytes(text)).fault).toBe(fault)
    expect(read(bytes(text), { size: 1 }).fault).toBe(fault)
  })

  test('an incomplete character is completed by the next bytes', () => {
    const reading = read(Buffer.concat([Buffer.from(`${header}<a>`), bytes('\xf0\x9f\x98')]))
    expect(reading.fault).toBeUndefined()
    reading.write(bytes('\x80</a>'))
    expect(reading.texts).toEqual(["<a xmlns='jabber:client'>😀</a>"])
  })
})

describe('a limit for XML', () => {
  const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)
  const attributes = (count: number) => Array.from({ length: count }, (_, index) => ` a${index}=''`).join('')
  const name = (length: number) => 'n'.repeat(length)

  test.each([
    ['nesting', nested(128), nested(129)],
    ['attributes', `<a${attributes(64)}/>`, `<a${attributes(65)}/>`],
    ['attributes deep inside', `<a${attributes(64)}><b${attributes(64)}/></a>`, `<a><b${attributes(65)}/></a>`],
    ['declarations', `<a${attributes(62)} xmlns='' xmlns:a='u'/>`, `<a${attributes(64)} xmlns=''/>`],
    ['an element name', `<${name(256)}/>`, `<${name(257)}/>`],
    ['an attribute name', `<a ${name(256)}=''/>`, `<a ${name(257)}=''/>`],
  ])('of %s is exact', (_what, allowed, refused) => {
    for (const size of [Number.POSITIVE_INFINITY, 1]) {
      const fine = read(`${header}${allowed}${allowed}`, { size })
      expect([fine.fault, fine.elements.length]).toEqual([undefined, 2])
      const much = read(`${header}${allowed}${refused}<after/>`, { size })
      expect([much.fault, much.elements.length]).toEqual(['policy-violation', 1])
    }
  })

  test('also applies to the root element, whose declarations all children would inherit', () => {
    const root = (length: number) => header.replace(' version', ` xmlns:p='${'u'.repeat(length)}' version`)
    expect(read(`${root(400)}<p:a/>`).elements).toHaveLength(1)
    for (const size of [Number.POSITIVE_INFINITY, 7])
      expect(read(`${root(513)}<p:a/>`, { size }).fault).toBe('policy-violation')
    expect(read(`<s${attributes(64)}><a/></s>`).fault).toBeUndefined()
    expect(read(`<s${attributes(65)}><a/></s>`).fault).toBe('policy-violation')
  })

  test.each(['x', 'ü', '€', '😀'])('rejects an element with one more byte, in %s', character => {
    const element = (bytes: number) => {
      const room = bytes - '<a></a>'.length
      const many = Math.floor(room / Buffer.byteLength(character))
      return `<a>${character.repeat(many)}${'.'.repeat(room - many * Buffer.byteLength(character))}</a>`
    }
    // White space around an element does not count.
    for (const space of ['', ' '.repeat(500)]) {
      for (const size of [Number.POSITIVE_INFINITY, 1, 999, 1000, 1001]) {
        const limits = { size, maxElementBytes: 1000 }
        const fine = read(`${header}${space}${element(1000)}${space}${element(1000)}`, limits)
        expect([size, fine.fault, fine.elements.length]).toEqual([size, undefined, 2])
        const much = read(`${header}${element(1000)}${space}${element(1001)}<after/>`, limits)
        expect([size, much.fault, much.elements.length]).toEqual([size, 'policy-violation', 1])
      }
    }
  })

  test('rejects an element while it is incomplete', () => {
    const reading = read(`${header}<a>`, { maxElementBytes: 1000 })
    for (let sent = 0; reading.fault === undefined && sent < 2000; sent += 10) reading.write('0123456789')
    expect(reading.fault).toBe('policy-violation')
    const start = read(`${header}<a x='`, { maxElementBytes: 1000 })
    expect(start.write('x'.repeat(1000)).fault).toBe('policy-violation')
    const root = read('<a x="', { maxElementBytes: 1000 })
    expect(root.write('x'.repeat(1000)).fault).toBe('policy-violation')
  })
})

// That the work is in proportion to the length is tested in test/fuzz/steps.test.ts.
describe('a long stream', () => {
  test.each([' ', '\n', '\r', '\r\n', ' \r', '\r '])('of 10,000 keepalives %j has no element and no fault', space => {
    for (const start of [header, `${header}<a/>`, `${header}<a/>\r`, `${header}\r\n`]) {
      // Stored white space would exceed the limit.
      const reading = read(start, { maxElementBytes: 1000 })
      const before = reading.elements.length
      const chunk = Buffer.from(space)
      for (let count = 0; count < 10_000; count++) reading.splitter.write(chunk)
      reading.write('<b/>')
      expect(reading.fault).toBeUndefined()
      expect(reading.elements).toHaveLength(before + 1)
    }
  })

  test('may have a dropped element with a long tag in one-byte chunks', () => {
    const reading = read(`${header}<a/><iq>${'<b>'.repeat(200)}<c d="'`, { lenient: true })
    const chunk = Buffer.from('/')
    for (let count = 0; count < 100_000; count++) reading.splitter.write(chunk)
    expect(reading.splitter.unfinishedBytes).toBeLessThan(50_000)
    reading.write(`>"/><c e='/'></c  `)
    for (let count = 0; count < 10_000; count++) reading.splitter.write(Buffer.from(' '))
    const { fault, drops, texts } = reading.write(`>${'</b>'.repeat(200)}</iq><a/>`)
    expect([fault, drops, texts.length]).toEqual([undefined, 1, 2])
  })

  test('may not have a reference of more than 30 digits', () => {
    for (const size of [Number.POSITIVE_INFINITY, 1]) {
      expect(read(`${header}<a>&#${'0'.repeat(28)}65;</a>`, { size }).elements).toHaveLength(1)
      expect(read(`${header}<a>&#${'0'.repeat(31)}`, { size }).fault).toBe('not-well-formed')
    }
  })
})

test('an element of half a megabyte is parsed with a prefix of the root element at the greatest depth', () => {
  const inner = '<stream:x/>'.repeat(40_000)
  const reading = read(`${header}${'<a>'.repeat(127)}${inner}${'</a>'.repeat(127)}`)
  expect([reading.fault, reading.elements.length]).toEqual([undefined, 1])
})

describe('many streams at once', () => {
  const other = header.replace('jabber:client', 'jabber:server')
  const prefixed = header.replace(' version', " xmlns:x='urn:x' version")

  test('never get data of another stream', () => {
    const streams = Array.from({ length: 400 }, (_, index) => {
      const own = header.replace('jabber:client', `urn:${index}`)
      const start = [own, other, prefixed, header.replaceAll('stream:', 's:').replace(':stream=', ':s=')][index % 4]!
      const texts = Array.from({ length: 5 }, (_, which) => `<m id='${index}.${which}'>ü${'.'.repeat(index)}<b/></m>`)
      return { reading: new Reading(), bytes: Buffer.from(start + texts.join(' ')), at: 0, index }
    })
    const random = new Random(12345)
    const unfinished = [...streams]
    while (unfinished.length > 0) {
      const which = random.below(unfinished.length)
      const stream = unfinished[which]!
      const size = 1 + random.below(80)
      stream.reading.write(stream.bytes.subarray(stream.at, stream.at + size))
      stream.at += size
      if (stream.at >= stream.bytes.length) unfinished.splice(which, 1)
    }
    for (const { reading, index } of streams) {
      const namespace = [`urn:${index}`, 'jabber:server'][index % 4] ?? 'jabber:client'
      expect(reading.fault).toBeUndefined()
      expect(reading.texts).toEqual(
        [0, 1, 2, 3, 4].map(which => `<m xmlns='${namespace}' id='${index}.${which}'>ü${'.'.repeat(index)}<b/></m>`),
      )
    }
  })

  test('do not get the end or the fault of another stream', () => {
    const [a, b, c] = [read(`${header}<a/>`), read(`${header}<a/>`), read(`${header}<a/>`)]
    a.write('</stream:stream>')
    b.write('<b></c>')
    c.write('<b/>')
    expect([a.closed, b.closed, c.closed]).toEqual([1, 0, 0])
    expect([a.fault, b.fault, c.fault]).toEqual([undefined, 'not-well-formed', undefined])
    expect(read(`${header}<a/>`).write('<b/>').elements).toHaveLength(2)
  })
})
