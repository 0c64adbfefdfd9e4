// Compares the reader of usual XML with saxes: roots, elements and faults must be the same.
//   USUAL_CASES  number of documents and of streams (400, or 5000 in all tests)
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

let saxesCalls = 0
let usesOnlySaxes = false
const { readRoot, readChild } = elementReader
elementReader.readRoot = function (...args) {
  saxesCalls += 1
  return readRoot.apply(this, args)
}
elementReader.readChild = function (...args) {
  saxesCalls += 1
  return readChild.apply(this, args)
}
for (const name of ['readRoot', 'readChild'] as const) {
  const original = usualXml[name] as (...args: unknown[]) => unknown
  Object.assign(usualXml, {
    [name]: (...args: unknown[]) => (usesOnlySaxes ? undefined : original.apply(usualXml, args)),
  })
}
beforeEach(() => {
  saxesCalls = 0
})

function withSaxes(read: () => Report): Report {
  usesOnlySaxes = true
  try {
    return read()
  } finally {
    usesOnlySaxes = false
  }
}

/** In order. */
type Report = (Root | Element | 'closed' | { fault: string })[]

function reportOf(read: (report: Report) => void): Report {
  const report: Report = []
  try {
    read(report)
  } catch (error) {
    if (!(error instanceof XmlError)) throw error
    report.push({ fault: `${error.fault}: ${error.message}` })
  }
  return report
}

function sinkFor(report: Report) {
  return {
    onOpen: (root: Root) => report.push(root),
    onElement: (element: Element) => report.push(element),
    onClose: () => report.push('closed'),
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
/** More often the first kinds, which refuse least. */
const anyKind = fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(kinds.length - 1) })
const readers = kinds.map(kind => documentReader(kind.limits, kind))

/** Reports nothing else of a document with a fault. */
function readDocument(xml: string, kind: number): Report {
  return reportOf(report => {
    const { root, children } = readers[kind]!(xml)
    report.push(root, ...children)
  })
}

const scanDocument = (xml: string, kind: number) => withSaxes(() => readDocument(xml, kind))

function splitStream(chunks: readonly Buffer[], limits: XmlLimits): Report {
  return reportOf(report => {
    const splitter = new Splitter(sinkFor(report) as never, limits)
    for (const chunk of chunks) splitter.write(chunk)
  })
}

const scanStream = (xml: string, limits: XmlLimits) => withSaxes(() => splitStream([Buffer.from(xml)], limits))

describe('XML that differs little from usual XML', () => {
  test(
    'is parsed as saxes parses it, as a document',
    () => {
      let unscanned = 0
      let refused = 0
      fc.assert(
        fc.property(nearlyUsualDocument, anyKind, (xml, kind) => {
          const before = saxesCalls
          const report = readDocument(xml, kind)
          if (saxesCalls === before) unscanned += 1
          const scanned = scanDocument(xml, kind)
          if (scanned.length === 1 && 'fault' in (scanned[0] as object)) refused += 1
          expect(report).toStrictEqual(scanned)
        }),
        parameters,
      )
      expect(unscanned).toBeGreaterThan(parameters.numRuns / 8)
      expect(refused).toBeGreaterThan(parameters.numRuns / 5)
    },
    time,
  )

  test(
    'is parsed as saxes parses it, as a stream in any pieces',
    () => {
      let unscanned = 0
      fc.assert(
        fc.property(nearlyUsualStream, randomCuts, anyKind, (xml, cuts, kind) => {
          const { limits } = kinds[kind]!
          const bytes = Buffer.from(xml)
          const before = saxesCalls
          const whole = splitStream([bytes], limits)
          if (saxesCalls === before) unscanned += 1
          const scanned = scanStream(bytes.toString(), limits)
          expect(whole).toStrictEqual(scanned)
          const inPieces = splitStream(cut(bytes, cuts), limits)
          const last = scanned.at(-1)
          const fault = typeof last === 'object' && 'fault' in last
          // In pieces, another fault may be found, or the fault may be found later.
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

describe('each file in cases/', () => {
  const cases = ['bodies', 'clients', 'servers', 'streams'].flatMap(folder => {
    const place = new URL(`../../cases/${folder}/`, import.meta.url)
    const files = readdirSync(place).filter(file => file.endsWith('.xml'))
    return files.map(file => [`${folder}/${file}`, readFileSync(new URL(file, place))] as const)
  })

  test.each(cases)('is parsed as saxes parses it: %s', (_file, bytes) => {
    const xml = bytes.toString()
    for (const kind of kinds.keys()) {
      expect(readDocument(xml, kind)).toStrictEqual(scanDocument(xml, kind))
      expect(splitStream([bytes], kinds[kind]!.limits)).toStrictEqual(scanStream(xml, kinds[kind]!.limits))
    }
  })
})

describe('the fast parser is enough', () => {
  const place = new URL('../../cases/clients/', import.meta.url)

  test.each(readdirSync(place))('for elements of clients: %s', file => {
    expect(readDocument(readFileSync(new URL(file, place), 'utf8'), 1)).not.toHaveLength(0)
    expect(saxesCalls).toBe(0)
  })

  const streams = "xmlns:stream='http://etherx.jabber.org/streams'"

  test.each([
    [`<?xml version='1.0'?><stream:stream ${streams} xmlns='jabber:client' xml:lang='en' version='1.0'>`],
    [
      `<stream:stream ${streams} xmlns='jabber:client'><stream:features><bind xmlns='urn:b'/></stream:features>`,
      "<message xml:lang='en' from='a@b/c'><body>d&apos;\u00e9\u{1f600}&#x1F339; ></body></message>\n<presence/>",
      ' ',
    ],
  ])('for elements of servers: %s', (...chunks) => {
    const bytes = chunks.map(chunk => Buffer.from(chunk))
    expect(splitStream(bytes, defaultLimits)).not.toHaveLength(0)
    expect(saxesCalls).toBe(0)
  })

  test('for elements of a login', () => {
    const body = `<body sid='1' wait='60' xmlns='http://jabber.org/protocol/httpbind' ${streams}>`
    const features = `<stream:features ${streams}><bind xmlns='urn:b'/></stream:features>`
    expect(readDocument(`${body}${features}</body>`, 1)).toMatchObject([{ name: 'body' }, { text: features }])
    expect(saxesCalls).toBe(0)
  })
})
