// A client's WebSocket is at one process, and its session at another.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { CarriedChannel } from '../../../src/browsers/websocket/carried-channel.js'
import { type CarriedClient, CarriedSockets } from '../../../src/browsers/websocket/carried-sockets.js'
import type { Channel, ChannelEvents } from '../../../src/browsers/websocket/channel.js'
import type { WebSocketCut } from '../../../src/lib/counts.js'
import type { Nodes } from '../../../src/processes/nodes.js'
import type { FakeClock } from '../../support/fake-clock.js'
import { type AttachOptions, close, type FakeWebSocket, fakeChannel } from '../../support/fake-web-socket.js'
import { arrived, joinNodes } from '../../support/joined-nodes.js'
import type { MemoryNetwork } from '../../support/memory-carrier.js'

const client: CarriedClient = {
  wants: 'session',
  address: '192.0.2.7',
  isSecure: true,
  secureUrl: undefined,
}
const before = { domain: 'chat.example', failures: 1 }

/** The events that the session gets. */
class Heard implements ChannelEvents {
  readonly notes: string[] = []
  read = (_message: string): void => {}

  onMessage(message: Buffer): void {
    this.notes.push(message.toString())
    this.read(message.toString())
  }

  onDrain(): void {
    this.notes.push('drain')
  }

  onArrived(): void {
    this.notes.push('arrived')
  }

  onGone(cut: WebSocketCut | undefined): void {
    this.notes.push(cut ?? 'left')
  }
}

let clock: FakeClock
let network: MemoryNetwork
let nodes: Nodes[]
let edge: CarriedSockets
/** Received with the WebSocket. */
let known: { client: CarriedClient; credentials: string }
/** At the process of the session. */
let channel: CarriedChannel
let heard: Heard
const faults: unknown[] = []

beforeEach(async () => {
  ;({ clock, network, nodes } = await joinNodes('aaaaaaaa', 'bbbbbbbb'))
  edge = new CarriedSockets(nodes[0]!)
  const owner = new CarriedSockets(nodes[1]!)
  const begin = (given: Channel, about: CarriedClient, credentials: Buffer) => {
    known = { client: about, credentials: credentials.toString() }
    channel = given as CarriedChannel
    heard = new Heard()
    channel.events = heard
  }
  const report = (error: unknown) => void faults.push(error)
  edge.serve('here', { begin, report })
  owner.serve('here', { begin, report })
})

afterEach(async () => {
  await Promise.all(nodes.map(node => node.close()))
  expect(clock.pending).toBe(0)
  expect(faults.splice(0)).toEqual([])
})

/** Carries a WebSocket to the session's process. */
async function carried(
  about: Partial<CarriedClient> = {},
  site = 'here',
  options: AttachOptions = {},
): Promise<FakeWebSocket> {
  const { socket, channel } = fakeChannel(clock, options)
  edge.carry('bbbbbbbb', site, channel, { ...client, ...about }, about.before && '<auth/>')
  await arrived()
  return socket
}

/** The client answers the close. */
function leave(...sockets: readonly FakeWebSocket[]): void {
  for (const socket of sockets) socket.leave()
}

test('carries messages in both directions in order, and describes the client', async () => {
  const socket = await carried({ before, secureUrl: 'wss://chat.example/' })
  expect(known.client).toEqual({ ...client, before, secureUrl: 'wss://chat.example/' })
  expect(known.credentials).toBe('<auth/>')
  expect([channel.address, channel.isSecure, channel.isOpen]).toEqual(['192.0.2.7', true, true])
  for (let count = 0; count < 100; count++) {
    socket.receive(`<a n='${count}'>ä</a>`)
    channel.send(`<b n='${count}'>ö</b>`)
  }
  await arrived()
  expect(heard.notes).toEqual(Array.from({ length: 100 }, (_, count) => `<a n='${count}'>ä</a>`))
  expect(socket.sent).toEqual(Array.from({ length: 100 }, (_, count) => `<b n='${count}'>ö</b>`))
  leave(socket)
  await arrived()
  expect(heard.notes.at(-1)).toBe('socket-broken')
  expect([channel.isOpen, edge.size]).toEqual([false, 0])
})

test('a probe is answered when the client has received all earlier messages', async () => {
  const socket = await carried({ isProbed: true }, 'here', { pings: true })
  expect(channel.isProbed).toBe(true)
  channel.send('<a/>')
  channel.probe()
  await arrived()
  socket.isConnected = false
  channel.send('<b/>')
  channel.probe()
  await arrived()
  expect([socket.sent, heard.notes]).toEqual([['<a/>', '<b/>'], ['arrived']])
  leave(socket)
})

test('no probe is sent if the client cannot answer it, or its process does not support probes', async () => {
  for (const about of [{}, { isProbed: false }]) {
    const socket = await carried(about, 'here', { pings: true })
    channel.probe()
    await arrived()
    expect([channel.isProbed, heard.notes]).toEqual([false, []])
    leave(socket)
  }
})

test('the client’s connection is closed if the other process has no such endpoint', async () => {
  const socket = await carried({}, 'nowhere')
  expect([socket.isGone, edge.size]).toEqual([true, 0])
})

describe('more data than the client reads', () => {
  const long = `<a>${'x'.repeat(30_000)}</a>`

  test('waits at the client while the session does not read', async () => {
    const socket = await carried()
    channel.pause()
    let sent = 0
    while (!socket.isPaused && sent < 100) {
      socket.receive(long)
      sent += 1
    }
    await arrived()
    expect([socket.isPaused, sent]).toEqual([true, 3])
    channel.resume()
    await arrived()
    expect(socket.isPaused).toBe(false)
    for (let count = 0; count < 10; count++) {
      socket.receive(long)
      await arrived()
    }
    expect([socket.isPaused, heard.notes.length]).toEqual([false, 13])
    leave(socket)
  })

  test('is limited in many small pieces and in one large piece', async () => {
    const socket = await carried()
    channel.pause()
    let count = 0
    while (!socket.isPaused && count < 100_000) socket.receive(`<a n='${count++ % 10}'/>`)
    expect(count * 9).toBeLessThan(70_000)
    await arrived()
    channel.resume()
    await arrived()
    expect(heard.notes).toHaveLength(count)
    channel.pause()
    socket.receive(`<a>${'x'.repeat(500_000)}</a>`)
    expect(socket.isPaused).toBe(true)
    await arrived()
    channel.resume()
    await arrived()
    expect(socket.isPaused).toBe(false)
    leave(socket)
  })

  test('that is no element pauses the client until the session ends', async () => {
    for (const nothing of ['', ' ', '<>']) {
      const socket = await carried()
      socket.receive(nothing)
      expect(socket.isPaused).toBe(true)
      await arrived()
      expect(heard.notes).toEqual([nothing])
      channel.end(undefined, ['<error/>'])
      await arrived()
      expect([socket.isPaused, socket.sent]).toEqual([false, ['<error/>', close]])
      leave(socket)
    }
  })

  test('waits at the session while the client does not read', async () => {
    const socket = await carried()
    socket.bufferedAmount = 100_000
    let sent = 0
    while (!channel.isBehind) {
      channel.send(long)
      sent += 1
    }
    await arrived()
    expect([sent, heard.notes]).toEqual([3, []])
    expect(channel.isBehind).toBe(true)
    socket.drain()
    await arrived()
    expect([channel.isBehind, heard.notes]).toEqual([false, ['drain']])
    // There is no limit for a client that reads.
    for (let count = 0; count < 20; count++) {
      channel.send(long)
      await arrived()
      expect(channel.isBehind).toBe(false)
    }
    expect(socket.sent).toHaveLength(23)
    leave(socket)
  })
})

describe('an end', () => {
  test('by the session arrives after its last messages', async () => {
    const socket = await carried()
    socket.isPaused = true
    channel.send('<a/>')
    channel.end(1001, ['<open/>', '<error/>'], 'wss://other.example/')
    channel.send('<late/>')
    expect([channel.isOpen, heard.notes]).toEqual([false, []])
    await arrived()
    expect(heard.notes).toEqual(['left'])
    expect(socket.sent).toEqual([
      ...['<a/>', '<open/>', '<error/>'],
      `<close xmlns="urn:ietf:params:xml:ns:xmpp-framing" see-other-uri="wss://other.example/" />`,
    ])
    expect([socket.isPaused, socket.closedWith, edge.size]).toEqual([false, undefined, 0])
    socket.receive(close)
    expect(socket.closedWith).toBe(1001)
    leave(socket)
    await arrived()
    expect(heard.notes).toEqual(['left'])
  })

  test('by a client with <close/> is answered', async () => {
    const socket = await carried()
    heard.read = () => channel.answerClose()
    socket.receive(close)
    await arrived()
    expect([socket.sent, socket.closedWith, heard.notes]).toEqual([[close], 1000, [close, 'left']])
    leave(socket)
  })

  test('of the connection reaches the session after all earlier messages', async () => {
    const socket = await carried()
    socket.receive('<a/>')
    socket.receive('<b/>')
    leave(socket)
    await arrived()
    expect(heard.notes).toEqual(['<a/>', '<b/>', 'socket-broken'])
    channel.send('<c/>')
    channel.end()
    await arrived()
    expect([heard.notes.length, socket.sent]).toEqual([3, []])
  })

  test('of the process with the WebSocket, or of its connection, reaches the session', async () => {
    const socket = await carried()
    network.lose('aaaaaaaa', 'bbbbbbbb')
    expect(heard.notes).toEqual(['process-lost'])
    const other = await carried()
    await arrived()
    network.kill('aaaaaaaa')
    await arrived()
    expect(heard.notes).toEqual(['process-lost'])
    leave(socket, other)
  })

  test.each([
    ['of the process with the session', () => network.kill('bbbbbbbb')],
    ['of the connection to it', () => network.lose('aaaaaaaa', 'bbbbbbbb')],
  ])('%s closes the WebSocket with 1012, without the end of a stream', async (_what, act) => {
    const [early, late] = [await carried(), await carried({ before })]
    act()
    await arrived()
    expect(late.closedWith).toBe(1012)
    expect(late.sent).toEqual([])
    // Strophe ignores a code before the first answer.
    expect([early.isGone, early.closedWith]).toEqual([true, undefined])
    expect(edge.size).toBe(0)
    leave(late)
  })

  test('is assumed for a process that is silent for ten seconds, and its clients are disconnected', async () => {
    const socket = await carried()
    channel.send('<a/>')
    await arrived()
    network.stop('bbbbbbbb')
    for (let second = 0; second < 11; second++) {
      clock.advance(1_000)
      await arrived()
    }
    expect(socket.closedWith).toBe(1012)
    network.goOn('bbbbbbbb')
    await arrived()
    clock.advance(1_000)
    await arrived()
    expect(heard.notes).toEqual(['process-lost'])
    leave(socket)
  })

  test('of the process with the WebSocket, if planned, reaches client and session', async () => {
    const socket = await carried()
    channel.send('<a/>')
    await arrived()
    edge.shutDown()
    expect([socket.closedWith, socket.sent, edge.size]).toEqual([1001, ['<a/>'], 0])
    await arrived()
    expect(heard.notes).toEqual(['process-lost'])
    leave(socket)
  })

  test('closes the WebSocket if the named process no longer exists', async () => {
    const { socket, channel } = fakeChannel(clock)
    edge.carry('cccccccc', 'here', channel, client)
    socket.receive('<a/>')
    await arrived()
    expect(socket.isGone).toBe(true)
  })

  test('closes the WebSocket with 1012 if the session fails unexpectedly', async () => {
    const socket = await carried({ before })
    const fault = new Error('unforeseen')
    heard.read = () => {
      throw fault
    }
    socket.receive('<a/>')
    await arrived()
    expect(faults.splice(0)).toEqual([fault])
    expect(heard.notes).toEqual(['<a/>', 'process-lost'])
    expect(socket.closedWith).toBe(1012)
    leave(socket)
  })
})

test('a node name in a token selects the process, and new sessions go to a process that is not draining', async () => {
  expect(edge.ownerOf('bbbbbbbb')).toBe('bbbbbbbb')
  for (const name of ['aaaaaaaa', 'cccccccc', '', 'bbbbbbb', '__proto__']) expect(edge.ownerOf(name)).toBeUndefined()
  expect(edge.nodeForNewSession()).toBe('bbbbbbbb')
  nodes[1]!.drain()
  await arrived()
  expect(edge.nodeForNewSession()).toBeUndefined()
})
