import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { prune } from '../../../src/xmpp/xml/prune.js'
import { type Meaning, meaning, randomStream } from './random-stream.js'

describe('an element without unwanted children', () => {
  const without = (name: string, xml: string) => prune(xml, branch => branch.name === name)

  test.each([
    ['at the beginning, in the middle and at the end', '<r><x/>1<x></x>2<x a="1">3</x></r>', '<r>12</r>'],
    ['at any depth', '<r><a><b><x/></b><x/></a></r>', '<r><a><b></b></a></r>'],
    ['with all it contains', '<r><x><x/><a><x/></a></x><b/></r>', '<r><b/></r>'],
    ['but not if it is one itself', '<x><a/></x>', '<x><a/></x>'],
    ['selected by local name', '<r xmlns:p="urn:p"><p:x/><p:y/></r>', '<r xmlns:p="urn:p"><p:y/></r>'],
    ['but not similar text or names', '<r a="x">x<![CDATA[<x/>]]>&lt;x/&gt;<xx/></r>', undefined],
    ['after an attribute that contains the end of a tag', '<r><a b="/>"/><x c=">"/></r>', '<r><a b="/>"/></r>'],
  ])('loses unwanted elements %s', (_where, xml, expected) => {
    expect(without('x', xml)).toBe(expected ?? xml)
  })

  test('is selected by its namespace and its own text', () => {
    const asked: object[] = []
    prune("<r xmlns='urn:r'> <a>1<b xmlns='urn:b'>2</b><![CDATA[3]]>&amp;</a></r>", branch => {
      asked.push(branch)
      return false
    })
    expect(asked).toEqual([
      { name: 'b', namespace: 'urn:b', content: '2' },
      { name: 'a', namespace: 'urn:r', content: '13&' },
    ])
  })

  test('has the same meaning as before, without the removed elements', () => {
    const isUnwanted = (name: string) => /}(body|x|é)$/.test(name)
    const shorten = ({ name, attributes, content }: Meaning): Meaning => {
      const kept: (string | Meaning)[] = []
      for (const part of content) {
        if (typeof part !== 'string') {
          if (!isUnwanted(part.name)) kept.push(shorten(part))
        } else if (typeof kept.at(-1) === 'string') kept[kept.length - 1] += part
        else kept.push(part)
      }
      return { name, attributes, content: kept }
    }
    fc.assert(
      fc.property(
        randomStream.map(xml => (xml.endsWith('</s:stream>') ? xml : `${xml}</s:stream>`)),
        xml => {
          const pruned = prune(xml, ({ name, namespace }) => isUnwanted(`{${namespace}}${name}`))
          expect(meaning(pruned)).toEqual(meaning(xml).map(shorten))
        },
      ),
      { seed: 20261120, numRuns: 1000 },
    )
  })
})
