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

describe('characters that no document may contain', () => {
  test.each([
    ['control characters', 'a\0\x01\x08\x0b\x0c\x0e\x1fb', 'ab'],
    ['noncharacters', 'a\ufffe\uffffb', 'ab'],
  ])('are removed: %s', (_what, value, expected) => {
    expect(removeForbidden(value)).toBe(expected)
  })

  test('are replaced if they are half a surrogate pair', () => {
    expect(removeForbidden('a\ud83db\ude00c😀')).toBe('a\ufffdb\ufffdc😀')
  })

  test('do not include white space and characters beyond ASCII', () => {
    expect(removeForbidden('\t\n\r \x7f\x85\ufffd\u{10ffff}')).toBe('\t\n\r \x7f\x85\ufffd\u{10ffff}')
  })
})
