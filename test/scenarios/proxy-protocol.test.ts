// Connections from a balancer that names its clients in PROXY headers.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { FakeClock } from '../support/fake-clock.js'
import { HttpSocket } from '../support/http-socket.js'
import { binaryFrom, binaryHeader, lineFrom } from '../support/proxy-headers.js'
import { startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { handshake } from '../support/websocket-wire.js'

const { cert, key } = makeCertificate(['IP:127.0.0.1'])
const TLS_CERT = testFolder().file('own.pem', cert + key)
let service: TestService | undefined
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await service?.stop()
  service = undefined
})

async function start(environment: Record<string, string> = {}, more: Pick<TestServiceOptions, 'clock'> = {}) {
  service = await startTestService({
    demo: [{ alice: 'wonderland' }],
    environment: { PROXY_PROTOCOL: 'on', TRUSTED_PROXIES: '127.0.0.1', ...environment },
    ...more,
  })
  return service
}

/** A connection from an address of this machine. */
async function dial(url: string, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), localAddress })
  sockets.push(socket.on('error', () => {}))
  await once(socket, 'connect')
  return socket
}

const open = async (...about: Parameters<typeof dial>) => new HttpSocket(await dial(...about))

/** What a client hears that sends these bytes from an address of this machine. */
async function answerTo(
  url: string,
  bytes: readonly Buffer[],
  { from, until }: { from?: string; until?: string } = {},
) {
  const client = (await open(url, from)).send(Buffer.concat(bytes))
  return until === undefined ? client.rest() : client.until(until)
}

/** A request that the service refuses and logs with its address. */
const refused = (headers = '') =>
  Buffer.from(`POST /.well-known/host-meta HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n${headers}\r\n`)

/** The addresses of refused requests, oldest first. */
const addresses = ({ lines }: TestService) =>
  lines.filter(line => line.includes('"method-not-allowed"')).map(line => JSON.parse(line).address)

test.each([
  ['version 1', lineFrom('203.0.113.9')],
  ['version 2', binaryFrom('203.0.113.9')],
])('%s: the address in the header is the client, wherever the bytes are split', async (_what, header) => {
  const own = await start()
  const bytes = Buffer.concat([header, refused()])
  for (const at of [1, header.length - 1, header.length, header.length + 1, header.length + 9, bytes.length]) {
    const client = (await open(own.url)).send(bytes.subarray(0, at))
    if (at < bytes.length) setTimeout(() => client.send(bytes.subarray(at)), 5)
    expect(await client.until('405')).toContain('HTTP/1.1 405')
  }
  expect([...new Set(addresses(own))]).toEqual(['203.0.113.9'])
})

test('a client cannot claim another address, with or without a known address of its own', async () => {
  const own = await start()
  const forged = refused('X-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n')
  const headers = [
    lineFrom('203.0.113.9'),
    Buffer.from('PROXY UNKNOWN\r\n'),
    binaryHeader(Buffer.alloc(0), { family: 0 }),
  ]
  for (const header of headers) expect(await answerTo(own.url, [header, forged])).toContain(' 405 ')
  expect(addresses(own)).toEqual(['203.0.113.9', '127.0.0.1', '127.0.0.1'])
})

test('a trusted proxy without a header gets no answer, and a line in the log', async () => {
  const own = await start()
  expect(await answerTo(own.url, [refused()])).toBe('')
  const line = own.lines.find(text => text.includes('"proxy-header"'))!
  expect(JSON.parse(line)).toMatchObject({
    level: 40,
    limit: 'proxy-header',
    setting: 'PROXY_PROTOCOL',
    address: '127.0.0.1',
    msg: expect.stringMatching(/^a connection from an address in TRUSTED_PROXIES had no PROXY header/),
  })
})

test('other addresses are served without a header, and get 400 with one', async () => {
  const own = await start()
  const from = '127.0.0.2'
  expect(await answerTo(own.url, [refused('Connection: close\r\n')], { from })).toContain(' 405 ')
  expect(addresses(own)).toEqual(['127.0.0.2'])
  expect(await answerTo(own.url, [lineFrom('203.0.113.9'), refused()], { from })).toContain('HTTP/1.1 400')
  expect(addresses(own)).toEqual(['127.0.0.2'])
})

test('a header that does not arrive closes the connection after 5 s', async () => {
  const clock = new FakeClock()
  const own = await start({}, { clock })
  const client = await open(own.url)
  const accepted = clock.pending
  client.send('PROXY TCP4')
  while (clock.pending === accepted && !own.lines.some(line => line.includes('proxy-header'))) {
    clock.advance(1_000)
    await new Promise(resolve => setImmediate(resolve))
    if (client.socket.closed) break
  }
  expect(await client.rest()).toBe('')
})

test('limits per address count the clients of the headers', async () => {
  const own = await start({ MAX_CONNECTIONS_PER_ADDRESS: '1' })
  const first = [lineFrom('203.0.113.9'), refused()]
  expect(await answerTo(own.url, first, { until: '405' })).toContain(' 405')
  expect(await answerTo(own.url, first)).toBe('')
  const other = [lineFrom('203.0.113.10'), refused('Connection: close\r\n')]
  expect(await answerTo(own.url, other)).toContain(' 405 ')
})

test('TLS, a WebSocket upgrade and denied addresses work behind the balancer', async () => {
  const own = await start({ HTTPS_PORT: '0', TLS_CERT, WEBSOCKET_ALLOW: 'any,!203.0.113.66' })
  for (const [address, status] of [
    ['203.0.113.9', '101'],
    ['203.0.113.66', '403'],
  ] as const) {
    const socket = await dial(own.service.urls[1]!)
    socket.write(binaryFrom(address))
    const secure = connectTls({ socket, ca: cert, host: '127.0.0.1' })
    expect(await new HttpSocket(secure).send(handshake()).until('\r\n\r\n')).toContain(`HTTP/1.1 ${status}`)
    secure.destroy()
  }
})

test.each([
  ['in the header', lineFrom('203.0.113.9'), '127.0.0.1', '203.0.113.9'],
  ['of a connection without a header', Buffer.alloc(0), '127.0.0.2', '127.0.0.2'],
])('a failed TLS handshake is logged with the address %s', async (_where, header, from, address) => {
  const own = await start({ HTTPS_PORT: '0', TLS_CERT })
  await answerTo(own.service.urls[1]!, [header, refused()], { from })
  const line = own.lines.find(text => text.includes('"http-to-https-port"'))!
  expect(JSON.parse(line).address).toBe(address)
})
