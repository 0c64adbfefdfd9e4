import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import { escapeXml, removeForbidden } from '../../../src/xmpp/xml/escape.js'
import { anyText } from '../../support/any-text.js'

const parameters = { seed: 20261120, numRuns: 1000 }

function readBack(xml: string): { attributes: string[]; text: string } {
  const seen = { attributes: [] as string[], text: '' }
  const parser = new SaxesParser()
  parser.on('error', error => {
    throw error
  })
  parser.on('attribute', ({ value }) => seen.attributes.push(value))
  parser.on('text', text => {
    seen.text += text
  })
  parser.write(xml).close()
  return seen
}

describe('an escaped value', () => {
  test('contains no markup', () => {
    expect(escapeXml(`&<>"'\n\r\t]]>ü😀`)).toBe('&amp;&lt;&gt;&quot;&apos;&#10;&#13;&#9;]]&gt;ü😀')
    expect(escapeXml('')).toBe('')
  })

  test('is parsed back unchanged, in text and in both kinds of quotes', () => {
    fc.assert(
      fc.property(anyText, value => {
        const clean = removeForbidden(value)
        const escaped = escapeXml(clean)
        expect(readBack(`<a b='${escaped}' c="${escaped}">${escaped}</a>`)).toEqual({
          attributes: [clean, clean],
          text: clean,
        })
      }),
      parameters,
    )
  })
})

test.each([
  ['removes control characters', 'a\0\x01\x08\x0b\x0c\x0e\x1fb', 'ab'],
  ['removes noncharacters', 'a\ufffe\uffffb', 'ab'],
  ['replaces half a surrogate pair', 'a\ud83db\ude00c😀', 'a\ufffdb\ufffdc😀'],
  ['keeps all others', '\t\n\r \x7f\x85\ufffd\u{10ffff}', '\t\n\r \x7f\x85\ufffd\u{10ffff}'],
])('of characters that no document may contain, a text %s', (_what, value, expected) => {
  expect(removeForbidden(value)).toBe(expected)
})
