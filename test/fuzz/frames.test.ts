// Broken, odd and hostile frames against a channel, and messages against an oracle: what is in them read whole by saxes.
//   FUZZ_CASES  how many in all the fuzz tests together (5000, or 50000 in all tests); a twentieth of them are here
//   FUZZ_SEED   (20261120); a failure prints the bytes
import { isUtf8 } from 'node:buffer'
import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { expect, test } from '@jest/globals'
import { WebSocketServer } from 'ws'
import { readMessage } from '../../src/browsers/websocket/framing.js'
import { SocketChannel } from '../../src/browsers/websocket/socket-channel.js'
import { Counts } from '../../src/lib/counts.js'
import { FakeClock } from '../support/fake-clock.js'
import { closing, frame, opcodes } from '../support/frames.js'
import { casesOf } from '../support/matrix.js'
import { numberFrom, Random } from '../support/random.js'
import { bodiesOf } from '../support/unlimited.js'
import { corpus } from './corpus.js'
import { generate, mutate, mutateBytes, pieces } from './mutate.js'
import { judge, wrongWith } from './oracle.js'

const cases = Math.ceil(numberFrom('FUZZ_CASES', casesOf(5_000, 50_000)) / 20)
const seed = numberFrom('FUZZ_SEED', 20261120)
const time = 60_000 + cases * 10

const maxPayload = 4_096
const maxFragments = 4
const maxBufferedChunks = 64

/** Both directions of a connection, in memory. */
class Line extends Duplex {
  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
  }
}

const clock = new FakeClock()
const bodies = bodiesOf(0)
const server = new WebSocketServer({
  ...{ noServer: true, clientTracking: false, perMessageDeflate: false },
  ...{ maxPayload, maxFragments, maxBufferedChunks, maxPendingAutoPongs: 1_000 },
})
const headers = {
  ...{ upgrade: 'websocket', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  'sec-websocket-version': '13',
}

/** What is wrong after these pieces: whatever they were, nothing may be left of a connection, nor of what was counted. */
async function faultsAfter(pieces: readonly Buffer[]): Promise<unknown[]> {
  const line = new Line()
  const faults: unknown[] = []
  let gone = 0
  const request = Object.assign(new EventEmitter(), { method: 'GET', headers })
  server.handleUpgrade(request as never, line, Buffer.alloc(0), socket => {
    const transport = {
      ...{ maxStanzaBytes: 262_144, clock, bodies, counts: new Counts() },
      refused() {},
      report: (error: unknown) => void faults.push(error),
    }
    const parts = { pingInterval: 30, transport }
    const channel = new SocketChannel(socket, line as never, { address: '192.0.2.1', secure: false }, parts)
    channel.events = {
      onMessage: message => void (isUtf8(message) || faults.push('a message is not UTF-8')),
      onGone() {
        gone += 1
      },
    }
  })
  for (const piece of pieces) line.push(piece)
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  const kept = bodies.bytes
  line.destroy()
  await new Promise(resolve => setImmediate(resolve))
  if (gone !== 1) faults.push(`gone ${gone} times`)
  if (bodies.bytes !== 0) faults.push(`${bodies.bytes} bytes are still counted`)
  if (clock.pending !== 0) faults.push(`${clock.pending} timers are left`)
  // And half a KiB for each piece.
  const most = pieces.reduce((all, { length }) => all + length + 512, 0)
  if (kept > most) faults.push(`${kept} bytes were counted`)
  return faults
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
        fin: part === parts - 1 || random.chance(0.02),
        mask: random.chance(0.98) ? mask : (false as const),
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

test(
  'frames of any kind, in any pieces, leave no memory and no timer behind',
  async () => {
    const random = new Random(seed + 3)
    for (let left = cases; left > 0; left--) {
      const bytes = stream(random)
      // They are unmasked where they are.
      const faults = await faultsAfter(random.chance(0.4) ? [Buffer.from(bytes)] : pieces(Buffer.from(bytes), random))
      if (faults.length > 0) expect({ bytes: bytes.toString('base64'), faults }).toBeUndefined()
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
