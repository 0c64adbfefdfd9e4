import { createSecretKey, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { PeerLinks } from '../../src/forwarding/peer-links.js'
import type { PeerListener } from '../../src/forwarding/peer-listener.js'
import { eventually } from '../support/eventually.js'
import { FakeClock } from '../support/fake-clock.js'
import { freshPath, listenWith, socketAt } from './stage.js'

const keyOf = (byte: number) => createSecretKey(Buffer.alloc(32, byte))

let keys: readonly KeyObject[]
let owner: PeerListener
let port: number
let requests: number
let faults: unknown[]
const opened: Socket[] = []

beforeEach(async () => {
  requests = 0
  faults = []
  keys = [keyOf(1)]
  owner = await listenWith({
    address: { host: '127.0.0.1', port: 0 },
    keys: () => keys,
    listener: (_req, res) => {
      requests += 1
      res.end('answer')
    },
    report: error => faults.push(error),
  })
  port = (owner.address as AddressInfo).port
})

afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy()
  await owner.close()
  expect(faults).toEqual([])
})

/** Status of the answer over a link with these keys, or how the request was lost. */
async function ask(...own: readonly KeyObject[]): Promise<unknown> {
  const links = new PeerLinks({ keys: () => own, clock: new FakeClock() })
  const link = links.to({ host: '127.0.0.1', port })
  const stream = link.request({ ':method': 'GET', ':path': '/', 'warm-target': '/', 'warm-client': '{}' })
  const status = await Promise.race([
    once(stream, 'response').then(([headers]) => headers[':status']),
    new Promise(resolve => stream.once('close', () => resolve(link.lost))),
  ])
  links.close()
  return status
}

test('only a process is served whose first key is any of the keys, also after a reload', async () => {
  expect(await ask(keyOf(2))).toBe('unreachable')
  expect(await ask(keyOf(2), keyOf(1))).toBe('unreachable')
  expect(requests).toBe(0)
  keys = [keyOf(1), keyOf(2)]
  expect(await ask(keyOf(2), keyOf(1))).toBe(200)
  expect(requests).toBe(1)
  keys = [keyOf(2)]
  expect(await ask(keyOf(1))).toBe('unreachable')
  expect(await ask(keyOf(2))).toBe(200)
})

test.each([
  ['TLS 1.3 with certificates', { rejectUnauthorized: false }],
  ['TLS 1.2 with certificates', { rejectUnauthorized: false, maxVersion: 'TLSv1.2' }],
  [
    'another name of the key',
    {
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
      pskCallback: () => ({ psk: Buffer.alloc(32), identity: 'root' }),
    },
  ],
] as const)('a client with %s ends in its handshake', async (_what, options) => {
  const socket = connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], ...options })
  opened.push(socket)
  const secured = jest.fn()
  socket.once('secureConnect', secured).on('error', () => {})
  await new Promise(resolve => socket.once('close', resolve))
  expect(secured).not.toHaveBeenCalled()
})

test('a client without TLS is cut off', async () => {
  const socket = connectTcp(port, '127.0.0.1')
  opened.push(socket)
  const session = connectHttp2('http://peer', { createConnection: () => socket })
  session.on('error', () => {})
  session.request({ ':path': '/' }).on('error', () => {})
  await new Promise(resolve => socket.once('close', resolve))
  expect(requests).toBe(0)
})

test('connections that are closed before their handshake take no room from another', async () => {
  const waiting = connectTcp(port, '127.0.0.1')
  opened.push(waiting)
  await once(waiting.resume(), 'connect')
  for (let count = 0; count < 70; count++) {
    const socket = connectTcp(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
  }
  expect(await ask(keyOf(1))).toBe(200)
  expect(waiting.readyState).toBe('open')
})

test('closes although a peer that hangs is killed meanwhile', async () => {
  const accept = jest.fn(() => true)
  const path = freshPath()
  const plain = await listenWith({ address: socketAt(path), accept })
  // It reads nothing, so its end is a reset.
  const socket = connectTcp(path).pause()
  const [settings, post] = [
    Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0),
    Buffer.of(0, 0, 6, 1, 4, 0, 0, 0, 1, 0x83, 0x86, 0x84, 0x41, 1, 0x70),
  ]
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, post]))
  await eventually('it arrives', () => accept.mock.calls.length > 0)
  const closed = plain.close(60_000)
  await new Promise(setImmediate)
  socket.destroy()
  await closed
})

test('silent connections do not keep processes out', async () => {
  for (let count = 0; count < 100; count++) {
    const socket = connectTcp(port, '127.0.0.1')
    opened.push(socket)
    socket.resume().on('error', () => {})
    await once(socket, 'connect')
  }
  await eventually('the end of the oldest', () => opened.filter(({ destroyed }) => !destroyed).length <= 64)
  expect(await ask(keyOf(1))).toBe(200)
})
