import { describe, expect, test } from '@jest/globals'
import { SaxesParser } from 'saxes'
import { escapeCarriageReturns } from '../../../src/xmpp/xml/carriage-returns.js'
import { header, read } from './reading.js'

describe('a carriage return that a server sends', () => {
  test.each([
    ['<a>x\r\ny\r</a>', '<a>x&#13;\ny&#13;</a>'],
    ["<a b='\rc' d=\"e\r'\r\"/>", "<a b='&#13;c' d=\"e&#13;'&#13;\"/>"],
    ["<a\rb='c'\r\n\td='>\r'\r>\r</a\r>", "<a\rb='c'\r\n\td='>&#13;'\r>&#13;</a\r>"],
    [
      '<a>\r<![CDATA[x\r\r"<y>&]]>\r\'<![CDATA[]]>]<b c=">\r"/></a>',
      '<a>&#13;x&#13;&#13;"&lt;y&gt;&amp;&#13;\']<b c=">&#13;"/></a>',
    ],
    ['<a>é\r<![CDATA[]]]]>></a>', '<a>é&#13;&#93;&#93;></a>'],
    ['<a>no return</a>', '<a>no return</a>'],
  ])('in %j becomes %j', (text, expected) => {
    expect(escapeCarriageReturns(text)).toBe(expected)
    const lenient = read(header + text, { lenient: true })
    expect([lenient.fault, lenient.texts]).toEqual([undefined, [expected.replace('<a', "<a xmlns='jabber:client'")]])
    for (const size of [1, 3]) expect(read(header + text, { lenient: true, size }).texts).toEqual(lenient.texts)
  })

  test('reaches the client unchanged', () => {
    const said: string[] = []
    const parser = new SaxesParser()
    parser.on('text', text => said.push(text))
    parser.on('cdata', text => said.push(text))
    const [text] = read(`${header}<a>x\r\ny<![CDATA[\r<]]></a>`, { lenient: true }).texts
    parser.write(text!).close()
    expect(said.join('')).toBe('x\r\ny\r<')
  })

  test('is kept between elements, and in stanzas of clients', () => {
    expect(read(`${header}\r\n<a/>\r<b/>\r`, { lenient: true }).elements).toHaveLength(2)
    expect(read(`${header}<a>\r</a>`).texts).toEqual(["<a xmlns='jabber:client'>\r</a>"])
  })
})
