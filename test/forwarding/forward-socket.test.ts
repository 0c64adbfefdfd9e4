import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterEach, expect, test } from '@jest/globals'
import { WebSocket, WebSocketServer } from 'ws'
import { SocketChannel } from '../../src/browsers/websocket/socket-channel.js'
import { forwardSocket } from '../../src/forwarding/forward-socket.js'
import { refuseUpgrade } from '../../src/http/listening/upgrades.js'
import { Counts } from '../../src/lib/counts.js'
import { eventually } from '../support/eventually.js'
import { FakeClock } from '../support/fake-clock.js'
import { unlimitedBodies } from '../support/fake-web-socket.js'
import { HttpSocket } from '../support/http-socket.js'
import { unnoted } from '../support/unlimited.js'
import { handshake } from '../support/websocket-wire.js'
import { type Stage, setStage } from './stage.js'

let stage: Stage
let clock: FakeClock
let channel: SocketChannel | undefined
let connection: Duplex | undefined
let events: string[]
let counts: Counts

afterEach(() => stage.close())

/** The channel of the service, in the process with the session. */
const accept = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
  connection = socket
  const server = new WebSocketServer({ noServer: true, clientTracking: false, handleProtocols: () => 'xmpp' })
  server.handleUpgrade(req, socket, head, webSocket => {
    channel = new SocketChannel(
      webSocket,
      req.socket,
      { address: req.socket.remoteAddress!, secure: false },
      {
        pingInterval: 30,
        transport: {
          maxStanzaBytes: 1_000_000,
          clock,
          bodies: unlimitedBodies(),
          refused: unnoted,
          counts,
          report: error => void events.push(String(error)),
        },
      },
    )
    channel.events = {
      onMessage(data) {
        events.push(`${data}`)
        channel!.send(`echo ${data}`)
      },
      onDrain: () => events.push('drain'),
      onGone: cut => events.push(`gone ${cut}`),
    }
  })
}

async function begin(upgrade = accept): Promise<void> {
  clock = new FakeClock()
  counts = new Counts()
  events = []
  channel = undefined
  stage = await setStage({ upgrade })
}

async function open(): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${stage.port}/xmpp-websocket`, 'xmpp')
  await once(client, 'open')
  return client
}

const received = async (client: WebSocket) => String((await once(client, 'message'))[0])

test('messages and pings go both ways, and a closing handshake closes both sides', async () => {
  await begin()
  const client = await open()
  expect(client.protocol).toBe('xmpp')
  expect(channel!.client.address).toBe('127.0.0.1')
  client.send('one')
  expect(await received(client)).toBe('echo one')
  clock.advance(30_000)
  await eventually('a pong', () => counts.pongs.count === 1)
  client.close(1000)
  await once(client, 'close')
  await eventually('its end', () => connection!.destroyed && events.length === 2)
  expect(events).toEqual(['one', 'gone connection-closed'])
  await eventually('no stream', () => stage.links.to(stage.address).streams === 0)
})

test('a message of 500 KB arrives', async () => {
  await begin()
  const client = await open()
  client.send('x'.repeat(500_000))
  expect(await received(client)).toHaveLength(500_005)
  client.terminate()
})

test('a client that disappears ends the channel', async () => {
  await begin()
  const client = await open()
  client.terminate()
  await eventually('its end', () => events.length > 0)
  expect(events[0]).toMatch(/^gone /)
  await eventually('no stream', () => stage.links.to(stage.address).streams === 0)
})

test('a channel that is dropped closes the client', async () => {
  await begin()
  const client = await open()
  channel!.drop(1001)
  expect((await once(client, 'close'))[0]).toBe(1001)
  await eventually('no stream', () => stage.links.to(stage.address).streams === 0)
})

test('a silent client is cut by the owner’s pings', async () => {
  await begin()
  const before = channel
  const client = new HttpSocket(stage.port).send(handshake())
  await eventually('a channel', () => channel !== before)
  clock.advance(30_000)
  clock.advance(10_000)
  await client.rest()
  expect(events).toEqual(['gone no-pong'])
})

test('a client that reads nothing puts the channel behind, and then lets it go on', async () => {
  await begin()
  const client = await open()
  client.pause()
  let sent = 0
  for (; !channel!.isBehind && sent < 2_000; sent++) {
    channel!.send('x'.repeat(50_000))
    await new Promise(setImmediate)
  }
  expect(channel!.isBehind).toBe(true)
  let messages = 0
  client.on('message', () => messages++)
  client.resume()
  await eventually('all messages', () => messages === sent)
  expect(channel!.isBehind).toBe(false)
  expect(events).toContain('drain')
  client.terminate()
})

test('a refusal reaches the client', async () => {
  await begin((_req, socket) => refuseUpgrade(socket, 403, 'Not from here.', ['X-A', 'b']))
  const client = new WebSocket(`ws://127.0.0.1:${stage.port}/`, 'xmpp')
  const [, res] = await once(client, 'unexpected-response')
  expect([res.statusCode, res.headers['x-a']]).toEqual([403, 'b'])
  expect(String((await once(res, 'data'))[0])).toBe('Not from here.\n')
})

test('a link that breaks closes the client', async () => {
  await begin()
  const client = await open()
  stage.links.close()
  expect((await once(client, 'close'))[0]).toBe(1006)
  expect(stage.lost).toEqual([])
  await eventually('its end', () => events.length > 0)
})

test('a socket that was accepted here goes on there, with what was read already', async () => {
  await begin()
  stage.front.removeAllListeners('upgrade')
  const server = new WebSocketServer({ noServer: true, clientTracking: false, handleProtocols: () => 'xmpp' })
  stage.front.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    const read: Buffer[] = []
    // `ws` unmasks in place.
    socket.on('data', chunk => read.push(Buffer.from(chunk)))
    server.handleUpgrade(req, socket, head, webSocket =>
      webSocket.once('message', () => {
        socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close')
        forwardSocket(stage.links.to(stage.address), req, socket, Buffer.concat(read), {
          isAccepted: true,
          onLost: how => console.error(how),
        })
      }),
    )
  })
  const client = await open()
  client.send('first')
  expect(await received(client)).toBe('echo first')
  client.send('second')
  expect(await received(client)).toBe('echo second')
  expect(events).toEqual(['first', 'second'])
  client.terminate()
})
