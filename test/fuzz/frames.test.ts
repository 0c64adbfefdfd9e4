// Broken, odd and hostile frames against the endpoint's reader of messages, and that against an oracle: frames as RFC 6455
// has them, and what is in them read whole by saxes.
//   FUZZ_CASES  how many in all the fuzz tests together (5000, or 50000 in all tests); a twentieth of them are here
//   FUZZ_SEED   (20261120); a failure prints the bytes
import { isUtf8 } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { expect, test } from '@jest/globals'
import { WebSocketServer } from 'ws'
import { readMessage } from '../../src/browsers/websocket/framing.js'
import { SocketChannel } from '../../src/browsers/websocket/socket-channel.js'
import { UnfinishedBodies } from '../../src/http/bodies/unfinished-bodies.js'
import { Counts } from '../../src/lib/counts.js'
import { FakeClock } from '../support/fake-clock.js'
import { closing, frame, opcodes, readFrame } from '../support/frames.js'
import { casesOf } from '../support/matrix.js'
import { numberFrom, Random } from '../support/random.js'
import { unnoted } from '../support/unlimited.js'
import { corpus } from './corpus.js'
import { generate, mutate, mutateBytes } from './mutate.js'
import { judge, wrongWith } from './oracle.js'

const cases = Math.ceil(numberFrom('FUZZ_CASES', casesOf(5_000, 50_000)) / 20)
const seed = numberFrom('FUZZ_SEED', 20261120)
const time = 60_000 + cases * 10

const maxPayload = 4_096
const maxFragments = 4
const maxBufferedChunks = 64

/** What comes of bytes: messages, pongs, and the code of the close; undefined where none has come. */
interface Outcome {
  readonly messages: string[]
  readonly pongs: string[]
  code: number | undefined
}

/** Both directions of a connection, in memory. */
class Line extends Duplex {
  readonly sent: Buffer[] = []

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(chunk)
    done()
  }
}

const clock = new FakeClock()
const bodies = new UnfinishedBodies({
  limits: { unfinishedMegabytes: 0 },
  trustedProxies: { hasProxy: () => false },
  refused: unnoted,
})
const server = new WebSocketServer({
  ...{ noServer: true, clientTracking: false, perMessageDeflate: false },
  ...{ maxPayload, maxFragments, maxBufferedChunks, maxPendingAutoPongs: 1_000 },
})
const headers = {
  ...{ upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  'sec-websocket-version': '13',
}

/** What our side makes of pieces of bytes. */
async function read(pieces: readonly Buffer[]): Promise<Outcome & { readonly faults: unknown[] }> {
  const line = new Line()
  const messages: string[] = []
  const faults: unknown[] = []
  let gone = 0
  const request = Object.assign(new EventEmitter(), { method: 'GET', headers })
  server.handleUpgrade(request as never, line, Buffer.alloc(0), socket => {
    line.sent.length = 0
    const transport = {
      ...{ maxStanzaBytes: 262_144, clock, bodies, counts: new Counts() },
      refused() {},
      report: (error: unknown) => void faults.push(error),
    }
    const parts = { pingInterval: 30, transport }
    const channel = new SocketChannel(socket, line as never, { address: '192.0.2.1', secure: false }, parts)
    channel.events = {
      onMessage: message => void messages.push(message.toString()),
      onDrain() {},
      onArrived() {},
      onGone() {
        gone += 1
      },
    }
  })
  for (const piece of pieces) line.push(piece)
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  const pongs: string[] = []
  let code: number | undefined
  for (let bytes = Buffer.concat(line.sent); bytes.length > 0; ) {
    const { frame: sent, length } = readFrame(bytes)!
    if (sent.opcode === opcodes.pong) pongs.push(sent.payload.toString('latin1'))
    else if (sent.opcode === opcodes.close) code = sent.payload.length < 2 ? 1005 : sent.payload.readUInt16BE(0)
    bytes = bytes.subarray(length)
  }
  const kept = bodies.bytes
  // Whatever it was, nothing is left of it: not of the connection, nor of what was counted.
  line.destroy()
  await new Promise(resolve => setImmediate(resolve))
  if (gone !== 1) faults.push(`gone ${gone} times`)
  if (bodies.bytes !== 0) faults.push(`${bodies.bytes} bytes are still counted`)
  if (clock.pending !== 0) faults.push(`${clock.pending} timers are left`)
  // And half a KiB for each piece.
  const most = pieces.reduce((all, { length }) => all + length + 512, 0)
  if (kept > most) faults.push(`${kept} bytes were counted`)
  return { messages, pongs, code, faults }
}

/** What RFC 6455 makes of them, and our limits; slow, and simple enough to be believed. */
function expected(bytes: Buffer): Outcome {
  const outcome: Outcome = { messages: [], pongs: [], code: undefined }
  let parts: { opcode: number; payloads: Buffer[]; length: number } | undefined
  const end = (code: number) => {
    outcome.code = code
    return outcome
  }
  for (let at = 0; ; ) {
    if (bytes.length < at + 2) return outcome
    const [first, second] = [bytes[at]!, bytes[at + 1]!]
    const opcode = first & 0x0f
    const isLast = first >= 0x80
    const short = second & 0x7f
    const isControl = opcode >= 8
    const isKnown = [0, 1, 2, 8, 9, 10].includes(opcode)
    if ((first & 0x70) !== 0 || !isKnown || second < 0x80) return end(1002)
    if (isControl && (!isLast || short > 125 || (opcode === opcodes.close && short === 1))) return end(1002)
    if (!isControl && (opcode === opcodes.continuation) !== (parts !== undefined)) return end(1002)
    at += 2
    const more = short === 126 ? 2 : short === 127 ? 8 : 0
    if (bytes.length < at + more) return outcome
    const length = more === 0 ? short : more === 2 ? bytes.readUInt16BE(at) : Number(bytes.readBigUInt64BE(at))
    at += more
    if (!isControl && length > 0 && (parts?.length ?? 0) + length > maxPayload) return end(1009)
    if (bytes.length < at + 4 + length) return outcome
    const mask = bytes.subarray(at, at + 4)
    at += 4
    const payload = Buffer.from(bytes.subarray(at, at + length).map((byte, index) => byte ^ mask[index % 4]!))
    at += length
    if (opcode === opcodes.ping) outcome.pongs.push(payload.toString('latin1'))
    else if (opcode === opcodes.close) {
      if (length === 0) return end(1005)
      const code = payload.readUInt16BE(0)
      const isCode =
        (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
      if (!isCode) return end(1002)
      return end(isUtf8(payload.subarray(2)) ? code : 1007)
    } else if (!isControl) {
      parts ??= { opcode, payloads: [], length: 0 }
      parts.payloads.push(payload)
      parts.length += length
      if (parts.payloads.length > maxFragments) return end(1008)
      if (!isLast) continue
      const message = Buffer.concat(parts.payloads)
      if (parts.opcode === opcodes.binary) return end(1003)
      if (!isUtf8(message)) return end(1007)
      outcome.messages.push(message.toString())
      parts = undefined
    }
  }
}

const masks = [Buffer.alloc(4), Buffer.from([1, 2, 3, 4]), Buffer.from([255, 0, 255, 128])]
const lengths = [0, 1, 2, 125, 126, 127, 128, 255, 256, 4_095, 4_096, 4_097, 65_535, 65_536]

/** Frames that are mostly right. */
function stream(random: Random): Buffer {
  const all: Buffer[] = []
  for (let left = 1 + random.below(8); left > 0; left--) {
    const mask = random.pick(masks)
    const text = random.chance(0.2) ? 'é\u{1f600}'.repeat(random.below(200)) : 'x'.repeat(random.pick(lengths))
    const bytes = random.chance(0.9) ? Buffer.from(text) : mutateBytes(random, text)
    if (random.chance(0.3)) all.push(frame(random.pick([9, 10]), bytes.subarray(0, random.below(126)), { mask }))
    if (random.chance(0.1)) {
      const code = random.pick([1000, 1001, 1002, 1005, 1014, 1015, 2999, 3000, 4999, 5000])
      all.push(frame(opcodes.close, closing(code, bytes.subarray(0, random.below(124))), { mask }))
    }
    const parts = random.chance(0.5) ? 1 : 1 + random.below(6)
    const opcode = random.chance(0.95) ? opcodes.text : random.below(16)
    for (let part = 0; part < parts; part++) {
      const [from, to] = [part, part + 1].map(at => Math.floor((bytes.length * at) / parts))
      const options = {
        ...{
          fin: part === parts - 1 || random.chance(0.02),
          mask: random.chance(0.98) ? mask : (false as const),
        },
        ...(random.chance(0.03) && { rsv: random.below(8) }),
        ...(random.chance(0.1) && { lengthBytes: 8 as const }),
      }
      all.push(frame(part === 0 ? opcode : opcodes.continuation, bytes.subarray(from, to), options))
      if (random.chance(0.1)) all.push(frame(opcodes.ping, 'between', { mask }))
    }
  }
  const bytes = Buffer.concat(all)
  for (let left = random.chance(0.3) ? 1 + random.below(3) : 0; left > 0; left--)
    bytes[random.below(Math.min(bytes.length, 40))] = random.below(256)
  return random.chance(0.8) ? bytes : bytes.subarray(0, random.below(bytes.length + 1))
}

function cut(bytes: Buffer, random: Random): Buffer[] {
  if (random.chance(0.4)) return [bytes]
  const ends = Array.from({ length: random.below(20) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b)
  return [0, ...ends]
    .map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length))
    .filter(({ length }) => length > 0)
}

test(
  'frames are parsed as in RFC 6455, in any pieces, and leave no memory behind',
  async () => {
    const random = new Random(seed + 3)
    for (let left = cases; left > 0; left--) {
      const bytes = stream(random)
      const wanted = expected(bytes)
      // They are unmasked where they are.
      const { faults, ...outcome } = await read(cut(Buffer.from(bytes), random))
      if (faults.length > 0 || JSON.stringify(outcome) !== JSON.stringify(wanted))
        expect({ bytes: bytes.toString('base64'), faults, ...outcome }).toEqual({ ...wanted, faults: [] })
    }
  },
  time,
)

const messages = [
  "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='chat.example' version='1.0'/>",
  "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
  "<message xmlns='jabber:client' to='a@b'><body>hi</body></message>",
  "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
  "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
]
const rootOf = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"
const stanzas = ['message', 'presence', 'iq']
const framing = 'urn:ietf:params:xml:ns:xmpp-framing'

test(
  'a message is one whole element, as saxes parses it, or rejected, whatever came before',
  () => {
    const random = new Random(seed + 4)
    const texts = [...messages, ...corpus('clients')]
    for (let left = cases; left > 0; left--) {
      const written = (random.chance(0.8) ? mutate(random, texts) : generate(random)).toWellFormed()
      const element = readMessage(Buffer.from(written))
      const text = written.replaceAll(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
      const declaration = /^<\?xml version='1\.0'\?>[ \t\r\n]*/.exec(text)?.[0] ?? ''
      const judged = judge(`${rootOf}${text.slice(declaration.length)}</stream:stream>`)
      const [first] = judged.children
      const isNamed =
        first !== undefined &&
        (stanzas.includes(first.name) ? first.namespace === 'jabber:client' : first.namespace !== '')
      const isOpening = first?.name === 'open' && first.namespace === framing
      const isOne =
        judged.refused === undefined &&
        judged.children.length === 1 &&
        isNamed &&
        (declaration === '' || isOpening) &&
        text.startsWith('<') &&
        text.endsWith('>')
      if (typeof element === 'string') {
        if (isOne && !judged.hasSpaceReference) expect({ text, element }).toBeUndefined()
      } else {
        const wrong = wrongWith(element.text)
        const { name, namespace } = element
        const [child] = judged.children
        if (!isOne || wrong !== undefined || child?.name !== name || child.namespace !== namespace)
          expect({ text, element, wrong, refused: judged.refused }).toBeUndefined()
      }
    }
  },
  time,
)
