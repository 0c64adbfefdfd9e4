// Broken, odd and hostile texts against the parsers, and the parsers against an oracle.
//   FUZZ_CASES  how many texts in all the fuzz tests together (100000)
//   FUZZ_SEED   (20261120); a failure prints the text
import { isUtf8 } from 'node:buffer'
import { expect, test } from '@jest/globals'
import { NotABody, parseBody } from '../../src/bosh/body.js'
import { defaultLimits, type Element } from '../../src/xml/scanner.js'
import { Splitter } from '../../src/xml/splitter.js'
import { XmlError } from '../../src/xml/xml-error.js'
import { boshNamespace } from '../support/bosh-bench.js'
import { numberFrom, Random } from '../support/random.js'
import { corpus } from './corpus.js'
import { generate, mutate, mutateBytes } from './mutate.js'
import { insideBody, judge, wrongWith } from './oracle.js'

const cases = numberFrom('FUZZ_CASES', 100_000)
const seed = numberFrom('FUZZ_SEED', 20261120)
const time = 60_000 + cases

const bodies = corpus('bodies', 'clients')
const streams = corpus('streams', 'servers')

/** No text of a few kilobytes may keep the service busy for a second. */
function inTime(check: () => string | undefined): string | undefined {
  const start = performance.now()
  const fault = check()
  const took = performance.now() - start
  return fault ?? (took > 2000 ? `takes ${took} ms` : undefined)
}

/** What is wrong with how a body is read. */
function bodyFault(text: string): string | undefined {
  const judged = judge(text, { maxChildren: 100 })
  const isBody = judged.root?.name === 'body' && judged.root.namespace === boshNamespace
  let payload: readonly Element[]
  try {
    payload = parseBody(text).payload
  } catch (error) {
    if (error instanceof NotABody)
      return judged.refused !== undefined || isBody ? 'refused as no body' : undefined
    if (!(error instanceof XmlError)) return `throws ${(error as Error).stack}`
    return judged.refused === undefined && !judged.hasSpaceReference ? `refused as ${error.fault}` : undefined
  }
  if (judged.refused !== undefined) return `accepted in spite of ${judged.refused}`
  if (!isBody) return 'another root is accepted'
  if (payload.length !== judged.children.length) return 'another number of children'
  return payload
    .map((element, at) => elementFault(element, judged.children[at]!.name))
    .find(fault => fault !== undefined)
}

/** What is wrong with an element that was cut out. */
function elementFault({ name, namespace, text }: Element, expected: string): string | undefined {
  const wrong = wrongWith(text)
  if (wrong !== undefined) return `cut out as ${text}: ${wrong}`
  const inside = insideBody(text)
  const isSame = inside?.name === name && inside.namespace === namespace && name === expected
  return isSame ? undefined : `{${namespace}}${name} is {${inside?.namespace}}${inside?.name} inside a body`
}

interface Read {
  readonly elements: Element[]
  readonly fault: string | undefined
  readonly closed: boolean
}

function readStream(chunks: readonly Buffer[]): Read {
  const elements: Element[] = []
  let closed = false
  const sink = {
    onOpen() {},
    onElement: (element: Element) => elements.push(element),
    onClose: () => (closed = true),
  }
  const splitter = new Splitter(sink as never, defaultLimits)
  try {
    for (const chunk of chunks) splitter.write(chunk)
    return { elements, fault: undefined, closed }
  } catch (error) {
    const fault = error instanceof XmlError ? error.fault : `throws ${(error as Error).stack}`
    return { elements, fault, closed }
  }
}

/** What is wrong with how a stream is read, whole and in pieces. */
function streamFault(bytes: Buffer, random: Random): string | undefined {
  const whole = readStream([bytes])
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = random.chance(0.5) ? 1 + random.below(8) : 1 + random.below(bytes.length)
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  const cut = readStream(chunks)
  if (whole.fault?.startsWith('throws') || cut.fault?.startsWith('throws')) return whole.fault ?? cut.fault
  if (whole.fault === undefined || cut.fault === undefined) {
    if (whole.fault !== cut.fault) return `${whole.fault} as a whole, ${cut.fault} in pieces`
    if (JSON.stringify(whole) !== JSON.stringify(cut)) return 'pieces say something else than the whole'
  }
  // An unfinished character at the end is waited for.
  if (!isUtf8(bytes)) return undefined
  const judged = judge(bytes.toString(), { isWhole: false })
  const { elements, fault } = whole
  if (fault === undefined && judged.refused !== undefined) return `accepted in spite of ${judged.refused}`
  if (fault !== undefined && judged.refused === undefined && !judged.hasSpaceReference)
    return `refused as ${fault}`
  return elements
    .map((element, at) => elementFault(element, judged.children[at]!.name))
    .find(wrong => wrong !== undefined)
}

test(
  'a request is read as saxes reads it, or refused for a reason that has a name',
  () => {
    const random = new Random(seed)
    for (let left = cases / 2; left > 0; left--) {
      const text = random.chance(0.9)
        ? mutate(random, bodies)
        : `<body xmlns='${boshNamespace}' xmlns:a='urn:a'>${generate(random)}</body>`
      const fault = inTime(() => bodyFault(text))
      if (fault !== undefined) expect({ fault, text }).toBeUndefined()
    }
  },
  time,
)

test(
  'a stream is read as saxes reads it, however it is cut, or refused for a reason that has a name',
  () => {
    const random = new Random(seed + 1)
    for (let left = cases / 4; left > 0; left--) {
      const text = random.chance(0.9)
        ? mutate(random, streams)
        : `<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>${generate(random)}${generate(random)}`
      const bytes = random.chance(0.8) ? Buffer.from(text) : mutateBytes(random, text)
      const fault = inTime(() => streamFault(bytes, random))
      if (fault !== undefined) expect({ fault, text: bytes.toString('latin1') }).toBeUndefined()
    }
  },
  time,
)
