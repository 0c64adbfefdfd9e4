// Limits of a WebSocket: silence, bytes, connections and sessions. And what operators see and can end.
import { afterEach, describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { FakeClock } from '../support/fake-clock.js'
import { fragments, frame, opcodes, text } from '../support/frames.js'
import { testRest } from '../support/matrix.js'
import { scrape } from '../support/scrape.js'
import type { TestServiceOptions } from '../support/start-service.js'
import { auth, close, faultOf, features, goodbye, header, message, open, Stage } from '../support/websocket-stage.js'
import type { WebSocketWire } from '../support/websocket-wire.js'

let stage: Stage

const set = async (environment: Record<string, string> = {}, more: Omit<TestServiceOptions, 'environment'> = {}) => {
  stage = await Stage.set({ environment, ...more })
}

afterEach(() => stage.strike())

const gone = async (wire: WebSocketWire) => {
  // Only a write shows that a connection is gone whose other side was already closed.
  const probe = setInterval(() => wire.frame(opcodes.pong), 50)
  if (!wire.socket.closed) await new Promise(resolve => wire.socket.once('close', resolve))
  clearInterval(probe)
}
/** Lets the other side handle bytes in transit. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
}

const logged = (msg: string) =>
  stage.service.lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(line => line['msg'] === msg)
/** What the log has of each session. */
const about = { part: 'websocket', transport: 'websocket', address: '127.0.0.1' }

describe('timeouts', () => {
  const silent = { answersPings: false }
  let clock: FakeClock
  const begin = async (environment: Record<string, string> = {}) => {
    clock = new FakeClock()
    await set(environment, { clock })
  }
  const pass = async (seconds: number) => {
    clock.advance(seconds * 1000)
    await settled()
  }

  test('a ping is sent every 30 seconds, and must be answered within ten', async () => {
    await begin({ METRICS_ADDRESS: '127.0.0.1:0', BOSH_LOGIN_TIMEOUT: '0' })
    const { wire, link } = await stage.pair(silent)
    for (let round = 0; round < 3; round++) {
      await pass(round === 0 ? 30 : 28)
      const ping = await wire.control()
      expect(ping.opcode).toBe(opcodes.ping)
      clock.advance(2_000)
      wire.frame(opcodes.pong, ping.payload).send(message(`${round}`))
      await link.until('</message>')
    }
    const { samples } = await scrape(stage.service.service.metricsUrl)
    expect(samples.get('warm_bindings_websocket_pongs_total')).toBe(3)
    expect(samples.get('warm_bindings_websocket_pong_seconds_total')).toBe(6)
    await pass(28)
    expect((await wire.control()).opcode).toBe(opcodes.ping)
    await pass(9)
    expect(stage.sessions).toBe(1)
    await pass(2)
    expect((await wire.rest()).code).toBe(1006)
    expect(await link.rest()).toBe('')
    expect(stage.sessions).toBe(0)
    expect(logged('session ended')).toMatchObject([{ ...about, reason: 'no-pong' }])
  })

  test('no ping is sent with WEBSOCKET_PING_INTERVAL=0, and an idle client is disconnected', async () => {
    await begin({ WEBSOCKET_PING_INTERVAL: '0', BOSH_LOGIN_TIMEOUT: '0' })
    const { wire, link } = await stage.pair(silent)
    await pass(800)
    wire.send(message('here'))
    await link.until('</message>')
    await pass(839)
    expect(stage.sessions).toBe(1)
    await pass(2)
    expect((await wire.rest()).code).toBe(1006)
    expect(wire.controls).toEqual([])
    await link.gone
    expect(logged('session ended')).toMatchObject([{ ...about, reason: 'idle-timeout' }])
  })

  test('a client in the middle of a message is pinged and disconnected too', async () => {
    await begin()
    const { wire } = await stage.pair(silent)
    wire.write(frame(opcodes.text, '<message', { fin: false }))
    await pass(30)
    expect((await wire.control()).opcode).toBe(opcodes.ping)
    await pass(11)
    expect((await wire.rest()).code).toBe(1006)
  })

  test('a stream must be opened within ten seconds', async () => {
    await begin()
    const wire = await stage.wire()
    await pass(10)
    const [opening, fault, end] = [await wire.message(), await wire.message(), await wire.message()]
    expect(opening).toContain('<open ')
    expect([fault, end]).toEqual([faultOf('connection-timeout'), close])
  })

  test.each([
    // Data in transit is no answer.
    ['does not answer <close/>', message('on its way')],
    ['answers <close/>, but keeps the WebSocket open,', close],
  ])('a client that %s is disconnected after five seconds', async (_what, said) => {
    await begin()
    const { wire } = await stage.pair(silent)
    wire.send('<a>')
    expect([await wire.message(), await wire.message()]).toEqual([faultOf('not-well-formed'), close])
    await settled()
    await pass(4)
    wire.send(said)
    await settled()
    expect(wire.socket.readableEnded).toBe(false)
    await pass(1)
    expect((await wire.next()).opcode).toBe(opcodes.close)
    await gone(wire)
  })

  test('a client must log in within BOSH_LOGIN_TIMEOUT', async () => {
    await begin({ BOSH_LOGIN_TIMEOUT: '60', WEBSOCKET_PING_INTERVAL: '0' })
    const { wire, link } = await stage.pair()
    await pass(59)
    wire.send(auth)
    await link.until('</auth>')
    await pass(2)
    expect(await wire.message()).toBe(faultOf('connection-timeout'))
    expect(await wire.message()).toBe(close)
    expect(await goodbye(link)).toBe('</stream:stream>')
  })

  test('a client above RATE_SESSION_BYTES is read later, and no data is lost', async () => {
    await begin({ RATE_SESSION_BYTES: '400', BOSH_LOGIN_TIMEOUT: '0' })
    const { wire, link } = await stage.pair()
    const sent = Array.from({ length: 400 }, (_, number) => message(`${number} ${'x'.repeat(1_000)}`))
    for (const one of sent) {
      wire.send(one)
      await settled()
    }
    // At most one read from the network, and the data before it.
    expect(link.unread.length).toBeLessThan(70_000)
    // It answers pings only after the data that it has sent.
    const rest = wire.rest()
    const isThere = () => link.unread.length >= sent.join('').length
    for (let second = 0; second < 600 && !isThere(); second++) await pass(1)
    expect(link.unread === sent.join('')).toBe(true)
    for (let second = 0; second < 60; second++) await pass(1)
    expect(wire.controls.length).toBeGreaterThanOrEqual(2)
    // It was not disconnected although it was not read.
    expect(stage.sessions).toBe(1)
    wire.drop()
    await rest
  })
})

describe('data', () => {
  test('that a server does not read slows its client down, and is not lost', async () => {
    await set({ RATE_SESSION_BYTES: '0' })
    const { wire, link } = await stage.loggedIn()
    link.raw.pause()
    const one = message('x'.repeat(100_000))
    let written = 0
    // Until all buffers of the operating system are full.
    for (; written < 400 && wire.socket.writableLength < 4_000_000; written++) {
      wire.send(one)
      await settled()
    }
    expect(wire.socket.writableLength).toBeGreaterThan(4_000_000)
    link.raw.resume()
    await eventually('all data has arrived', () => link.unread.length === written * one.length)
  })

  testRest('of incomplete messages is limited for all clients together', async () => {
    await set({ MAX_UNFINISHED_MB: '1', MAX_STANZA_BYTES: '524288' })
    const big = 'x'.repeat(700_000)
    const [first, second] = [await stage.pair(), await stage.pair()]
    first.wire.write(frame(opcodes.text, `<message xmlns='jabber:client'>${big}`, { fin: false }))
    await settled()
    first.wire.frame(opcodes.ping)
    expect((await first.wire.control()).opcode).toBe(opcodes.pong)
    second.wire.write(frame(opcodes.text, `<message xmlns='jabber:client'>${big}`, { fin: false }))
    expect((await second.wire.leave()).code).toBe(1013)
    // Messages that arrive whole do not count.
    const third = await stage.pair()
    third.wire.send(message('whole'))
    expect(await third.link.until('</message>')).toBe(message('whole'))
    // It was too long for a stanza, and counted until it was complete.
    first.wire.frame(opcodes.continuation, '</message>')
    expect(await first.wire.message()).toBe(faultOf('policy-violation'))
    const fourth = await stage.loggedIn()
    fourth.wire.write(...fragments(message('x'.repeat(200_000)).slice(0, -5), 'sage>'))
    expect(await fourth.link.until('</message>')).toHaveLength(message('').length + 200_000)
  })

  test('that is read together with a fragment counts with it', async () => {
    await set({ MAX_UNFINISHED_MB: '1' })
    const filler = Buffer.concat(Array.from({ length: 400 }, () => frame(opcodes.pong, 'x'.repeat(125))))
    const clients: WebSocketWire[] = []
    for (let client = 0; client < 4; client++) {
      const wire = await stage.wire()
      for (let part = 0; part < 7; part++) {
        const opcode = part === 0 ? opcodes.text : opcodes.continuation
        wire.write(Buffer.concat([filler, frame(opcode, '<', { fin: false })]))
        await settled()
      }
      clients.push(wire)
    }
    // Three clients fit into the limit.
    expect((await clients[3]!.leave()).code).toBe(1013)
  })

  test('of messages that follow each other without a pause does not add up', async () => {
    await set({ MAX_UNFINISHED_MB: '1', RATE_SESSION_BYTES: '0' })
    const { wire, link } = await stage.loggedIn()
    const one = message('x'.repeat(200_000))
    const all = Buffer.concat(Array.from({ length: 20 }, () => frame(opcodes.text, one)))
    for (let at = 0; at < all.length; at += 50_000) {
      wire.write(all.subarray(at, at + 50_000))
      await settled()
    }
    await eventually('all messages have arrived', () => link.unread.length === 20 * one.length)
  })

  test('in 200 frames is a message', async () => {
    await set({})
    const { wire, link } = await stage.loggedIn()
    wire.write(...fragments(...(message('x'.repeat(20_000)).match(/.{1,101}/g) ?? [])))
    expect(await link.until('</message>')).toBe(message('x'.repeat(20_000)))
  })

  test('of pongs and pings does not count as data of messages', async () => {
    await set({ MAX_UNFINISHED_MB: '2' })
    const { wire, link } = await stage.pair()
    for (let left = 0; left < 10; left++)
      wire.write(Buffer.concat(Array.from({ length: 1_000 }, () => frame(opcodes.pong, 'p'.repeat(125)))))
    for (let left = 0; left < 200; left++) {
      wire.write(Buffer.concat(Array.from({ length: 40 }, () => frame(opcodes.ping, 'p'.repeat(125)))))
      for (let pong = 0; pong < 40; pong++) await wire.control()
    }
    wire.send(message('still here'))
    expect(await link.until('</message>')).toBe(message('still here'))
  })

  test('that is read after an invalid frame still counts', async () => {
    await set({ MAX_UNFINISHED_MB: '1', MAX_STANZA_BYTES: '524288' })
    const first = await stage.wire()
    first.frame(opcodes.binary, 'x')
    first.write(frame(opcodes.text, 'x'.repeat(900_000), { fin: false }))
    await settled()
    const second = await stage.wire()
    second.write(frame(opcodes.text, `<message>${'x'.repeat(700_000)}`, { fin: false }))
    expect((await second.leave()).code).toBe(1013)
  })
})

test.each([10_000, 700_000])(
  'with MAX_STANZA_BYTES=%d, a client can send as much, more is a policy-violation, and a message twice as long closes',
  async most => {
    await set({ MAX_STANZA_BYTES: String(most), RATE_SESSION_BYTES: '0' })
    const ofBytes = (bytes: number) => message('x'.repeat(bytes - message('').length))
    const [{ wire, link }, second, third] = [await stage.loggedIn(), await stage.pair(), await stage.pair()]
    wire.send(ofBytes(most))
    expect((await link.until('</message>')).length).toBe(most)
    wire.send(ofBytes(most + 1))
    expect(await wire.message()).toBe(faultOf('policy-violation'))
    second.wire.send(ofBytes(2 * most))
    expect(await second.wire.message()).toBe(faultOf('policy-violation'))
    third.wire.send(ofBytes(2 * most + 1))
    expect((await third.wire.leave()).code).toBe(1009)
  },
)

test('a server can send 4 MiB, and gets an error for a longer stanza that awaits an answer', async () => {
  await set({ RATE_SESSION_BYTES: '0' })
  const { wire, link } = await stage.loggedIn()
  const roster = (bytes: number) => {
    const [begin, end] = ["<iq xmlns='jabber:client' type='result' id='r'><query>", '</query></iq>']
    return begin + '<item/>'.repeat((bytes - begin.length - end.length) / 7) + end
  }
  const long = 4 * 1_048_576
  const large = `<message from='a@b' id='m'>${'x'.repeat(long)}</message>`
  link.send(roster(long + 20) + roster(long) + large)
  expect(await wire.message()).toMatch(/^<iq [^>]*type='error'[^>]* id='r'><error type='cancel'><policy-violation /)
  expect(await wire.message()).toBe(roster(long))
  expect(await link.until('</message>')).toMatch(/^<message [^>]*type='error' to='a@b' id='m'><error type='modify'>/)
})

test.each<[string, (wire: WebSocketWire) => unknown]>([
  ['too-many-fragments', wire => wire.write(...fragments(...'x'.repeat(257)))],
  ['message-too-long', wire => wire.send(message('x'.repeat(600_000)))],
  ['bad-frame', wire => wire.frame(opcodes.binary, 'x')],
  ['bad-frame', wire => wire.write(frame(opcodes.text, Buffer.from([0xff])))],
  ['connection-closed', wire => wire.frame(opcodes.close)],
  ['connection-closed', wire => wire.halfClose()],
  ['socket-broken', wire => wire.socket.resetAndDestroy()],
  ['policy-violation', wire => wire.send('<a>')],
  ['client', wire => wire.send(close)],
])('the log contains the address of a WebSocket session, and the reason of its end: %s', async (reason, act) => {
  await set({ LOG_LEVEL: 'info,websocket=debug', METRICS_ADDRESS: '127.0.0.1:0' })
  const { wire } = await stage.loggedIn()
  expect(logged('session created')).toMatchObject([about])
  act(wire)
  await stage.isOver()
  expect(logged('session ended')).toMatchObject([{ ...about, reason }])
  const { samples } = await scrape(stage.service.service.metricsUrl)
  expect(samples.get(`warm_bindings_sessions_ended_total{reason="${reason}"}`)).toBe(1)
  for (const [limit, cut] of [
    ['fragments', 'too-many-fragments'],
    ['stanza', 'message-too-long'],
  ])
    expect(samples.get(`warm_bindings_refused_total{limit="${limit}"}`)).toBe(Number(reason === cut))
})

test('operators find no secret in the log, at any level', async () => {
  await set({ ASSUME_SECURE: 'on' })
  const secrets = ['Pa55w0rd-of-juliet', 'sent-by-juliet', 'sent-to-juliet', 'id-of-the-stream']
  const { wire, link } = await stage.opening(open("to='localhost' from='juliet@localhost' version='1.0'"))
  link.send(header(secrets[3]) + features())
  await wire.message()
  await wire.message()
  const plain = Buffer.from(`\0juliet\0${secrets[0]}`).toString('base64')
  wire.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`)
  await link.until('</auth>')
  wire.send(message(secrets[1]!))
  await link.until('</message>')
  link.send(message(secrets[2]!))
  expect(await wire.message()).toContain(secrets[2])
  wire.send(`<a>${secrets[1]}`)
  wire.write(text(`<${secrets[1]}`))
  await wire.leave()
  await stage.isOver()
  for (const secret of [...secrets, plain])
    expect(stage.service.lines.filter(line => line.includes(secret))).toEqual([])
  expect(stage.service.lines.join('')).toContain('session created')
})
