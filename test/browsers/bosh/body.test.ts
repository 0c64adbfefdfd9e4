import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Body, parseBody, readBodyHead, writeBody, writeTerminate } from '../../../src/browsers/bosh/body.js'
import { boshNamespace, streamsNamespace } from '../../../src/xmpp/namespaces.js'
import { attribute, removeForbidden } from '../../../src/xmpp/xml/escape.js'
import { XmlError } from '../../../src/xmpp/xml/xml-error.js'
import { anyText } from '../../support/any-text.js'
import { ended, terminated } from '../../support/bosh-bench.js'
import { collectGarbage } from '../../support/collected.js'
import { countSteps } from '../../support/steps.js'

const cases = new URL('../../cases/bodies/', import.meta.url)
const names = readdirSync(cases)
  .filter(file => file.endsWith('.xml'))
  .map(file => file.slice(0, -4))

const read = (file: string) => readFileSync(new URL(file, cases), 'utf8')

const expected = JSON.parse(read('expected.json'))

function tryToParse(xml: string): Body | { refused: string } {
  try {
    return parseBody(xml)
  } catch (error) {
    if (error instanceof XmlError) return { refused: error.fault }
    throw error
  }
}

const body = (inner: string, attributes = '') => `<body xmlns='${boshNamespace}'${attributes}>${inner}</body>`

test('a parsed request does not keep its whole body in memory through an attribute', () => {
  const value = "='juliet@capulet.example/balcony'"
  const start = `<body from${value} to='capulet-of-verona.example' xml:lang${value} key${value} newkey${value} xmlns='${boshNamespace}'>`
  const request = Buffer.from(`${start}<message><body>${'x'.repeat(100_000)}</body></message></body>`)
  const values: unknown[] = []
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let count = 0; count < 100; count++) {
    const { from, to, lang, key, newkey, digest } = parseBody(request.toString())
    values.push(from, to, lang, key, newkey, digest)
  }
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000)
  expect(values).toHaveLength(600)
})

describe('a request', () => {
  test.each(names)('is read as cases/bodies/expected.json expects: %s.xml', name => {
    const xml = read(`${name}.xml`)
    const { digest, text, ...parsed } = { digest: undefined, text: undefined, ...tryToParse(xml) }
    // JSON has no undefined, so fields that the case omits must be undefined.
    expect(parsed).toEqual(expected[name])
    if (!('rid' in parsed)) return
    expect(text).toBe(xml)
    expect(digest).toBe(createHash('sha256').update(xml).digest('binary'))
  })

  test('is parsed alike after any other request, also after a rejected one', () => {
    const all = names.map(name => {
      const xml = read(`${name}.xml`)
      return { xml, alone: tryToParse(xml) }
    })
    const others = all.flatMap(first =>
      all.filter(({ xml, alone }) => {
        tryToParse(first.xml)
        return !isDeepStrictEqual(tryToParse(xml), alone)
      }),
    )
    expect(others).toEqual([])
  })

  test('that is cut anywhere is refused, and the next request is parsed', () => {
    const whole = body("<message to='a@b'><body>ü&amp;</body></message><iq/>", " rid='1' sid='s'")
    const parsed = parseBody(whole)
    for (let length = 0; length < whole.length; length++) {
      expect(tryToParse(whole.slice(0, length))).toEqual({ refused: expect.any(String) })
      expect(parseBody(whole)).toEqual(parsed)
    }
  })

  test('has at most 5,000 children', () => {
    expect(parseBody(body('<presence/>'.repeat(5_000))).payload).toHaveLength(5_000)
    expect(tryToParse(body('<presence/>'.repeat(5_001)))).toEqual({ refused: 'policy-violation' })
    expect(parseBody(body('<presence/>'.repeat(5_000))).payload).toHaveLength(5_000)
    // Only the children of the body count, not their children.
    expect(parseBody(body(`<x>${'<y/>'.repeat(1000)}</x>`)).payload).toHaveLength(1)
  })

  test.each([
    ['a namespace', "xmlns:p='", 'u'],
    ['a namespace of quotes', 'xmlns:p="', "'"],
    ['a namespace of references', "xmlns:p='", '&lt;'],
  ])('is rejected if all its children would inherit a long declaration: %s', (_what, start, piece) => {
    const end = start.at(-1)!
    const many = '<p:a/>'.repeat(5_000)
    expect(parseBody(body('<p:a/>', ` ${start}${'u'.repeat(400)}${end}`)).payload).toHaveLength(1)
    // Without the limit, 250 kB would become a gigabyte.
    const long = piece.repeat(250_000 / piece.length)
    expect(tryToParse(body(many, ` ${start}${long}${end}`))).toEqual({ refused: 'policy-violation' })
    const declarations = Array.from({ length: 40 }, (_, index) => ` xmlns:p${index}='urn:namespace:${index}'`)
    expect(tryToParse(body('', declarations.join('')))).toEqual({ refused: 'policy-violation' })
  })

  test('has a payload of at most four times its own length', () => {
    const children = (text: string) => body(text.repeat(1000), ` xmlns:p='${'u'.repeat(64)}'`)
    expect(parseBody(children("<p:a to='juliet@capulet.example'/>")).payload).toHaveLength(1000)
    expect(tryToParse(children('<p:a/>'))).toEqual({ refused: 'policy-violation' })
    expect(tryToParse(children('<p:ä/>'))).toEqual({ refused: 'policy-violation' })
  })

  test.each(['<p:a/>', '<p:é/>'])('is rejected for inherited declarations before %s is copied many times', child => {
    const text = body(child.repeat(4_990), ` xmlns:p='${'&amp;'.repeat(460)}'`)
    const steps = countSteps(() => expect(tryToParse(text)).toEqual({ refused: 'policy-violation' }))
    expect(steps).toBeLessThan(2 * text.length)
  })

  test('is rejected if the children of a child would inherit a long declaration', () => {
    const child = (length: number) => body(`<iq xmlns='u' xmlns:p='${'n'.repeat(length - 2)}'><p:a/></iq>`)
    expect(parseBody(child(512)).payload).toHaveLength(1)
    expect(tryToParse(child(513))).toEqual({ refused: 'policy-violation' })
  })
})

test.each([
  ['rid', '1', 1],
  ['rid', '0', Number.NaN],
  ['rid', '9007199254740991', 9007199254740991],
  ['rid', '9007199254740992', Number.NaN],
  ['rid', '', Number.NaN],
  ['rid', '1.5', Number.NaN],
  ['rid', '0x10', Number.NaN],
  ['rid', '١', Number.NaN],
  ['wait', '0', 0],
  ['wait', '65536', 65535],
  ['wait', '9'.repeat(400), 65535],
  ['wait', `${'0'.repeat(400)}60`, 60],
  ['wait', 'sixty', Number.NaN],
  ['wait', `${'9'.repeat(100)}x`, Number.NaN],
  ['hold', '256', 255],
  ['ack', '9007199254740992', Number.NaN],
  ['pause', '65535', 65535],
  ['pause', '65536', Number.NaN],
  // Zero is invalid, although the schema allows it.
  ['pause', '0', Number.NaN],
] as const)('the number %s=%j is %p', (name, text, value) => {
  expect(parseBody(body('', ` ${name}='${text}'`))[name]).toBe(value)
})

test.each(['from', 'key', 'newkey', 'xml:lang'])('a %s may be as long as a JID, and no longer', name => {
  expect(() => parseBody(body('', ` ${name}='${'a'.repeat(3071)}'`))).not.toThrow()
  expect(() => parseBody(body('', ` ${name}='${'a'.repeat(3072)}'`))).toThrow(XmlError)
})

test('a boolean is read as XML Schema writes it', () => {
  const restart = (text: string) => parseBody(body('', ` xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='${text}'`)).restart
  expect(['1', '0', 'True'].map(restart)).toEqual([true, false, undefined])
})

describe('a reply', () => {
  test('declares the stream prefix if it has an element of the stream', () => {
    const declared = `xmlns='${boshNamespace}' xmlns:stream='${streamsNamespace}'`
    expect(writeBody(" sid='1'", '<stream:features/>', true)).toBe(
      `<body sid='1' ${declared}><stream:features/></body>`,
    )
    expect(writeBody('', "<a xmlns='urn:a'/>")).toBe(body("<a xmlns='urn:a'/>"))
  })

  test('that ends a session contains the reason', () => {
    expect(writeTerminate(undefined)).toBe(ended)
    expect(writeTerminate('item-not-found')).toBe(terminated('item-not-found'))
    const streamError = `<stream:error xmlns:stream='${streamsNamespace}'><conflict xmlns='urn:x'/></stream:error>`
    const { terminate, payload } = parseBody(writeTerminate('remote-stream-error', streamError))
    expect(terminate).toBe(true)
    expect(payload).toEqual([{ name: 'error', namespace: streamsNamespace, text: streamError }])
  })

  test('has attributes that are read back unchanged, whatever they contain', () => {
    const text = anyText.map(removeForbidden)
    fc.assert(
      fc.property(text, text, text, (sid, from, message) => {
        const payload = `<message xmlns='jabber:client'${attribute('id', message)}/>`
        const xml = writeBody(attribute('sid', sid) + attribute('from', from) + attribute('wait', 60), payload)
        const read = parseBody(xml)
        expect([read.sid, read.from, read.wait]).toEqual([sid, from, 60])
        expect(read.payload).toEqual([{ name: 'message', namespace: 'jabber:client', text: payload }])
      }),
      { seed: 20261120, numRuns: 500 },
    )
    expect(attribute('sid', undefined)).toBe('')
  })
})

test.each([
  ["<body rid='7' sid='abc'", { sid: 'abc', rid: 7 }],
  ['<body sid="abc" rid="7" xmlns="x"><message/>', { sid: 'abc', rid: 7 }],
  ["<?xml version='1.0'?>\n<body\n\tsid = 'abc'\n rid='7'>", { sid: 'abc', rid: 7 }],
  ["<body to='a>b' xmpp:restart='true' sid='abc'/>", { sid: 'abc', rid: undefined }],
  ["<body rid='seven' sid='abc'>", { sid: 'abc', rid: undefined }],
  ["<body rid='12345678901234567' sid='abc'>", { sid: 'abc', rid: undefined }],
  ["<body rid='7' sid='ab", { sid: undefined, rid: 7 }],
  ["<body rid='7'><message sid='abc'/>", { sid: undefined, rid: 7 }],
  ["<body rid='7' x=\"sid='abc'\">", { sid: undefined, rid: 7 }],
  ["<bodysid='abc'>", { sid: undefined, rid: undefined }],
  ["<body rid='7' broken sid='abc'>", { sid: undefined, rid: 7 }],
  ['', { sid: undefined, rid: undefined }],
])('the head of %j has %j', (head, told) => {
  expect(readBodyHead(head)).toEqual(told)
})
