import { once } from 'node:events'
import { createServer, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect } from 'node:tls'
import { afterEach, describe, expect, test } from '@jest/globals'
import { IdleConnections } from '../../src/http/idle-connections.js'
import { AppRequest, AppResponse } from '../../src/http/messages.js'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { FakeClock } from '../support/fake-clock.js'
import { HttpSocket, post } from '../support/http-socket.js'

const seconds = 75

let clock: FakeClock
let server: Server & { closeAllConnections(): void }
const clients: HttpSocket[] = []
/** Responses that wait for what a test does with them. */
let held: ServerResponse[] = []
/** How many connections the server knows to be open. */
let open = 0

afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.destroy()
  server.closeAllConnections()
  server.close()
})

async function start(kind: 'http' | 'https', options: ServerOptions = {}): Promise<void> {
  clock = new FakeClock()
  held = []
  const idle = new IdleConnections(clock, seconds)
  const listener = idle.announce((req, res) => {
    if (req.url === '/held') held.push(res)
    else res.end('x')
    req.resume()
  })
  const settings = {
    IncomingMessage: AppRequest,
    ServerResponse: AppResponse,
    keepAliveTimeout: 0,
    ...options,
  }
  server =
    kind === 'http'
      ? createServer(settings, listener)
      : createTlsServer({ ...settings, ...makeCertificate(['DNS:localhost']) }, listener)
  idle.watch(server)
  open = 0
  server.on(kind === 'http' ? 'connection' : 'secureConnection', (socket: Socket) => {
    open++
    socket.on('close', () => open--)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
}

async function visit(): Promise<HttpSocket> {
  const { port } = server.address() as AddressInfo
  const isSecure = 'setSecureContext' in server
  const client = new HttpSocket(
    isSecure ? connect({ port, host: '127.0.0.1', rejectUnauthorized: false }) : port,
  )
  clients.push(client)
  await once(client.socket, isSecure ? 'secureConnect' : 'connect')
  return client
}

/** Whether the server has hung up. */
const isClosed = (client: HttpSocket) => client.rest().then(() => true)
/** Whether it answers one more request. */
const answers = async (client: HttpSocket) => (await client.send(post('y')).reply()).body === 'x'

describe.each(['http', 'https'] as const)('%s: a connection', kind => {
  test('is kept for as long as its replies say, and closed soon after', async () => {
    await start(kind)
    const client = await visit()
    const { head } = await client.send(post('y')).reply()
    expect(head).toContain(`Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`)
    clock.advance(seconds * 1000)
    expect(await answers(client)).toBe(true)
    clock.advance(seconds * 1000 + 10_000)
    expect(await isClosed(client)).toBe(true)
  })

  test('is kept while its client asks something now and then', async () => {
    await start(kind)
    const client = await visit()
    for (let times = 0; times < 5; times++) {
      expect(await answers(client)).toBe(true)
      clock.advance(60_000)
    }
  })

  test('is kept while a reply is owed, and counts from there on', async () => {
    await start(kind)
    const client = await visit()
    expect(await answers(client)).toBe(true)
    clock.advance(60_000)
    client.send(post('y').replace('POST /', 'POST /held'))
    await eventually('it is held', () => held.length === 1)
    clock.advance(600_000)
    held[0]!.end('late')
    expect((await client.reply()).body).toBe('late')
    clock.advance(seconds * 1000)
    expect(await answers(client)).toBe(true)
  })

  test('is kept before its first request, which Node has a limit for', async () => {
    await start(kind, { headersTimeout: 300, requestTimeout: 300, connectionsCheckingInterval: 10 })
    const client = await visit()
    await eventually('it is taken', () => clock.pending === 1)
    clock.advance(600_000)
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('is forgotten once it is closed', async () => {
    await start(kind)
    const [one, other] = [await visit(), await visit()]
    expect(await answers(one)).toBe(true)
    expect(await answers(other)).toBe(true)
    clock.advance(5000)
    one.socket.destroy()
    await eventually('it is closed', () => open === 1)
    clock.advance(60_000)
    expect(clock.pending).toBe(1)
    other.socket.destroy()
    await eventually('both are', () => open === 0)
    clock.advance(5000)
    // Nothing is left to look at.
    expect(clock.pending).toBe(0)
    expect(await answers(await visit())).toBe(true)
    expect(clock.pending).toBe(1)
  })
})
