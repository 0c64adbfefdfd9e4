import { describe, expect, test } from '@jest/globals'
import { defaultLimits } from '../../../src/xmpp/xml/limits.js'
import { cpuTime } from '../../support/cpu-time.js'
import { header, Reading, read } from './reading.js'

const attributes = (count: number, prefix = 'k') =>
  Array.from({ length: count }, (_, index) => ` ${prefix}${index}='1'`).join('')
const nested = (depth: number, start = '<a>', end = '</a>') => start.repeat(depth) + end.repeat(depth)
const long = 'n'.repeat(257)

const intricate: readonly (readonly [what: string, text: string])[] = [
  ['is too deep', `<message>${nested(128)}</message>`],
  ['is far too deep', `<message>${nested(3000, "<p:a xmlns:p='urn:p' k='/>'>x", '</p:a>')}</message>`],
  ['has CDATA deep inside', `<message>${nested(200, '<a><b/><![CDATA[</a></message>]]>')}</message>`],
  ['has too many attributes itself', `<message${attributes(65)}/>`],
  ['has too many attributes inside', `<message><a${attributes(65)}>x</a></message>`],
  ['declares too many prefixes', `<message><a${attributes(65, 'xmlns:k')}/></message>`],
  ['has too long declarations', `<message xmlns:k='${'n'.repeat(512)}'/>`],
  ['has declarations that get too long', `<message xmlns:k='${'"'.repeat(100)}'/>`],
  ['has too long a name inside', `<message><${long}/></message>`],
  ['has too long a name of an attribute', `<message ${long}='1'></message>`],
  ['also breaks the rules of namespaces', `<message><a:b:c/><p:e/>${nested(200, '<q:a>', '</q:a>')}</message>`],
]
const large: readonly (readonly [what: string, text: string])[] = [
  ['in its text', `<message>${'x'.repeat(3000)}</message>`],
  ['in UTF-8 only', `<message>${'é'.repeat(1200)}</message>`],
  ['in the value of an attribute', `<message k='${'>'.repeat(3000)}'/>`],
  ['in its children', `<message>${'<a/>'.repeat(1000)}</message>`],
  ['in CDATA', `<message><![CDATA[${'</message>]]'.repeat(300)}]]></message>`],
]

describe('a stanza of a server', () => {
  const isLeftOut = (text: string, maxElementBytes: number) => {
    for (const size of [Number.POSITIVE_INFINITY, 1, 7, 1000]) {
      const stream = `${header}<a/>${text} ${text}<b/>\n<c/>`
      const { elements, fault, drops } = read(stream, { lenient: true, size, maxElementBytes })
      expect([fault, drops]).toEqual([undefined, 2])
      expect(elements.map(each => each.text)).toEqual(['a', 'b', 'c'].map(name => `<${name} xmlns='jabber:client'/>`))
    }
  }

  test.each(intricate)('is dropped if it %s, and the stream continues', (_what, text) => {
    isLeftOut(text, defaultLimits.maxElementBytes)
  })

  test.each(large)('is dropped if it is too large %s, and the stream continues', (_what, text) => {
    isLeftOut(text, 2000)
  })

  test.each([Number.POSITIVE_INFINITY, 1, 1000])('is reported without its content, read by %d bytes', size => {
    const tag = `iq from='a@b' title='>' id="1" type='result'`
    const text = `${header}<${tag}>${'x'.repeat(3000)}</iq><message to='a'>${nested(200)}</message><iq k='${'x'.repeat(5000)}'/>`
    expect(read(text, { lenient: true, size, maxElementBytes: 2000 }).dropped).toEqual([
      { name: 'iq', namespace: 'jabber:client', text: `<iq xmlns='jabber:client' ${tag.slice(3)}/>` },
      { name: 'message', namespace: 'jabber:client', text: `<message xmlns='jabber:client' to='a'/>` },
      undefined,
    ])
  })

  test('is not stored while it is dropped, however large it is', () => {
    const reading = new Reading({ lenient: true }).write(`${header}<message><body>`)
    const megabyte = Buffer.alloc(1024 * 1024, 'x')
    const inUse = () => {
      // The second collection waits for the first, which frees external memory in the background.
      for (let collections = 0; collections < 2; collections++) globalThis.gc?.()
      return process.memoryUsage().heapUsed + process.memoryUsage().external
    }
    const before = inUse()
    for (let sent = 0; sent < 64; sent++) reading.write(megabyte)
    const grown = inUse() - before
    if (globalThis.gc !== undefined) expect(grown).toBeLessThan(16 * 1024 * 1024)
    reading.write('</body></message><presence/>')
    expect([reading.fault, reading.drops, reading.texts]).toEqual([undefined, 1, ["<presence xmlns='jabber:client'/>"]])
  })

  test('costs the same for each nested element', () => {
    const time = (depth: number) => {
      const declared = Array.from({ length: 60 }, (_, index) => ` xmlns:p${index}='urn:p'`).join('')
      const starts = Array.from({ length: depth }, (_, index) => `<p${index % 60}:a>`)
      const ends = Array.from({ length: depth }, (_, index) => `</p${(depth - 1 - index) % 60}:a>`)
      const text = `${header}<iq${declared}>${starts.join('')}${ends.join('')}</iq>`
      const started = cpuTime()
      expect(read(text, { lenient: true }).drops).toBe(1)
      return cpuTime() - started
    }
    time(10_000)
    expect(time(40_000)).toBeLessThan(500)
  })

  test('may have a prefix, and follow white space', () => {
    const stream = (text: string) => `<stream xmlns:c='jabber:client'> ${text}\r\n ${text}<c:b/>`
    for (const size of [Number.POSITIVE_INFINITY, 1]) {
      const text = stream(`<c:iq>${nested(200)}</c:iq>`)
      const { fault, drops, elements } = read(text, { lenient: true, size })
      expect([fault, drops, elements.length]).toEqual([undefined, 2, 1])
    }
  })

  test.each([
    ['has a comment', `<message>${nested(200)}<!-- x --></message>`, 'restricted-xml'],
    ['has a processing instruction deep inside', `<message>${nested(200, '<a><?x?>')}</message>`, 'restricted-xml'],
    ['is no stanza', `<messages>${nested(200)}</messages>`, 'policy-violation'],
    ['has too long a name', `<${long}/>`, 'policy-violation'],
    ['is large and no stanza', `<x:success k='${'x'.repeat(1_100_000)}`, 'policy-violation'],
    ['follows text', `x<message>${nested(200)}</message>`, 'bad-format'],
  ])('ends the stream if it %s', (_what, text, fault) => {
    for (const size of [Number.POSITIVE_INFINITY, 1000])
      expect(read(header + text, { lenient: true, size }).fault).toBe(fault)
  })

  test('ends the stream if the root element exceeds the limits', () => {
    expect(read(`<stream${attributes(65)}>`, { lenient: true }).fault).toBe('policy-violation')
    const long = read(`<stream k='${'x'.repeat(3000)}`, { lenient: true, maxElementBytes: 2000 })
    expect(long.fault).toBe('policy-violation')
  })

  test('does not affect other streams that use the same parser', () => {
    for (let round = 0; round < 3; round++) {
      const broken = new Reading({ lenient: true }).write(`${header}<message><a:b:c/>${nested(64, '<a>', '')}`)
      broken.write(nested(65, '<a>', ''))
      const other = read(`${header}<message><p:x>&#13;</p:x></message><presence/>`, { lenient: true })
      expect([other.fault, other.drops, other.elements.length]).toEqual([undefined, 1, 1])
      broken.write(`${nested(129, '', '</a>')}</message></stream:stream>`)
      expect([broken.fault, broken.drops, broken.closed]).toEqual([undefined, 1, 1])
    }
  })

  test('that is too complex is not reported after the splitter has stopped', () => {
    const stop = ({ splitter }: Reading) => splitter.stop()
    expect(read(`${header}<a/><iq>${nested(200)}</iq>`, { lenient: true, onElement: stop }).drops).toBe(0)
  })
})
