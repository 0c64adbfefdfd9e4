import { parseBody } from '../src/browsers/bosh/body.js'
import { readMessage } from '../src/browsers/websocket/framing.js'
import { UnfinishedBodies } from '../src/http/listening/unfinished-bodies.js'
import { defaultLimits } from '../src/xmpp/xml/limits.js'
import { Splitter } from '../src/xmpp/xml/splitter.js'
import { readUtf8 } from '../src/xmpp/xml/utf8.js'
import { hostileHeaders, hostileParameters, hostileXrd } from '../test/support/hostile-readers.js'
import {
  documents,
  fill,
  forms,
  headers,
  json,
  plainForm,
  plainHeaders,
  plainJson,
  plainXml,
  plainXrd,
  type Shape,
  xrds,
} from './hostile-shapes.js'

/** How many times as long twice as much may take. */
const mostGrowth = 2.6
/** How many times as much as a plain KiB another one may cost. */
const mostCost = 10
/** How long is measured at least, over and over again, in microseconds. */
const leastTime = 2_000

/** In KiB: as long as they may be, and as half of that may be. */
const sizesOfXml = [64, 128, 256, 512]
const sizesOfCalls = [4, 8, 16, 32]
const sizesOfHeaders = [2, 4, 8, 16]
const sizesOfXrds = [8, 16, 32, 64]

/** What reads what comes from outside. Whatever it refuses it throws. */
interface Reader {
  readonly name: string
  readonly plain: Shape
  readonly shapes: readonly Shape[]
  readonly read: (pieces: readonly Buffer[]) => void
  /** How long it is, in KiB, each size twice the one before it. */
  readonly sizes: readonly number[]
  /** How long the pieces are in which it comes, in bytes. */
  readonly pieces: readonly number[]
}

const whole = Number.POSITIVE_INFINITY
const streamStart = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
const bodyStart = "<body rid='1' xmlns='http://jabber.org/protocol/httpbind'>"
const messageStart = "<message xmlns='jabber:client'>"
const sink = { onOpen() {}, onElement() {}, onClose() {} }

const within = ({ start, end, ...shape }: Shape, [before, behind]: readonly [string, string]): Shape => ({
  ...shape,
  start: before + start,
  end: end + behind,
})

const bodies = new UnfinishedBodies({
  limits: { unfinishedMegabytes: 0 },
  trustedProxies: { hasProxy: () => true },
  refused: () => {},
})

/** Text as the endpoint puts it together. */
function text(pieces: readonly Buffer[]): string {
  if (pieces.length === 1) return readUtf8(pieces[0]!) ?? ''
  const body = bodies.begin('127.0.0.1')
  for (const piece of pieces) body.add(piece)
  return readUtf8(body.bytes) ?? ''
}

const readers: readonly Reader[] = [
  {
    name: 'body',
    plain: within(plainXml, [bodyStart, '</body>']),
    shapes: documents(bodyStart, '</body>'),
    read: pieces => void parseBody(text(pieces)),
    sizes: sizesOfXml,
    pieces: [whole, 1024, 1],
  },
  {
    name: 'stream',
    plain: within(plainXml, [streamStart, '']),
    shapes: documents(streamStart, '</stream:stream>'),
    read(pieces) {
      const splitter = new Splitter(sink, defaultLimits, { lenient: true })
      for (const piece of pieces) splitter.write(piece)
    },
    sizes: sizesOfXml,
    pieces: [whole, 1024, 1],
  },
  {
    name: 'message',
    plain: within(plainXml, [messageStart, '</message>']),
    shapes: documents(messageStart, '</message>'),
    // The service has it whole: parts are put together before.
    read: pieces => void readMessage(Buffer.concat(pieces)),
    sizes: sizesOfXml,
    pieces: [whole, 1024],
  },
  {
    name: 'JSON',
    plain: plainJson,
    shapes: json,
    read: pieces => hostileParameters('application/json', Buffer.concat(pieces)),
    sizes: sizesOfCalls,
    pieces: [whole],
  },
  {
    name: 'form',
    plain: plainForm,
    shapes: forms,
    read: pieces => hostileParameters('application/x-www-form-urlencoded', Buffer.concat(pieces)),
    sizes: sizesOfCalls,
    pieces: [whole],
  },
  ...Object.entries(hostileHeaders).map(([name, read]) => ({
    name,
    plain: plainHeaders[name as keyof typeof plainHeaders],
    shapes: headers,
    read: (pieces: readonly Buffer[]) => read(pieces[0]!.toString('latin1')),
    sizes: sizesOfHeaders,
    pieces: [whole],
  })),
  {
    name: 'host-meta',
    plain: plainXrd,
    shapes: xrds,
    read: pieces => hostileXrd(text(pieces)),
    sizes: sizesOfXrds,
    pieces: [whole],
  },
]

interface Row {
  readonly shape: string
  /** Microseconds for a KiB, by size. */
  readonly costs: readonly number[]
  readonly growth: number
  readonly timesPlain: number
}

/** Measures everything, or the readers that are named; false where something falls short. */
function measureHostile(words: readonly string[]): boolean {
  const asked = readers.filter(({ name }) => words.length === 0 || words.includes(name))
  let isFine = true
  for (const reader of asked) {
    for (const size of reader.pieces) {
      console.log(`\n${reader.name}, ${size === whole ? 'whole' : `in pieces of ${size}`}`)
      const rows = rowsOf(reader, size)
      for (const row of rows) console.log(written(row))
      const short = rows.filter(isShort)
      for (const { shape } of short) console.log(`falls short: ${reader.name}: ${shape}`)
      isFine &&= short.length === 0
    }
  }
  console.log(isFine ? '\nall within the lines' : '\nshort')
  return isFine
}

function rowsOf(reader: Reader, size: number): readonly Row[] {
  const plain = measure(reader, reader.plain, size)
  const base = Math.max(...plain, ...costOfBody(size))
  const all = [
    { shape: reader.plain, costs: plain },
    ...reader.shapes.map(shape => ({ shape, costs: measure(reader, shape, size) })),
  ]
  return all.map(({ shape, costs }) => {
    let row = rowOf(shape, costs, base)
    // What the machine did meanwhile it does not do three times.
    for (let again = 0; again < 3 && isShort(row); again++) {
      const other = rowOf(shape, measure(reader, shape, size), base)
      if (other.growth + other.timesPlain < row.growth + row.timesPlain) row = other
    }
    return row
  })
}

const costsOfBodies = new Map<number, readonly number[]>()

/** What a plain body costs in such pieces: some of what is read is read at next to no cost where it is plain. */
function costOfBody(size: number): readonly number[] {
  const [body] = readers
  const costs =
    costsOfBodies.get(size) ?? [measure, measure].map(again => again(body!, body!.plain, size))[1]!
  costsOfBodies.set(size, costs)
  return costs
}

function rowOf({ name }: Shape, costs: readonly number[], base: number): Row {
  return { shape: name, costs, growth: growthOf(costs), timesPlain: Math.max(...costs) / base }
}

/** What costs less than a plain KiB at the largest size that there may be hurts at none, however it grows up to there. */
function isShort({ growth, timesPlain }: Row): boolean {
  return (growth > mostGrowth && timesPlain > 1) || timesPlain > mostCost
}

/** How many times as long twice as much takes, over all sizes: collecting garbage begins with one of them. */
function growthOf(costs: readonly number[]): number {
  const doublings = costs.length - 1
  return 2 * (costs.at(-1)! / costs[0]!) ** (1 / doublings)
}

function measure(reader: Reader, shape: Shape, pieceSize: number): number[] {
  // The first time is for the compiler, which has just seen another shape.
  return [reader.sizes[0]!, ...reader.sizes].map(size => costOf(reader, shape, size, pieceSize)).slice(1)
}

/** Microseconds for a KiB of a text of so many KiB. */
function costOf(reader: Reader, shape: Shape, size: number, pieceSize: number): number {
  const bytes = Buffer.from(fill(shape, size * 1024))
  const pieces = cut(bytes, pieceSize)
  return (
    shortest(() => {
      try {
        reader.read(pieces)
      } catch {
        // Most of it is refused, and that is what it costs.
      }
    }) /
    (bytes.length / 1024)
  )
}

/** The shortest of several times, in microseconds of CPU: the others have something else in them. */
function shortest(work: () => void): number {
  globalThis.gc?.()
  const first = timeOf(work, 1)
  const repeats = Math.ceil(leastTime / Math.max(1, first))
  let best = Number.POSITIVE_INFINITY
  for (let all = first, runs = 0; runs < 4 || (runs < 20 && all < 40_000); runs++) {
    const took = timeOf(work, repeats)
    best = Math.min(best, took / repeats)
    all += took
    // A second is far too long, and once is enough to see it.
    if (all > 2_000_000) break
  }
  return best
}

function timeOf(work: () => void, repeats: number): number {
  const before = process.cpuUsage()
  for (let left = repeats; left > 0; left--) work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function cut(bytes: Buffer, size: number): readonly Buffer[] {
  if (size === whole) return [bytes]
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  )
}

function written({ shape, costs, growth, timesPlain }: Row): string {
  const figures = costs.map(cost => cost.toFixed(2).padStart(9)).join('')
  return `${shape.padEnd(42)}${figures} us/KiB   grows ${growth.toFixed(2)}   ${timesPlain.toFixed(2)} x plain`
}

process.exitCode = measureHostile(process.argv.slice(2)) ? 0 : 1
