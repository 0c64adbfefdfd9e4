import { afterEach, expect, test } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { paced } from '../../../src/lib/paced.js'
import { createDialer } from '../../../src/servers/c2s/dial.js'
import { otherHost } from '../../../src/servers/c2s/other-host.js'
import { makeCertificate } from '../../support/certificates.js'
import { FakeClock } from '../../support/fake-clock.js'
import { dialerParts } from '../../support/link-parts.js'
import type { ScriptedConnection } from '../../support/scripted-server.js'
import {
  certificate,
  connect,
  featuresSeen,
  serverHeader,
  startServer,
  startTlsAt,
  stopServers,
  streams,
  welcome,
} from './call.js'

afterEach(stopServers)

const errors = 'urn:ietf:params:xml:ns:xmpp-streams'
const named = (host: string) => `<see-other-host xmlns='${errors}'>${host}</see-other-host>`
const seeOther = (host: string) => `<stream:error>${named(host)}</stream:error></stream:stream>`
const read = (host: string, isDirect = false) => otherHost(`<error xmlns='${streams}'>${named(host)}</error>`, isDirect)

const secured = (peer: ScriptedConnection, shown = certificate) =>
  peer.secure({ ...shown, ALPNProtocols: ['xmpp-client'] })

async function lead(peer: ScriptedConnection, host: string, tls: Server['tls'] = 'direct'): Promise<void> {
  if (tls === 'direct') await secured(peer)
  await peer.until("streams'>")
  peer.send(serverHeader + seeOther(host))
}

/** The first server leads to `host`. */
async function led(host: string, server: Partial<Server> = {}) {
  const { call, peer } = await connect({ tls: 'direct', ca: certificate.cert, ...server })
  await lead(peer, host, server.tls)
  return { call, peer }
}

const refusal = 'end features host-unknown see-other-host'

test('a server that has proven its name leads to another one, where the next stream has its own header', async () => {
  const other = await startServer()
  const { call, peer } = await led(`127.0.0.1:${other.port}`)
  const next = await other.connection()
  await secured(next)
  for (const restart of [() => {}, () => call.link.restart()]) {
    restart()
    await welcome(next)
    await call.hears('flush')
    expect(call.told.splice(0)).toEqual(['open 1 example.org', featuresSeen, 'flush'])
  }
  expect(call.link.facts.server).toBe(`127.0.0.1:${other.port}`)
  await peer.gone
})

test('also if this turn of the event loop has no time left', async () => {
  const other = await startServer()
  const { call, peer } = await connect({ tls: 'direct', ca: certificate.cert })
  call.onTold = () => {
    paced({}, () => {})
    const until = performance.now() + 15
    while (performance.now() < until);
  }
  await lead(peer, `127.0.0.1:${other.port}`)
  const ended = call.hears('end').then(() => 'ended')
  const arrived = other.connection().then(() => 'arrived')
  expect(await Promise.race([arrived, ended])).toBe('arrived')
  expect(call.ends).toEqual([])
})

test('twice at most, and the error names the third', async () => {
  const [first, second] = [await startServer(), await startServer()]
  const { call } = await led(`127.0.0.1:${first.port}`)
  await lead(await first.connection(), `127.0.0.1:${second.port}`)
  await lead(await second.connection(), 'third.example:5222')
  await call.hears('end')
  expect(call.told.at(-1)).toBe(refusal)
  expect(call.ends[0]!.failure.detail).toBe('It names another host: third.example:5222. See XMPP_SERVERS.')
})

test('the other server must prove the same name', async () => {
  const other = await startServer()
  const { call } = await led(`127.0.0.1:${other.port}`)
  const next = await other.connection()
  await secured(next, makeCertificate(['DNS:other.example'])).catch(() => {})
  await call.hears('end')
  expect(call.told.at(-1)).toBe('end tls certificate-invalid')
  await next.gone
  expect(next.unread).toBe('')
})

test.each([
  ['without TLS', { tls: 'none', allowsPlain: true }],
  ['whose certificate is not verified', { verify: false }],
] as const)('a server %s leads nowhere', async (_what, server) => {
  const other = await startServer()
  const { call } = await led(`127.0.0.1:${other.port}`, server)
  await call.hears('end')
  expect(call.told.at(-1)).toBe(refusal)
})

test.each([
  ['its features, which its client already has', 'features'],
  ['the first step of a login, when the password may have been sent', 'sasl'],
] as const)('not after %s', async (_what, step) => {
  const { call, peer } = await connect({ tls: 'direct', ca: certificate.cert })
  await secured(peer)
  await welcome(peer)
  await call.hears('flush')
  if (step === 'sasl') call.link.events = { ...call.link.events, step }
  peer.send(seeOther('127.0.0.1:1'))
  await call.hears('end')
  expect(call.told.at(-1)).toBe(`end ${step} host-unknown see-other-host`)
})

test('a port of STARTTLS is not dialled with direct TLS', async () => {
  expect(read('node2.example', true)).toEqual({ host: 'node2.example', port: 5222, tls: 'starttls' })
  expect(read('node2.example:5222', true)).toMatchObject({ tls: 'starttls' })
  expect(read('[2001:db8::1]:5223', true)).toEqual({ host: '2001:db8::1', port: 5223, tls: 'direct' })
  expect(read('node2.example:5223')).toMatchObject({ port: 5223, tls: 'starttls' })
  const other = await startServer()
  const { peer } = await connect({ tls: 'starttls', ca: certificate.cert })
  await startTlsAt(peer)
  await peer.until("streams'>")
  peer.send(serverHeader + seeOther(`127.0.0.1:${other.port}`))
  const next = await other.connection()
  expect(await next.until("streams'>")).toContain("to='example.org'")
})

test.each(['', ' ', 'a b', 'host:0', 'host:65536', 'user@host', 'xmpp://host', '<b/>', '[::1', 'x'.repeat(300)])(
  'a host such as "%s" leads nowhere',
  host => {
    expect(read(host)).toBeUndefined()
  },
)

test('a domain of the DNS leads to no private address, if its own servers may have none', async () => {
  const other = { host: '127.0.0.1', port: 5222, tls: 'starttls' } as const
  const search = createDialer({ ...dialerParts(new FakeClock()), publicOnly: true })({
    domain: 'example.org',
    other,
    server: undefined,
  })
  for await (const { socket } of search.connections(() => {})) socket.destroy()
  expect(search.failure.code).toBe('address-not-allowed')
})
