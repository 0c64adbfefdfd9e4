import { describe, expect, test } from '@jest/globals'
import { EndFinder } from '../../../src/xmpp/xml/end-finder.js'
import { XmlError } from '../../../src/xmpp/xml/xml-error.js'

/** Returns the end of the first element. `size`: length of the pieces. */
function endOf(text: string, size: number): number | undefined {
  const finder = new EndFinder()
  for (let at = 0; at < text.length; at += size) {
    const end = finder.find(text.slice(at, at + size))
    if (end >= 0) return at + end
  }
  return undefined
}

describe('the end of an incomplete element', () => {
  test.each([
    '<a/>',
    '<a></a >',
    '\r\n <a\n/>',
    '<a><b/><c></c>x</a>',
    "<a k='/>' l=\"'</a>\"/>",
    "<a k='' />",
    "<a k='/'></a>",
    "<a / k='1'></a>",
    '<a><![CDATA[</a>]] >]]]></a>',
    '<a><![CDATA[]]></a>',
    '<a><![CDATA[]>]]]]><b/>]]></a>',
    '<a>x>y/></a>',
    `<a>${'<a>'.repeat(1000)}${'</a>'.repeat(1000)}</a>`,
  ])('is found in any pieces: %s', text => {
    for (const size of [1, 2, 3, 7, text.length]) {
      expect(endOf(`${text} <b/>`, size)).toBe(text.length)
      expect(endOf(text.slice(0, -1), size)).toBeUndefined()
    }
  })

  test.each(['<a><!-- x --></a>', '<a><?x y?></a>', '<a><!DOCTYPE a></a>'])(
    'is not searched after XML that XMPP forbids: %s',
    text => {
      for (const size of [1, 100]) expect(() => endOf(text, size)).toThrow(XmlError)
    },
  )
})
