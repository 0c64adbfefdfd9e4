import { describe, expect, test } from '@jest/globals'
import { header, read } from './reading.js'

const sizes = [Number.POSITIVE_INFINITY, 1, 2, 5]

describe('a CDATA section', () => {
  test.each([
    '<a><![CDATA[]]></a>',
    '<a><![CDATA[</a>]]></a>',
    '<a><![CDATA[<![CDATA[]]>]]&gt;</a>',
    '<a><![CDATA[]]]]]]></a>',
    '<a>]]<![CDATA[x]]>></a>',
    '<a><![CDATA[<!-- <?x ?> ]]&amp;]]><b/><![CDATA[\ud7ff\ue000\ufffdü😀\t\r\n]]></a>',
  ])('is sent unchanged: %s', text => {
    for (const size of sizes) {
      const { fault, texts } = read(`${header}${text}<b/>`, { size })
      expect([fault, texts[0], texts.length]).toEqual([undefined, text.replace('<a', "<a xmlns='jabber:client'"), 2])
    }
  })

  test.each([
    ['in a value', "<a b='<![CDATA[x]]>'/>"],
    ['in another value', '<a b="<![CDATA[x]]>"/>'],
    ['in a reference', '<a>&amp<![CDATA[;]]></a>'],
    ['in a reference in a value', "<a b='&amp<![CDATA[;]]>'/>"],
    ['in a numeric reference', '<a>&#65<![CDATA[x]]>;</a>'],
    ['in a name', '<a<![CDATA[x]]>/>'],
    ['in the name of an attribute', "<a b<![CDATA[x]]>='c'/>"],
    ['before a value', "<a b=<![CDATA[x]]>'c'/>"],
    ['after a value', "<a b='c'<![CDATA[x]]>/>"],
    ['in a tag', '<a <![CDATA[x]]>/>'],
    ['in an end tag', '<a></<![CDATA[x]]>a>'],
    ['after the name of an end tag', '<a></a<![CDATA[x]]>>'],
    ['after a bracket', '<a><<![CDATA[x]]></a>'],
    ['with a control character', '<a><![CDATA[\x01]]></a>'],
    ['with a noncharacter', '<a><![CDATA[\uffff]]></a>'],
  ])('is rejected %s', (_where, text) => {
    for (const size of sizes) expect(read(`${header}${text}<b/>`, { size }).fault).toBe('not-well-formed')
  })

  test('is rejected in an XML declaration', () => {
    for (const size of sizes) expect(read(`<?xml <![CDATA[version='1.0']]>?>${header}`, { size }).fault).toBeDefined()
  })
})

test.each(['<!-- x', '<!x', '<?x', '<!DOCTYPE a [', '<?xml version="1.0"?>'])(
  'XML that XMPP forbids is rejected where it begins, after earlier elements: %s',
  text => {
    for (const size of sizes) {
      const { fault, elements } = read(`${header}<a/>${text}`, { size })
      expect([fault, elements.length]).toEqual(['restricted-xml', 1])
    }
  },
)
