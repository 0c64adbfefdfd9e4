import { describe, expect, test } from '@jest/globals'
import { header, read } from './reading.js'

const streams = 'http://etherx.jabber.org/streams'

/** A server's stream continues without the element. */
function isDropped(text: string): void {
  for (const size of [Number.POSITIVE_INFINITY, 1, 7]) {
    const { elements, fault, drops } = read(`${header}<a/>${text}<b/>`, { lenient: true, size })
    expect([fault, drops, elements.map(({ name }) => name)]).toEqual([undefined, 1, ['a', 'b']])
  }
}

describe('stream elements inside stanzas, which browsers would obey,', () => {
  test.each([
    `<message><error xmlns='${streams}'/></message>`,
    `<message><error xmlns='${streams.replace('s', '&#115;')}'/></message>`,
    `<presence><x xmlns='urn:x'><s:error xmlns:s="${streams}"><conflict/></s:error></x></presence>`,
    `<iq xmlns:s='${streams}'><forwarded><s:error/></forwarded></iq>`,
    '<message><stream:error/></message>',
    `<c:message xmlns:c='jabber:client' xmlns='${streams}'><error/></c:message>`,
  ])('cause the stanza to be dropped: %s', isDropped)

  test.each([
    `<message xmlns:stream='${streams}'><body>xmlns='${streams}' &lt;stream:error/></body></message>`,
    `<message xmlns:s='${streams}' s:error='${streams}'><body/></message>`,
    `<features xmlns='${streams}'><error xmlns='${streams}'/><stream:error/></features>`,
  ])('are distinguished from text, attributes and real stream elements: %s', text => {
    const { texts, drops } = read(header + text, { lenient: true })
    expect([drops, texts.length]).toEqual([0, 1])
    expect(texts[0]).toContain(text.slice(text.indexOf('>')))
  })
})

describe('elements of a server that break namespace rules', () => {
  test.each([
    "<message><e xmlns='urn:p' p:k='1'/></message>",
    '<message><p:e><q:f/></p:e></message>',
    "<message p:k='1'/>",
    "<message><p:e xmlns:p='urn:p'/><p:f/></message>",
    "<message><p:e xmlns:p='urn:p'><f/></p:e><f><p:f/></f></message>",
    "<message><e xmlns:p=''/></message>",
    "<message xmlns:p='urn:p' xmlns:q='urn:p' p:k='1' q:k='2'/>",
    "<message xmlns:p='urn:p' xmlns:q='urn:&#112;'><e p:k='1' q:k='2'/></message>",
    "<message><e xmlns:xml='urn:p'/></message>",
    "<message><e xmlns:xmlns='urn:p'/></message>",
    "<message><e xmlns:p='http://www.w3.org/2000/xmlns/'/></message>",
    "<message><e xmlns:p='http://www.w3.org/XML/1998/namespace'/></message>",
    "<message><e xmlns='http://www.w3.org/XML/1998/namespace'/></message>",
    "<message><e xmlns='http://www.w3.org/2000/xmlns/'/></message>",
    '<message><a:b:c/></message>',
    '<message><:c/></message>',
    "<message xmlns:a='urn:a'><a:1/></message>",
    "<message><e a:='1'/></message>",
    '<xmlns:message/>',
    "<message k='1' k='2'/>",
    `<message>${Array.from({ length: 65 }, (_, index) => `<p${index}:e/>`).join('')}</message>`,
  ])('are dropped: %s', isDropped)

  test('end the stream if the stream itself is wrong, or the XML, and the stream of a client', () => {
    expect(read("<p:stream xmlns='jabber:client'>", { lenient: true }).fault).toBe('not-well-formed')
    expect(read("<stream p:k='1'>", { lenient: true }).fault).toBe('not-well-formed')
    expect(read(`${header}<p:e></q:e>`, { lenient: true }).fault).toBe('not-well-formed')
    expect(read(`${header}<p:e xmlns:p=''></p:f>`, { lenient: true }).fault).toBe('not-well-formed')
    expect(read(`${header}<message><p:e/></message>`).fault).toBe('not-well-formed')
  })

  test('are reported once, and later elements are not affected', () => {
    const text = "<m><p:e/><p:e/></m><m xmlns:p='urn:p'><p:e/></m><m><a:b:c/></m><m/><m xmlns:p='urn:q' p:k=''/>"
    const { drops, texts } = read(header + text, { lenient: true })
    expect(drops).toBe(2)
    expect(texts).toEqual([
      "<m xmlns='jabber:client' xmlns:p='urn:p'><p:e/></m>",
      "<m xmlns='jabber:client'/>",
      "<m xmlns='jabber:client' xmlns:p='urn:q' p:k=''/>",
    ])
  })
})
