// Compares the reader with saxes, and streams in pieces with whole streams.
//   USUAL_CASES  number of documents and of streams (400, or 5000 in all tests)
//   USUAL_SEED   (20261120)
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { documentReader } from '../../../src/xmpp/xml/document.js'
import { defaultLimits } from '../../../src/xmpp/xml/limits.js'
import { XmlError } from '../../../src/xmpp/xml/xml-error.js'
import { judge } from '../../fuzz/oracle.js'
import { casesOf } from '../../support/matrix.js'
import { numberFrom } from '../../support/random.js'
import { nearlyUsualDocument, nearlyUsualStream } from './nearly-usual.js'
import { cut, meaning, randomCuts } from './random-stream.js'
import { Reading } from './reading.js'

const parameters = {
  seed: numberFrom('USUAL_SEED', 20261120),
  numRuns: numberFrom('USUAL_CASES', casesOf(400, 5000)),
}
const time = 60_000 + 2 * parameters.numRuns

const reader = documentReader(defaultLimits, { maxGrowth: Number.POSITIVE_INFINITY })

/** Undefined if it is refused. */
function readDocument(xml: string) {
  try {
    return reader(xml)
  } catch (error) {
    if (!(error instanceof XmlError)) throw error
    return undefined
  }
}

/** Returns whether it is refused. */
function isRead(xml: string): boolean {
  const { refused, hasSpaceReference } = judge(xml)
  const document = readDocument(xml)
  if (document === undefined) {
    if (!hasSpaceReference) expect({ xml, refused }).not.toEqual({ xml, refused: undefined })
    return false
  }
  expect({ xml, refused }).toEqual({ xml, refused: undefined })
  const [whole] = meaning(xml.replace('1.1', '1.0'))
  const { root, children } = document
  expect(`{${root.namespace}}${root.name}`).toBe(whole!.name)
  expect(children.map(({ text }) => meaning(text)[0])).toEqual(whole!.content.filter(part => typeof part !== 'string'))
  return true
}

function readStream(chunks: readonly Buffer[], lenient: boolean): Reading {
  const reading = new Reading({ lenient })
  for (const chunk of chunks) if (reading.fault === undefined) reading.write(chunk)
  return reading
}

describe('XML that differs little from usual XML', () => {
  test(
    'is parsed as saxes parses it, as a document',
    () => {
      let refused = 0
      fc.assert(
        fc.property(nearlyUsualDocument, xml => {
          if (!isRead(xml.toWellFormed())) refused += 1
        }),
        parameters,
      )
      expect(refused).toBeGreaterThan(parameters.numRuns / 5)
      expect(refused).toBeLessThan((parameters.numRuns * 4) / 5)
    },
    time,
  )

  test(
    'is parsed as a whole, as a stream in any pieces',
    () => {
      fc.assert(
        fc.property(nearlyUsualStream, randomCuts, fc.boolean(), (xml, cuts, lenient) => {
          const bytes = Buffer.from(xml)
          const whole = readStream([bytes], lenient)
          const pieces = readStream(cut(bytes, cuts), lenient)
          const { elements, drops, closed, fault } = whole
          // In pieces, another fault may be found, or the fault may be found later.
          if (fault === undefined) expect({ ...pieces, splitter: 0 }).toEqual({ ...whole, splitter: 0 })
          else expect([pieces.elements, pieces.drops, pieces.closed]).toEqual([elements, drops, closed])
        }),
        parameters,
      )
    },
    time,
  )
})

describe('each file in cases/', () => {
  const cases = ['bodies', 'clients', 'servers', 'streams'].flatMap(folder => {
    const place = new URL(`../../cases/${folder}/`, import.meta.url)
    const files = readdirSync(place).filter(file => file.endsWith('.xml'))
    return files.map(file => [`${folder}/${file}`, readFileSync(new URL(file, place), 'utf8')] as const)
  })

  test.each(cases)('is parsed as saxes parses it: %s', (_file, xml) => {
    isRead(xml)
  })
})
