import { afterEach, describe, expect, jest, test } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { createDialer } from '../../../src/servers/c2s/dial.js'
import { makeCertificate } from '../../support/certificates.js'
import { FakeClock } from '../../support/fake-clock.js'
import { dialerParts } from '../../support/link-parts.js'
import type { ScriptedConnection } from '../../support/scripted-server.js'
import {
  Call,
  certificate,
  features,
  featuresSeen,
  keep,
  plainHeader,
  proceed,
  serverHeader,
  startServer,
  startTls,
  startTlsAt,
  startTlsOffer,
  stopServers,
  welcome,
} from './call.js'

afterEach(stopServers)

/** The domain has these servers. Only the second works. */
async function begin(...kinds: Server['tls'][]) {
  const listeners = await Promise.all(kinds.map(() => startServer()))
  const targets = listeners.map(({ port }, at) => ({ host: '127.0.0.1', port, tls: kinds[at]!, usesDns: true }))
  const clock = new FakeClock()
  const parts = dialerParts(clock)
  parts.names.routeTo = () => ({ targets })
  const dialer = createDialer(parts)
  const arriving = listeners[0]!.connection()
  const call = new Call({ ca: certificate.cert }, {}, { clock, dialer: to => dialer({ ...to, server: undefined }) })
  keep(call)
  return { call, clock, peer: await arriving, next: (at = 1) => listeners[at]!.connection() }
}

/** The second server accepts the link. */
async function accept(peer: ScriptedConnection): Promise<void> {
  await startTlsAt(peer)
  await welcome(peer)
}

describe('another server of the domain is tried', () => {
  test.each([
    ['shows a certificate of another domain', { ...makeCertificate(['DNS:other.example']) }],
    ['speaks another protocol', { ...certificate, ALPNProtocols: ['http/1.1'] }],
  ])('when the first, over direct TLS, %s', async (_what, options) => {
    const { call, peer, next } = await begin('direct', 'starttls')
    peer.secure(options).catch(() => {})
    await accept(await next())
    expect(await call.hears('flush')).toEqual(['open 1 example.org', featuresSeen, 'flush'])
    expect(call.link.facts).toMatchObject({ encrypted: true })
    await peer.gone
  })

  test.each<[string, (peer: ScriptedConnection, clock: FakeClock) => unknown]>([
    ['offers no encryption', peer => peer.send(serverHeader + features)],
    ['closes its stream', peer => peer.send(`${serverHeader}</stream:stream>`)],
    ['breaks the connection', peer => peer.reset()],
    ['ends the connection', peer => peer.end()],
    ['sends nothing for five seconds, before the login times out', (_peer, clock) => clock.advance(5_000)],
    [
      'sends no TLS after <proceed/>',
      async peer => {
        peer.send(serverHeader + startTlsOffer)
        await peer.until(startTls)
        peer.send(proceed)
        await peer.until('\x16')
        peer.send('no TLS here')
      },
    ],
  ])('when the first, over STARTTLS, %s', async (_what, fail) => {
    const { call, clock, peer, next } = await begin('starttls', 'starttls')
    await peer.until(plainHeader)
    await fail(peer, clock)
    const second = await next()
    await peer.rest()
    await accept(second)
    expect(await call.hears('flush')).toEqual(['open 1 example.org', featuresSeen, 'flush'])
  })

  test('over direct TLS too, and if that fails as well, the last failure is reported', async () => {
    const { call, peer, next } = await begin('starttls', 'direct')
    await peer.until(plainHeader)
    peer.send(serverHeader + features)
    const second = await next()
    second.end()
    expect(await call.hears('end')).toEqual(['closed', 'end tls tls-unavailable'])
    expect(call.clock.pending).toBe(0)
  })
})

describe('no other server is tried', () => {
  test('after three with certificates that prove nothing', async () => {
    const { call, peer, next } = await begin('direct', 'direct', 'direct', 'direct')
    const fourth = jest.fn()
    void next(3).then(fourth)
    const other = makeCertificate(['DNS:other.example'])
    peer.secure(other).catch(() => {})
    for (const at of [1, 2]) (await next(at)).secure(other).catch(() => {})
    expect(await call.hears('end')).toEqual(['closed', 'end tls certificate-invalid'])
    expect(fourth).not.toHaveBeenCalled()
  })

  test('when the first answers with a stream error', async () => {
    const { call, peer } = await begin('starttls', 'starttls')
    await peer.until(plainHeader)
    const condition = "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    peer.send(`${serverHeader}<stream:error>${condition}</stream:error>`)
    expect(await call.hears('end')).toEqual(['closed', 'end tls host-unknown host-unknown'])
    expect(call.clock.pending).toBe(0)
  })

  test.each(['none', 'starttls'] as const)('once the stream is open, with %s, whatever happens to it', async tls => {
    const { call, peer } = await begin(tls)
    await (tls === 'starttls' ? accept(peer) : welcome(peer))
    await call.hears('flush')
    peer.reset()
    await call.hears('closed')
    expect(call.told.slice(3)).toEqual(['end features remote-connection-failed', 'closed'])
  })

  test('when resolving the domain fails unexpectedly', async () => {
    const clock = new FakeClock()
    const parts = dialerParts(clock)
    parts.names.routeTo = () => Promise.reject(new TypeError('not foreseen'))
    const dialer = createDialer(parts)
    const call = new Call({}, {}, { clock, dialer: to => dialer({ ...to, server: undefined }) })
    expect(await call.hears('end')).toEqual(['closed', 'end resolve internal-error'])
    expect(clock.pending).toBe(0)
  })
})
