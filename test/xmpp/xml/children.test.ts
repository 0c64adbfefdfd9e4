import { describe, expect, test } from '@jest/globals'
import { childrenOf, textOf } from '../../../src/xmpp/xml/document.js'

describe('the children of an element', () => {
  test('have all the declarations that they need', () => {
    expect(childrenOf("<a xmlns='urn:a' xmlns:x='urn:x'><b/> <x:c><d x:e='1'>text</d></x:c></a>")).toEqual([
      { name: 'b', namespace: 'urn:a', text: "<b xmlns='urn:a'/>" },
      { name: 'c', namespace: 'urn:x', text: "<x:c xmlns='urn:a' xmlns:x='urn:x'><d x:e='1'>text</d></x:c>" },
    ])
  })

  test('may be none', () => {
    expect(childrenOf('<a/>')).toEqual([])
    expect(childrenOf('<a> </a>')).toEqual([])
  })
})

describe('the text of an element', () => {
  test.each([
    ["<a xmlns='urn:a'>text</a>", 'text'],
    ['<a></a>', ''],
    ['<a/>', ''],
    ["<a b='c>d'>text</a>", 'text'],
    ["<a b='/'>text</a>", 'text'],
    ["<a b='c>d'/>", ''],
    ['<a>&lt;&#x3d;&amp;</a>', '<=&'],
    ['<a>dj<![CDATA[1]]>TQ=<![CDATA[=]]></a>', 'dj1TQ=='],
    ['<x:a xmlns:x="urn:x">text</x:a>', 'text'],
    ['<a> \n</a>', ' \n'],
  ])('in %s is %j', (xml, text) => {
    expect(textOf(xml)).toBe(text)
  })
})
