import { describe, expect, test } from '@jest/globals'
import { documentReader } from '../../../src/xmpp/xml/document.js'
import { defaultLimits } from '../../../src/xmpp/xml/limits.js'
import { header, read } from './reading.js'

const own = (prefix: string) => ` xmlns:${prefix}='urn:undeclared-prefix:${prefix}'`

const streams = 'http://etherx.jabber.org/streams'

describe('stream elements inside stanzas, which browsers would obey,', () => {
  const misplaced = 'urn:misplaced-stream-element'
  test.each([
    [`<message><error xmlns='${streams}'/></message>`, `<message><error xmlns='${misplaced}'/></message>`],
    [
      `<presence><x xmlns='urn:x'><s:error xmlns:s="${streams}"><conflict/></s:error></x></presence>`,
      `<presence><x xmlns='urn:x'><s:error xmlns:s="${misplaced}"><conflict/></s:error></x></presence>`,
    ],
    [
      `<iq xmlns:s='${streams}'><forwarded><s:error/></forwarded></iq>`,
      `<iq xmlns:s='${misplaced}'><forwarded><s:error/></forwarded></iq>`,
    ],
    ['<message><stream:error/></message>', `<message xmlns:stream='${misplaced}'><stream:error/></message>`],
    [
      `<c:message xmlns:c='jabber:client' xmlns='${streams}'><error/></c:message>`,
      `<c:message xmlns:c='jabber:client' xmlns='${misplaced}'><error/></c:message>`,
    ],
    [
      '<message><stream:error/><p:e/></message>',
      `<message xmlns:stream='${misplaced}'${own('p')}><stream:error/><p:e/></message>`,
    ],
  ])('get another namespace: %s', (text, mended) => {
    const expected = mended.replace(/^<(message|presence|iq)/, "<$1 xmlns='jabber:client'")
    for (const size of [Number.POSITIVE_INFINITY, 1, 7]) {
      const { texts, fault, fates } = read(`${header}<a/>${text}<b/>`, { lenient: true, size })
      expect([fault, fates, texts[1], texts.length]).toEqual([undefined, ['mended'], expected, 3])
    }
  })

  test('cause the stanza to be dropped if the namespace has references', () => {
    const { texts, fates } = read(`${header}<message><error xmlns='${streams.replace('s', '&#115;')}'/></message>`, {
      lenient: true,
    })
    expect([fates, texts]).toEqual([['dropped'], []])
  })

  test.each([
    `<message xmlns:stream='${streams}'><body>xmlns='${streams}' &lt;stream:error/></body></message>`,
    `<message xmlns:s='${streams}' s:error='${streams}'><body/></message>`,
    `<features xmlns='${streams}'><error xmlns='${streams}'/><stream:error/></features>`,
  ])('are distinguished from text, attributes and real stream elements: %s', text => {
    const { texts, fates } = read(header + text, { lenient: true })
    expect([fates, texts.length]).toEqual([[], 1])
    expect(texts[0]).toContain(text.slice(text.indexOf('>')))
  })
})

describe('elements of a server that break namespace rules', () => {
  test.each([
    ["<message><e xmlns='urn:p' p:k='1'/></message>", `<message${own('p')}><e xmlns='urn:p' p:k='1'/></message>`],
    ['<message><p:e><q:f/></p:e></message>', `<message${own('p')}${own('q')}><p:e><q:f/></p:e></message>`],
    ["<message p:k='1'/>", `<message${own('p')} p:k='1'/>`],
    ["<message><p:e xmlns:p='urn:p'/><p:f/></message>", `<message${own('p')}><p:e xmlns:p='urn:p'/><p:f/></message>`],
    ["<message p:k='1' q:k='2'/>", `<message${own('p')}${own('q')} p:k='1' q:k='2'/>`],
    [
      "<message stream:k='2'><e p:k='1'/></message>",
      `<message xmlns:stream='http://etherx.jabber.org/streams'${own('p')} stream:k='2'><e p:k='1'/></message>`,
    ],
  ])('get an invented namespace for the prefix: %s', (text, mended) => {
    const expected = mended.replace('<message', "<message xmlns='jabber:client'")
    for (const size of [Number.POSITIVE_INFINITY, 1, 7]) {
      const { texts, fault, fates } = read(`${header}<a/>${text}<b/>`, { lenient: true, size })
      expect([fault, fates, texts[1], texts.length]).toEqual([undefined, ['mended'], expected, 3])
    }
  })

  test.each([
    "<message><e xmlns:p=''/></message>",
    "<message xmlns:p='urn:p' xmlns:q='urn:p' p:k='1' q:k='2'/>",
    "<message><e xmlns:xml='urn:p'/></message>",
    "<message><e xmlns:xmlns='urn:p'/></message>",
    "<message><e xmlns:p='http://www.w3.org/2000/xmlns/'/></message>",
    "<message><e xmlns='http://www.w3.org/XML/1998/namespace'/></message>",
    '<message><a:b:c/></message>',
    '<message><:c/></message>',
    "<message><e a:='1'/></message>",
    '<xmlns:message/>',
    "<message k='1' k='2'/>",
    `<message>${Array.from({ length: 65 }, (_, index) => `<p${index}:e/>`).join('')}</message>`,
  ])('are dropped if no namespace can repair them: %s', text => {
    for (const size of [Number.POSITIVE_INFINITY, 1, 7]) {
      const { elements, fault, fates } = read(`${header}<a/>${text}<b/>`, { lenient: true, size })
      expect([fault, fates, elements.map(({ name }) => name)]).toEqual([undefined, ['dropped'], ['a', 'b']])
    }
  })

  test('end the stream if the stream itself is wrong, or the XML', () => {
    expect(read("<p:stream xmlns='jabber:client'>", { lenient: true }).fault).toBe('not-well-formed')
    expect(read("<stream p:k='1'>", { lenient: true }).fault).toBe('not-well-formed')
    expect(read(`${header}<p:e></q:e>`, { lenient: true }).fault).toBe('not-well-formed')
    expect(read(`${header}<p:e xmlns:p=''></p:f>`, { lenient: true }).fault).toBe('not-well-formed')
  })

  test('are reported once, and later elements are not affected', () => {
    const text = "<m><p:e/></m><m xmlns:p='urn:p'><p:e/></m><m><a:b:c/></m><m/><m xmlns:p='urn:q' p:k=''/>"
    const { fates, texts } = read(header + text, { lenient: true })
    expect(fates).toEqual(['mended', 'dropped'])
    expect(texts.slice(1)).toEqual([
      "<m xmlns='jabber:client' xmlns:p='urn:p'><p:e/></m>",
      "<m xmlns='jabber:client'/>",
      "<m xmlns='jabber:client' xmlns:p='urn:q' p:k=''/>",
    ])
  })

  test('cost no more after many faults', () => {
    const pieces = ["<x ::='' a:b:='' ::=''/>", '<a:b:/>', "<e xmlns:p=''/>", "<e a='' a='' a=''/>"]
    for (const piece of pieces) {
      const text = `<message>${piece.repeat(20_000)}</message>`
      for (const size of [Number.POSITIVE_INFINITY, 1000]) {
        const { fates, elements, fault } = read(`${header}<a/>${text}<b/>`, { lenient: true, size })
        expect([fault, fates, elements.length]).toEqual([undefined, ['dropped'], 2])
      }
    }
  })

  test('are rejected from a client', () => {
    expect(read(`${header}<message><p:e/></message>`).fault).toBe('not-well-formed')
  })

  test('are reported for a document too', () => {
    const reader = documentReader(defaultLimits, { lenient: true })
    const { children, unfit } = reader('<r><p:a/><b/><a:b:c/></r>')
    expect(children.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(unfit).toEqual([{ fate: 'mended' }, { fate: 'dropped' }])
    expect(reader('<r><b/></r>').unfit).toEqual([])
  })
})
