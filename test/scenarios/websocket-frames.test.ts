// RFC 6455 byte by byte, at the endpoint as served, over TCP and TLS.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { closing, fragments, frame, opcodes, text } from '../support/frames.js'
import { combinations } from '../support/matrix.js'
import { testFolder } from '../support/test-folder.js'
import { message, type Pair, Stage } from '../support/websocket-stage.js'
import type { WebSocketWire } from '../support/websocket-wire.js'

const { file } = testFolder()
let stage: Stage

beforeAll(async () => {
  const { cert, key } = makeCertificate(['DNS:localhost', 'IP:127.0.0.1'])
  stage = await Stage.set({
    environment: {
      ...{ HTTPS_PORT: '0', TLS_CERT: file('tls.pem', cert + key), RATE_SESSIONS_PER_ADDRESS: '0' },
      ...{ RATE_SESSION_BYTES: '0', MAX_UNAUTHENTICATED_PER_ADDRESS: '0' },
      // The minimum: 1 MiB.
      MAX_UNFINISHED_MB: '1',
    },
  })
})

afterAll(() => stage.strike())

describe.each(combinations(['http', 'https'] as const, scheme => scheme === 'http'))('over %s', scheme => {
  let pair: Pair
  let wire: WebSocketWire

  const begin = async () => {
    pair = await stage.pair({}, scheme === 'http' ? undefined : stage.secureUrl)
    wire = pair.wire
  }
  afterEach(async () => {
    wire.drop()
    await eventually('the session has ended', () => stage.service.service.counts().sessions === 0)
    expect(stage.service.lines.filter(line => line.includes('incident'))).toEqual([])
  })

  /** Expects that the server receives what the client sends. */
  const arrives = async (sent: string | Buffer | readonly Buffer[], got: string) => {
    wire.write(...(typeof sent === 'string' || Buffer.isBuffer(sent) ? [sent] : sent))
    expect(await pair.link.until('</message>')).toBe(got)
  }

  test('fragmented messages arrive whole, and pings between fragments are answered', async () => {
    await begin()
    const sent = message('in parts')
    await arrives(fragments(sent.slice(0, 9), '', sent.slice(9, 30), sent.slice(30)), sent)
    const [first, second, third] = fragments(sent.slice(0, 20), sent.slice(20, 21), sent.slice(21))
    const pings = ['one', 'two'].map(data => frame(opcodes.ping, data))
    const unasked = frame(opcodes.pong, 'nobody asked')
    await arrives([first!, pings[0]!, second!, unasked, pings[1]!, third!], sent)
    for (const data of ['one', 'two'])
      expect(await wire.control()).toEqual({ opcode: opcodes.pong, payload: Buffer.from(data) })
  })

  test('many messages in one packet arrive separately and in order', async () => {
    await begin()
    const sent = Array.from({ length: 200 }, (_, number) => message(`number ${number}`))
    wire.send(...sent)
    for (const one of sent) expect(await pair.link.until('</message>')).toBe(one)
  })

  test.each<[what: string, code: number, bytes: () => Buffer | Buffer[]]>([
    ['a ping that is too long', 1002, () => frame(opcodes.ping, 'p'.repeat(126))],
    ['a close with a reason that is not UTF-8', 1007, () => frame(opcodes.close, closing(1000, Buffer.from([0xff])))],
    ['a binary message', 1003, () => frame(opcodes.binary, message('a'))],
    [
      'a fragmented binary message',
      1003,
      () => [frame(opcodes.binary, '<a', { fin: false }), frame(opcodes.continuation, '/>')],
    ],
    ['a message that is too long', 1009, () => text(message('x'.repeat(1_048_577)))],
    ['a length above the limit, before any data', 1009, () => text('', { length: 1_048_577, lengthBytes: 8 })],
    ['a message of 2^63 bytes', 1009, () => text('', { length: 2n ** 63n, lengthBytes: 8 })],
    ['fragments that are too long together', 1009, () => fragments('x'.repeat(600_000), 'x'.repeat(600_000))],
    ['too many fragments', 1008, () => fragments(...Array.from(message('too many'), byte => byte))],
  ])('%s closes the WebSocket with %d, and not the stream of the server', async (_what, code, bytes) => {
    await begin()
    const before = message('in front')
    wire.send(before).write(...[bytes()].flat())
    expect(await wire.leave()).toEqual({ messages: [], code })
    expect(await pair.link.rest()).toBe(before)
  })

  test('data after a close is ignored', async () => {
    await begin()
    wire.write(Buffer.concat([frame(opcodes.close, closing(1000)), text(message('late'))]))
    expect((await wire.rest()).code).toBe(1000)
    expect(await pair.link.rest()).toBe('')
  })

  test('an incomplete message at a half-close is dropped', async () => {
    await begin()
    wire.write(text(message('whole')), text(message('half')).subarray(0, -1))
    wire.halfClose()
    expect(await pair.link.rest()).toBe(message('whole'))
  })

  test('pongs and pings do not count as data of messages', async () => {
    await begin()
    // As much as the limit for all messages together.
    for (let left = 0; left < 10; left++)
      wire.write(Buffer.concat(Array.from({ length: 1_000 }, () => frame(opcodes.pong, 'p'.repeat(125)))))
    for (let left = 0; left < 200; left++) {
      wire.write(Buffer.concat(Array.from({ length: 40 }, () => frame(opcodes.ping, 'p'.repeat(125)))))
      for (let pong = 0; pong < 40; pong++) await wire.control()
    }
    await arrives(text(message('still here')), message('still here'))
  })

  test('offered compression is not used', async () => {
    await begin()
    const offers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
    const other = await stage.wire({ headers: offers }, scheme === 'http' ? undefined : stage.secureUrl)
    expect(other.answer!.headers['sec-websocket-extensions']).toBeUndefined()
    other.write(text(message('a'), { rsv: 4 }))
    expect((await other.leave()).code).toBe(1002)
  })
})
