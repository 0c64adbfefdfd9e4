// Broken, odd and hostile texts against the parsers, and the parsers against an oracle.
//   FUZZ_CASES  how many texts in all the fuzz tests together (5000, or 50000 in all tests)
//   FUZZ_SEED   (20261120); a failure prints the text
import { isUtf8 } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from '@jest/globals'
import { parseBody } from '../../src/browsers/bosh/body.js'
import { stanzaNamespace } from '../../src/xmpp/namespaces.js'
import { documentReader } from '../../src/xmpp/xml/document.js'
import type { Element } from '../../src/xmpp/xml/element.js'
import { defaultLimits, type XmlLimits } from '../../src/xmpp/xml/limits.js'
import { XmlError } from '../../src/xmpp/xml/xml-error.js'
import { boshNamespace } from '../support/bosh-bench.js'
import { cpuTime } from '../support/cpu-time.js'
import { casesOf } from '../support/matrix.js'
import { numberFrom, Random } from '../support/random.js'
import { Reading } from '../xmpp/xml/reading.js'
import { corpus } from './corpus.js'
import { generate, mutate, mutateBytes, pieces } from './mutate.js'
import { insideBody, isWellFormed, judge, meaning, wrongWith } from './oracle.js'

const texts = numberFrom('FUZZ_CASES', casesOf(5_000, 50_000))
const seed = numberFrom('FUZZ_SEED', 20261120)
const time = 60_000 + texts

const bodies = corpus('bodies', 'clients')
const streams = corpus('streams', 'servers')
const lenientHeader = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>"
/** Its elements may inherit several prefixes. */
const streamHeader = "<s:stream xmlns:s='urn:s' xmlns:a='urn:a' xmlns:b='urn:b' xmlns:c='urn:c' xmlns='jabber:client'>"
const stanzas = [
  "<message><e xmlns='urn:p' xmlns:p='urn:q' p:k='1'><p:f xmlns:p='urn:p'/></e></message>",
  "<p:iq xmlns:p='jabber:client'><p:query xmlns='jabber:iq:roster' p:k=\"1\"/>\r<x>\r\n</x></p:iq>",
  "<presence xml:lang='en'><a:b xmlns:a='urn:a'><![CDATA[\r]]></a:b></presence>",
]

/** No text of a few kilobytes may keep the service busy for a second. */
function inTime(check: () => string | undefined): string | undefined {
  const start = cpuTime()
  const fault = check()
  const took = cpuTime() - start
  return fault ?? (took > 2000 ? `takes ${took} ms` : undefined)
}

const unlimited = documentReader(
  { ...defaultLimits, maxElementBytes: Number.POSITIVE_INFINITY },
  { meantNamespace: stanzaNamespace, maxGrowth: Number.POSITIVE_INFINITY },
)
const lengthOf = (elements: readonly Element[]) => elements.reduce((sum, { text }) => sum + text.length, 0)

/** What is wrong with how a body is read. */
function bodyFault(text: string): string | undefined {
  const judged = judge(text, { maxChildren: 5_000 })
  const isBody = judged.root?.name === 'body' && judged.root.namespace === boshNamespace
  let payload: readonly Element[]
  try {
    payload = parseBody(text).payload
  } catch (error) {
    if (!(error instanceof XmlError)) return `throws ${(error as Error).stack}`
    if (error.message === 'the root is not a <body/>')
      return judged.refused !== undefined || isBody ? 'refused as no body' : undefined
    // Found before the end of a body, which may have other faults.
    if (error.message === 'the children inherit too much' && judged.refused === undefined)
      return lengthOf(unlimited(text).children) <= 4 * text.length ? 'refused for its length' : undefined
    // What a session keeps of its requests may not be long.
    if (error.fault === 'policy-violation' && /='[^']{3072}|="[^"]{3072}/.test(text)) return undefined
    return judged.refused === undefined && !judged.hasSpaceReference ? `refused as ${error.fault}` : undefined
  }
  if (judged.refused !== undefined) return `accepted in spite of ${judged.refused}`
  if (!isBody) return 'another root is accepted'
  if (payload.length !== judged.children.length) return 'another number of children'
  return payload
    .map((element, at) => elementFault(element, judged.children[at]!.name))
    .find(fault => fault !== undefined)
}

const plain = documentReader(defaultLimits, { maxGrowth: Number.POSITIVE_INFINITY })

/** What is wrong with how a document is read: its elements mean what they mean in it. */
function documentFault(text: string): string | undefined {
  const { refused, hasSpaceReference } = judge(text)
  try {
    const { root, children } = plain(text)
    if (refused !== undefined) return `a document is accepted in spite of ${refused}`
    const [whole] = meaning(text.replace(/(?<=^\ufeff?<\?xml version=['"]1\.)1/, '0'))
    const elements = whole!.content.filter(part => typeof part !== 'string')
    const own = children.map(child => meaning(child.text)[0])
    const isSame = `{${root.namespace}}${root.name}` === whole!.name && isDeepStrictEqual(own, elements)
    return isSame ? undefined : 'elements with another meaning'
  } catch (error) {
    if (!(error instanceof XmlError)) return `throws ${(error as Error).stack}`
    return refused === undefined && !hasSpaceReference ? `a document is refused as ${error.fault}` : undefined
  }
}

/** What is wrong with an element that was cut out. */
function elementFault({ name, namespace, text }: Element, expected: string): string | undefined {
  const wrong = wrongWith(text)
  if (wrong !== undefined) return `cut out as ${text}: ${wrong}`
  const inside = insideBody(text)
  const isSame = inside?.name === name && inside.namespace === namespace && name === expected
  return isSame ? undefined : `{${namespace}}${name} is {${inside?.namespace}}${inside?.name} inside a body`
}

function readStream(chunks: readonly Buffer[], limits = defaultLimits, lenient = false) {
  const reading = new Reading({ ...limits, lenient })
  const { elements, splitter } = reading
  let fault: string | undefined
  try {
    for (const chunk of chunks) reading.write(chunk)
    fault = reading.fault
  } catch (error) {
    fault = `throws ${(error as Error).stack}`
  }
  // Nothing is unfinished: what has come has been judged.
  const isBetweenElements = fault === undefined && splitter.isBetweenElements
  return { elements, fault, closed: reading.closed, isBetweenElements }
}

/** What is wrong with how a stream is read, whole and in pieces. */
function streamFault(bytes: Buffer, random: Random): string | undefined {
  const whole = readStream([bytes])
  const cut = readStream(pieces(bytes, random))
  if (whole.fault?.startsWith('throws') || cut.fault?.startsWith('throws')) return whole.fault ?? cut.fault
  // Most of what is wrong inside a tag in pieces is found once it is whole.
  const isWaiting = cut.fault === undefined && !cut.isBetweenElements
  if (whole.fault === undefined || (cut.fault === undefined && !isWaiting)) {
    if (whole.fault !== cut.fault) return `${whole.fault} as a whole, ${cut.fault} in pieces`
    if (JSON.stringify(whole) !== JSON.stringify(cut)) return 'pieces say something else than the whole'
  }
  // An unfinished character at the end is waited for.
  if (!isUtf8(bytes)) return undefined
  const judged = judge(bytes.toString(), { isWhole: false })
  const { elements, fault, isBetweenElements } = whole
  // Most of what is wrong inside an element is found once it is whole.
  if (fault === undefined && judged.refused !== undefined && isBetweenElements)
    return `accepted in spite of ${judged.refused}`
  const mayBeRefused = judged.hasSpaceReference || judged.hasBrokenReference
  if (fault !== undefined && judged.refused === undefined && !mayBeRefused) return `refused as ${fault}`
  const wrong = elements
    .map((element, at) => elementFault(element, judged.children[at]!.name))
    .find(wrong => wrong !== undefined)
  if (wrong !== undefined || fault !== undefined || judged.refused !== undefined) return wrong
  return meaningFault(bytes.toString(), elements)
}

/** Elements mean in any other document what they mean in their stream. */
function meaningFault(text: string, elements: readonly Element[]): string | undefined {
  const [stream] = meaning(text.replace(/(?<=^\ufeff?<\?xml version=['"]1\.)1/, '0'))
  const expected = stream?.content.filter(part => typeof part !== 'string').slice(0, elements.length) ?? []
  const inner = elements.map(element => element.text).join('')
  const [other] = meaning(`<body xmlns='urn:body' xmlns:a='urn:z' xmlns:s='urn:z'>${inner}</body>`)
  return isDeepStrictEqual(other!.content, expected) ? undefined : 'elements with another meaning'
}

test(
  'a request is parsed as saxes does, or rejected for a named reason',
  () => {
    const random = new Random(seed)
    for (let left = texts / 2; left > 0; left--) {
      // Half a pair is no character of UTF-8, and comes as another one.
      const text = (
        random.chance(0.9)
          ? mutate(random, bodies)
          : `<body xmlns='${boshNamespace}' xmlns:a='urn:a'>${generate(random)}</body>`
      ).toWellFormed()
      const fault = inTime(() => bodyFault(text) ?? documentFault(text))
      if (fault !== undefined) expect({ fault, text }).toBeUndefined()
    }
  },
  time,
)

const cases = ['bodies', 'clients', 'servers', 'streams'].flatMap(folder => {
  const place = new URL(`../cases/${folder}/`, import.meta.url)
  const files = readdirSync(place).filter(file => file.endsWith('.xml'))
  return files.map(file => [`${folder}/${file}`, readFileSync(new URL(file, place), 'utf8')] as const)
})

test.each(cases)('is parsed as saxes does: cases/%s', (_file, xml) => {
  expect(documentFault(xml)).toBeUndefined()
})

test(
  'a stream is parsed as saxes does, in any pieces, or rejected for a named reason',
  () => {
    const random = new Random(seed + 1)
    for (let left = texts / 4; left > 0; left--) {
      const text = random.chance(0.7) ? mutate(random, streams) : streamHeader + generate(random) + generate(random)
      const bytes = random.chance(0.8) ? Buffer.from(text) : mutateBytes(random, text)
      const fault = inTime(() => streamFault(bytes, random))
      if (fault !== undefined) expect({ fault, text: bytes.toString('latin1') }).toBeUndefined()
    }
  },
  time,
)

/** Limits that what is made here is often beyond. */
const narrow: XmlLimits = {
  ...defaultLimits,
  maxElementBytes: 200,
  maxStanzaBytes: 200,
  maxDepth: 2,
  maxAttributes: 2,
  maxNameLength: 12,
}

const isStanza = (text: string) =>
  /^<(?:\w+:)?(?:message|presence|iq)[\s/>]/.test(text) && isWellFormed(text, { isWhole: true })

/** What is wrong with how a server's stream is read, whatever strangers had it pass on. */
function lenientFault(stanza: string, random: Random): string | undefined {
  const text = `${lenientHeader}<a/>${stanza}<b/>`
  const limits = random.chance(0.5) ? defaultLimits : narrow
  const bytes = Buffer.from(text)
  const whole = readStream([bytes], limits, true)
  const { fault, elements } = whole
  if (fault?.startsWith('throws')) return fault
  if (fault === 'policy-violation' && isStanza(stanza)) return 'refused for being too much'
  // What is read over may seem to end before a fault in it shows.
  const isWhole = limits === narrow
  if (fault === 'not-well-formed' && isWellFormed(isWhole ? `${text}</s:stream>` : text, { isWhole }))
    return 'refused for its namespaces'
  const cut = readStream(pieces(bytes, random), limits, true)
  // With less than its name it is not known whether it is a stanza.
  const hasLongName = /<[^\s/>]{150}/.test(text)
  if (fault === undefined && !hasLongName && JSON.stringify(whole) !== JSON.stringify(cut))
    return 'pieces say something else than the whole'
  return elements.map(({ text: one }) => wrongWith(one)).find(wrong => wrong !== undefined)
}

test(
  'a server’s stream is never rejected for namespaces or limits, and each stanza is valid by itself',
  () => {
    const random = new Random(seed + 2)
    for (let left = texts / 4; left > 0; left--) {
      const stanza = (random.chance(0.5) ? `<iq>${generate(random)}</iq>` : mutate(random, stanzas)).toWellFormed()
      const fault = inTime(() => lenientFault(stanza, random))
      if (fault !== undefined) expect({ fault, stanza }).toBeUndefined()
    }
  },
  time,
)
