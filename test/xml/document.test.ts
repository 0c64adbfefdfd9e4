import { describe, expect, test } from '@jest/globals'
import { DocumentReader, readElement } from '../../src/xml/document.js'
import { defaultLimits } from '../../src/xml/scanner.js'
import { isCollected } from '../support/collected.js'

describe('an element that is read by itself', () => {
  test('may have text beside its children', () => {
    const { root, children } = readElement(
      "<m xmlns='u' a='1'>text &lt;<b c='>'/>\n more <![CDATA[<x>]]><d>e</d> end</m>",
    )
    expect(root).toMatchObject({ name: 'm', namespace: 'u' })
    expect(root.attribute('a')).toBe('1')
    expect(children.map(({ text }) => text)).toEqual(["<b xmlns='u' c='>'/>", "<d xmlns='u'>e</d>"])
  })

  test('may have nothing but text', () => {
    expect(readElement("<m xmlns='u'>text</m>").children).toEqual([])
  })
})

describe('a reader of documents', () => {
  const reader = new DocumentReader(defaultLimits)

  test('refuses text between elements', () => {
    expect(() => reader.read('<m>text<b/></m>')).toThrow('text between elements')
  })

  test.each(['<m>', '<m></n>', '', '<m/><n/>', '<m/>x'])(
    'refuses «%s», and reads on as if nothing had been',
    text => {
      expect(() => reader.read(text)).toThrow()
      expect(reader.read('<m><b/></m>').children).toEqual([
        { name: 'b', namespace: '', text: "<b xmlns=''/>" },
      ])
    },
  )

  test('keeps nothing of what it has read: a password may be in it', async () => {
    const read = () => {
      const { root, children } = reader.read("<m xmlns='urn:example:m'><auth>secret</auth></m>")
      return [new WeakRef(root), new WeakRef(children[0]!)]
    }
    for (const part of read()) expect(await isCollected(part)).toBe(true)
  })
})
