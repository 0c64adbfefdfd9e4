import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { WebSocketServer } from 'ws'
import { maxFragments, SocketChannel } from '../../../src/browsers/websocket/socket-channel.js'
import { Counts } from '../../../src/lib/counts.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { fragments, frame, opcodes } from '../../support/frames.js'
import { Listener } from '../../support/listener.js'
import { bodiesOf, unnoted } from '../../support/unlimited.js'
import { WebSocketWire } from '../../support/websocket-wire.js'

const clock = new FakeClock()
const bodies = bodiesOf(1)
const transport = { clock, counts: new Counts(), maxStanzaBytes: 65_536, refused: unnoted, bodies, report: unnoted }
let listener: Listener
let told: unknown[]

beforeEach(async () => {
  told = []
  const webSockets = new WebSocketServer({ noServer: true, maxFragments, handleProtocols: () => 'xmpp' })
  const server = createServer().on('upgrade', (request, socket, head) =>
    webSockets.handleUpgrade(request, socket, head, webSocket => {
      const client = { address: '192.0.2.1', secure: false }
      const channel = new SocketChannel(webSocket, socket as Socket, client, { pingInterval: 30, transport })
      channel.events = { onMessage: data => told.push(`${data}`), onGone: cut => told.push(cut) }
    }),
  )
  listener = await Listener.start(server)
})

afterEach(() => listener.stop())

test.each([
  ['a fragment', frame(opcodes.text, 'x'.repeat(50_000), { fin: false })],
  ['a part of a frame', frame(opcodes.text, 'x'.repeat(50_000)).subarray(0, -1)],
  ['a part of the head of a frame', frame(opcodes.text, 'x'.repeat(50_000)).subarray(0, 3)],
])('a client that half-closes its connection after %s leaves no connection, memory or timer', async (_what, bytes) => {
  const wire = await WebSocketWire.open(listener.url)
  wire.send('whole')
  wire.write(bytes)
  await eventually('it has arrived', () => told.length === 1 && (bytes.length < 1024 || bodies.bytes > 49_000))
  wire.halfClose()
  await eventually('the connection is closed', () => listener.open === 0)
  expect([told, bodies.bytes, clock.pending]).toEqual([['whole', 'connection-closed'], 0, 0])
  wire.drop()
})

test('the heads of fragments do not count once their messages are complete', async () => {
  const wire = await WebSocketWire.open(listener.url)
  const one = fragments(...Array.from({ length: 200 }, () => 'x'.repeat(101)))
  const all = Buffer.concat(Array.from({ length: 30 }, () => one).flat())
  for (let at = 0; at < all.length; at += 10_000) wire.write(all.subarray(at, at + 10_000))
  await eventually('all messages have come', () => told.length === 30)
  for (let pong = 0; pong < 20; pong++) wire.frame(opcodes.pong, 'x')
  wire.send('last')
  await eventually('the last message has come', () => told.length === 31)
  expect(bodies.bytes).toBe(0)
})
