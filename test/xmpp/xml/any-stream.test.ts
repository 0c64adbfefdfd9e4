import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { casesOf } from '../../support/matrix.js'
import { cut, meaning, randomCuts, randomStream } from './random-stream.js'
import { Reading } from './reading.js'

const parameters = { seed: 20261120, numRuns: casesOf(100, 1000) }

function readAll(chunks: readonly Buffer[]): Reading {
  const reading = new Reading()
  for (const chunk of chunks) reading.write(chunk)
  return reading
}

describe('any well-formed stream', () => {
  test('has the same elements in any pieces', () => {
    fc.assert(
      fc.property(randomStream, randomCuts, (xml, cuts) => {
        const bytes = Buffer.from(xml)
        const whole = readAll([bytes])
        expect(whole.fault).toBeUndefined()
        const inPieces = readAll(cut(bytes, cuts))
        expect(inPieces.fault).toBeUndefined()
        expect(inPieces.elements).toEqual(whole.elements)
        expect(inPieces.closed).toBe(whole.closed)
      }),
      parameters,
    )
  })

  test('has elements with the same meaning alone as in the stream', () => {
    fc.assert(
      fc.property(randomStream, xml => {
        const [stream] = meaning(xml)
        const { elements } = readAll([Buffer.from(xml)])
        const expected = stream!.content.filter(part => typeof part !== 'string')
        expect(elements.map(({ text }) => meaning(text)[0])).toEqual(expected)
        expect(elements.map(({ name, namespace }) => `{${namespace}}${name}`)).toEqual(expected.map(({ name }) => name))
      }),
      parameters,
    )
  })

  test('has elements with the same meaning in another document with other declarations', () => {
    fc.assert(
      fc.property(randomStream, xml => {
        const [stream] = meaning(xml)
        const { elements } = readAll([Buffer.from(xml)])
        const inner = elements.map(({ text }) => text).join('')
        const [around] = meaning(`<body xmlns='urn:body' xmlns:a='urn:z' xmlns:s='urn:z'>${inner}</body>`)
        expect(around!.content).toEqual(stream!.content.filter(part => typeof part !== 'string'))
      }),
      parameters,
    )
  })
})
