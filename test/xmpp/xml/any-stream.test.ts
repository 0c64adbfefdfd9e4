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

describe('any damaged stream', () => {
  const damage = fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.constantFrom(
          '<',
          '>',
          '/>',
          '</',
          '&',
          '&#',
          ';',
          ']]>',
          '<![CDATA[',
          '<!--',
          '-->',
          '<?x ',
          '?>',
          "'",
          '"',
        ),
        fc.constantFrom(
          '=',
          ' ',
          '\r',
          '\n',
          ':',
          'xmlns=""',
          ' xmlns:a="urn:q"',
          '<a>',
          '</a>',
          '</s:stream>',
          '<!DOCTYPE x [',
        ),
        fc.uint8Array({ maxLength: 3 }),
      ),
    }),
    { minLength: 1, maxLength: 3 },
  )

  function damaged(xml: string, blows: readonly { at: number; remove: number; insert: string | Uint8Array }[]) {
    let bytes = Buffer.from(xml)
    for (const { at, remove, insert } of blows) {
      const place = Math.floor(at * bytes.length)
      bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(insert as string), bytes.subarray(place + remove)])
    }
    return bytes
  }

  test('fails only with an XmlError, and only whole elements are returned', () => {
    fc.assert(
      fc.property(randomStream, damage, randomCuts, (xml, blows, cuts) => {
        const bytes = damaged(xml, blows)
        const whole = readAll([bytes])
        const inPieces = readAll(cut(bytes, cuts))
        expect(inPieces.fault === undefined).toBe(whole.fault === undefined)
        if (whole.fault === undefined) expect(inPieces.elements).toEqual(whole.elements)
        else expect(inPieces.elements.slice(0, whole.elements.length)).toEqual(whole.elements)
        for (const { name, namespace, text } of inPieces.elements) {
          const document = meaning(text)
          expect(document).toHaveLength(1)
          expect(document[0]!.name).toBe(`{${namespace}}${name}`)
        }
      }),
      { ...parameters, numRuns: casesOf(400, 3000) },
    )
  })
})
