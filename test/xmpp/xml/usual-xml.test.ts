// What is read in one pass, against saxes: the same elements, the same root, the same fault.
//   USUAL_CASES  how many documents, and how many streams (400, or 5000 in all tests)
//   USUAL_SEED   (20261120)
import { readdirSync, readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { stanzaNamespace } from '../../../src/xmpp/namespaces.js'
import { documentReader } from '../../../src/xmpp/xml/document.js'
import { asWritten, type Element } from '../../../src/xmpp/xml/element.js'
import { elementReader } from '../../../src/xmpp/xml/element-reader.js'
import { defaultLimits, type XmlLimits } from '../../../src/xmpp/xml/limits.js'
import type { Root } from '../../../src/xmpp/xml/root.js'
import { Splitter } from '../../../src/xmpp/xml/splitter.js'
import { usualXml } from '../../../src/xmpp/xml/usual-xml.js'
import { XmlError } from '../../../src/xmpp/xml/xml-error.js'
import { casesOf } from '../../support/matrix.js'
import { numberFrom } from '../../support/random.js'
import { nearlyUsualDocument, nearlyUsualStream } from './nearly-usual.js'
import { cut, randomCuts } from './random-stream.js'

const parameters = {
  seed: numberFrom('USUAL_SEED', 20261120),
  numRuns: numberFrom('USUAL_CASES', casesOf(400, 5000)),
}
const time = 60_000 + 2 * parameters.numRuns

/** How often saxes was needed, and whether nothing is read without it. */
let scans = 0
let isWithoutUsual = false
const { readRoot, readChild } = elementReader
elementReader.readRoot = function (...args) {
  scans += 1
  return readRoot.apply(this, args)
}
elementReader.readChild = function (...args) {
  scans += 1
  return readChild.apply(this, args)
}
for (const name of ['readRoot', 'readChild'] as const) {
  const original = usualXml[name] as (...args: unknown[]) => unknown
  Object.assign(usualXml, {
    [name]: (...args: unknown[]) => (isWithoutUsual ? undefined : original.apply(usualXml, args)),
  })
}
beforeEach(() => {
  scans = 0
})

/** What saxes says of all of it. */
function withoutUsual(read: () => Told): Told {
  isWithoutUsual = true
  try {
    return read()
  } finally {
    isWithoutUsual = false
  }
}

/** Everything that is told of a document or stream, in the order it is told in. */
type Told = (Root | Element | 'closed' | { fault: string })[]

function hear(read: (told: Told) => void): Told {
  const told: Told = []
  try {
    read(told)
  } catch (error) {
    if (!(error instanceof XmlError)) throw error
    told.push({ fault: `${error.fault}: ${error.message}` })
  }
  return told
}

function sinkFor(told: Told) {
  return {
    onOpen: (root: Root) => told.push(root),
    onElement: (element: Element) => told.push(element),
    onClose: () => told.push('closed'),
  }
}

const kinds = [
  { limits: defaultLimits, meantNamespace: asWritten, mixedContent: false },
  { limits: defaultLimits, meantNamespace: stanzaNamespace, mixedContent: false },
  { limits: defaultLimits, meantNamespace: asWritten, mixedContent: true },
  { limits: defaultLimits, meantNamespace: stanzaNamespace, mixedContent: false, lenient: true },
  { limits: { ...defaultLimits, maxChildren: 2 }, meantNamespace: asWritten, mixedContent: false },
  { limits: { ...defaultLimits, maxElementBytes: 150 }, meantNamespace: asWritten, mixedContent: false },
  { limits: { ...defaultLimits, maxDepth: 3 }, meantNamespace: asWritten, mixedContent: false },
  { limits: { ...defaultLimits, maxAttributes: 2 }, meantNamespace: asWritten, mixedContent: false },
]
/** Most of them leave the most to be read. */
const anyKind = fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(kinds.length - 1) })
const readers = kinds.map(kind => documentReader(kind.limits, kind))

/** A fault is all that is told of a document that has one. */
function readDocument(xml: string, kind: number): Told {
  return hear(told => {
    const { root, children } = readers[kind]!(xml)
    told.push(root, ...children)
  })
}

const scanDocument = (xml: string, kind: number) => withoutUsual(() => readDocument(xml, kind))

function splitStream(chunks: readonly Buffer[], limits: XmlLimits): Told {
  return hear(told => {
    const splitter = new Splitter(sinkFor(told) as never, limits)
    for (const chunk of chunks) splitter.write(chunk)
  })
}

const scanStream = (xml: string, limits: XmlLimits) => withoutUsual(() => splitStream([Buffer.from(xml)], limits))

describe('XML that is nearly usual', () => {
  test(
    'is read as saxes reads it, as a document',
    () => {
      let unscanned = 0
      let refused = 0
      fc.assert(
        fc.property(nearlyUsualDocument, anyKind, (xml, kind) => {
          const before = scans
          const told = readDocument(xml, kind)
          if (scans === before) unscanned += 1
          const scanned = scanDocument(xml, kind)
          if (scanned.length === 1 && 'fault' in (scanned[0] as object)) refused += 1
          expect(told).toStrictEqual(scanned)
        }),
        parameters,
      )
      expect(unscanned).toBeGreaterThan(parameters.numRuns / 8)
      expect(refused).toBeGreaterThan(parameters.numRuns / 5)
    },
    time,
  )

  test(
    'is read as saxes reads it, as a stream that comes in one piece or several',
    () => {
      let unscanned = 0
      fc.assert(
        fc.property(nearlyUsualStream, randomCuts, anyKind, (xml, cuts, kind) => {
          const { limits } = kinds[kind]!
          const bytes = Buffer.from(xml)
          const before = scans
          const whole = splitStream([bytes], limits)
          if (scans === before) unscanned += 1
          const scanned = scanStream(bytes.toString(), limits)
          expect(whole).toStrictEqual(scanned)
          const inPieces = splitStream(cut(bytes, cuts), limits)
          const last = scanned.at(-1)
          const fault = typeof last === 'object' && 'fault' in last
          // In pieces it may be another fault, where there is more than one, and later.
          if (!fault) expect(inPieces).toStrictEqual(scanned)
          else expect(inPieces.slice(0, scanned.length - 1)).toStrictEqual(scanned.slice(0, -1))
        }),
        parameters,
      )
      expect(unscanned).toBeGreaterThan(parameters.numRuns / 20)
    },
    time,
  )
})

describe('every case', () => {
  const cases = ['bodies', 'clients', 'servers', 'streams'].flatMap(folder => {
    const place = new URL(`../../cases/${folder}/`, import.meta.url)
    const files = readdirSync(place).filter(file => file.endsWith('.xml'))
    return files.map(file => [`${folder}/${file}`, readFileSync(new URL(file, place))] as const)
  })

  test.each(cases)('is read as saxes reads it: %s', (_file, bytes) => {
    const xml = bytes.toString()
    for (const kind of kinds.keys()) {
      expect(readDocument(xml, kind)).toStrictEqual(scanDocument(xml, kind))
      expect(splitStream([bytes], kinds[kind]!.limits)).toStrictEqual(scanStream(xml, kinds[kind]!.limits))
    }
  })
})

describe('no saxes is needed', () => {
  const place = new URL('../../cases/clients/', import.meta.url)

  test.each(readdirSync(place))('for elements of clients: %s', file => {
    expect(readDocument(readFileSync(new URL(file, place), 'utf8'), 1)).not.toHaveLength(0)
    expect(scans).toBe(0)
  })

  const streams = "xmlns:stream='http://etherx.jabber.org/streams'"

  test.each([
    [`<?xml version='1.0'?><stream:stream ${streams} xmlns='jabber:client' xml:lang='en' version='1.0'>`],
    [
      `<stream:stream ${streams} xmlns='jabber:client'><stream:features><bind xmlns='urn:b'/></stream:features>`,
      "<message xml:lang='en' from='a@b/c'><body>d&apos;\u00e9\u{1f600}&#x1F339; ></body></message>\n<presence/>",
      ' ',
    ],
  ])('for what servers send: %s', (...chunks) => {
    const bytes = chunks.map(chunk => Buffer.from(chunk))
    expect(splitStream(bytes, defaultLimits)).not.toHaveLength(0)
    expect(scans).toBe(0)
  })

  test('for elements of a login', () => {
    const body = `<body sid='1' wait='60' xmlns='http://jabber.org/protocol/httpbind' ${streams}>`
    const features = `<stream:features ${streams}><bind xmlns='urn:b'/></stream:features>`
    expect(readDocument(`${body}${features}</body>`, 1)).toMatchObject([{ name: 'body' }, { text: features }])
    expect(scans).toBe(0)
  })
})
