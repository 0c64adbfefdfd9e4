// Target: a hostile KiB costs at most ten times a plain KiB, at any length.
import { parseBody } from '../src/browsers/bosh/body.js'
import { readMessage } from '../src/browsers/websocket/framing.js'
import { UnfinishedBodies } from '../src/http/bodies/unfinished-bodies.js'
import { defaultLimits } from '../src/xmpp/xml/limits.js'
import { Splitter } from '../src/xmpp/xml/splitter.js'
import { readUtf8 } from '../src/xmpp/xml/utf8.js'
import { hostileHeaders, hostileParameters, hostileXrd } from '../test/support/hostile-readers.js'
import type { Shape } from './hostile-shapes.js'
import * as shapes from './hostile-shapes.js'

const mostGrowth = 2.6
const mostCost = 10
const leastMicroseconds = 2_000
const whole = Number.POSITIVE_INFINITY

interface Reader {
  readonly name: string
  readonly plain: Shape
  readonly shapes: readonly Shape[]
  readonly read: (pieces: readonly Buffer[]) => void
  readonly kibibytes: readonly number[]
  readonly pieceBytes: readonly number[]
}

const streamStart = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
const bodyStart = "<body rid='1' xmlns='http://jabber.org/protocol/httpbind'>"
const messageStart = "<message xmlns='jabber:client'>"
const sink = { onOpen() {}, onElement() {}, onClose() {} }
const sizesOfXml = [64, 128, 256, 512]

const plainIn = (start: string, end: string): Shape => ({ ...shapes.plainXml, start, end })

const bodies = new UnfinishedBodies({
  limits: { unfinishedMegabytes: 0 },
  trustedProxies: { hasProxy: () => true },
  refused: () => {},
})

function textOf(pieces: readonly Buffer[]): string {
  if (pieces.length === 1) return readUtf8(pieces[0]!) ?? ''
  const body = bodies.begin('127.0.0.1')
  for (const piece of pieces) body.add(piece)
  return readUtf8(body.bytes) ?? ''
}

const call = (type: string) => ({
  read: (pieces: readonly Buffer[]) => hostileParameters(type, Buffer.concat(pieces)),
  kibibytes: [4, 8, 16, 32],
  pieceBytes: [whole],
})

const body: Reader = {
  name: 'body',
  plain: plainIn(bodyStart, '</body>'),
  shapes: shapes.documents(bodyStart, '</body>'),
  read: pieces => void parseBody(textOf(pieces)),
  kibibytes: sizesOfXml,
  pieceBytes: [whole, 1024, 1],
}

const readers: readonly Reader[] = [
  body,
  {
    name: 'stream',
    plain: plainIn(streamStart, ''),
    shapes: shapes.documents(streamStart, '</stream:stream>'),
    read(pieces) {
      const splitter = new Splitter(sink, defaultLimits, { lenient: true })
      for (const piece of pieces) splitter.write(piece)
    },
    kibibytes: sizesOfXml,
    pieceBytes: [whole, 1024, 1],
  },
  {
    name: 'message',
    plain: plainIn(messageStart, '</message>'),
    shapes: shapes.documents(messageStart, '</message>'),
    read: pieces => void readMessage(Buffer.concat(pieces)),
    kibibytes: sizesOfXml,
    pieceBytes: [whole, 1024],
  },
  { name: 'JSON', plain: shapes.plainJson, shapes: shapes.json, ...call('application/json') },
  {
    ...{ name: 'form', plain: shapes.plainForm, shapes: shapes.forms },
    ...call('application/x-www-form-urlencoded'),
  },
  ...Object.entries(hostileHeaders).map(([name, read]) => ({
    name,
    plain: shapes.plainHeaders[name as keyof typeof shapes.plainHeaders],
    shapes: shapes.headers,
    read: (pieces: readonly Buffer[]) => read(pieces[0]!.toString('latin1')),
    kibibytes: [2, 4, 8, 16],
    pieceBytes: [whole],
  })),
  {
    name: 'host-meta',
    plain: shapes.plainXrd,
    shapes: shapes.xrds,
    read: pieces => hostileXrd(textOf(pieces)),
    kibibytes: [8, 16, 32, 64],
    pieceBytes: [whole],
  },
]

interface Row {
  readonly shape: string
  readonly costs: readonly number[]
  readonly growth: number
  readonly timesPlain: number
}

function measureHostile(words: readonly string[]): boolean {
  let isFine = true
  for (const reader of readers.filter(({ name }) => words.length === 0 || words.includes(name)))
    for (const size of reader.pieceBytes) {
      console.log(`\n${reader.name}, ${size === whole ? 'whole' : `in pieces of ${size}`}`)
      const rows = rowsOf(reader, size)
      for (const row of rows) console.log(written(row))
      const short = rows.filter(isShort)
      for (const { shape } of short) console.log(`falls short: ${reader.name}: ${shape}`)
      isFine &&= short.length === 0
    }
  console.log(isFine ? '\nall within the lines' : '\nshort')
  return isFine
}

function rowsOf(reader: Reader, size: number): readonly Row[] {
  const plain = measure(reader, reader.plain, size)
  const base = Math.max(...plain, ...costOfBody(size))
  const rest = reader.shapes.map(shape => ({ shape, costs: measure(reader, shape, size) }))
  return [{ shape: reader.plain, costs: plain }, ...rest].map(({ shape, costs }) => {
    let row = rowOf(shape, costs, base)
    for (let again = 0; again < 3 && isShort(row); again++) {
      const other = rowOf(shape, measure(reader, shape, size), base)
      if (other.growth + other.timesPlain < row.growth + row.timesPlain) row = other
    }
    return row
  })
}

const costsOfBodies = new Map<number, readonly number[]>()

function costOfBody(size: number): readonly number[] {
  const costs = costsOfBodies.get(size) ?? [1, 2].map(() => measure(body, body.plain, size))[1]!
  costsOfBodies.set(size, costs)
  return costs
}

const rowOf = ({ name }: Shape, costs: readonly number[], base: number): Row => ({
  shape: name,
  costs,
  growth: 2 * (costs.at(-1)! / costs[0]!) ** (1 / (costs.length - 1)),
  timesPlain: Math.max(...costs) / base,
})

const isShort = ({ growth, timesPlain }: Row) => (growth > mostGrowth && timesPlain > 1) || timesPlain > mostCost

const measure = (reader: Reader, shape: Shape, pieceSize: number): number[] =>
  [reader.kibibytes[0]!, ...reader.kibibytes].map(size => costOf(reader, shape, size, pieceSize)).slice(1)

function costOf(reader: Reader, shape: Shape, kibibytes: number, pieceSize: number): number {
  const bytes = Buffer.from(shapes.fill(shape, kibibytes * 1024))
  const pieces = cut(bytes, pieceSize)
  const microseconds = shortest(() => {
    try {
      reader.read(pieces)
    } catch {}
  })
  return microseconds / (bytes.length / 1024)
}

function shortest(work: () => void): number {
  globalThis.gc?.()
  const first = timeOf(work, 1)
  const repeats = Math.ceil(leastMicroseconds / Math.max(1, first))
  let best = Number.POSITIVE_INFINITY
  for (let all = first, runs = 0; runs < 4 || (runs < 20 && all < 40_000); runs++) {
    const took = timeOf(work, repeats)
    best = Math.min(best, took / repeats)
    all += took
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

const cut = (bytes: Buffer, size: number): readonly Buffer[] =>
  size === whole
    ? [bytes]
    : Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))

function written({ shape, costs, growth, timesPlain }: Row): string {
  const figures = costs.map(cost => cost.toFixed(2).padStart(9)).join('')
  return `${shape.padEnd(42)}${figures} us/KiB   grows ${growth.toFixed(2)}   ${timesPlain.toFixed(2)} x plain`
}

process.exitCode = measureHostile(process.argv.slice(2)) ? 0 : 1
