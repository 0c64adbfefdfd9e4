import type { TLSSocketOptions } from 'node:tls'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { makeCertificate } from '../../support/certificates.js'
import { element } from '../../support/element.js'
import {
  certificate,
  connect,
  features,
  featuresSeen,
  ourHeader,
  serverHeader,
  startTlsOffer,
  stopServers,
  ticketed,
} from './call.js'

afterEach(stopServers)

const connected = (server: Partial<Server> = {}, options: { from?: string } = {}, parts = {}) =>
  connect({ tls: 'direct', ca: certificate.cert, ...server }, options, parts)

/** The header has arrived at the server. */
async function secured(options: TLSSocketOptions = {}, from?: string) {
  const { call, peer } = await connected({}, from === undefined ? {} : { from })
  const socket = await peer.secure({ ...certificate, ...options })
  const header = await peer.until("streams'>")
  return { call, peer, socket, header }
}

describe('a link with direct TLS', () => {
  test('sends nothing before it is encrypted, and then names its domain', async () => {
    const { call, peer, socket, header } = await secured({}, 'juliet@example.org')
    expect(header).toBe(ourHeader("to='example.org' from='juliet@example.org' version='1.0' xml:lang='en'"))
    expect(call.link.facts).toMatchObject({ encrypted: true, plainAllowed: true })
    expect(socket.getProtocol()).toBe('TLSv1.3')
    peer.send(serverHeader + features)
    await call.hears('flush')
    expect(call.told).toEqual(['open 1 example.org', featuresSeen, 'flush'])
  })

  test('names the domain and the protocol, so that a proxy can route the connection', async () => {
    const { socket } = await secured({ ALPNProtocols: ['http/1.1', 'xmpp-client'] })
    expect((socket as unknown as { servername: string }).servername).toBe('example.org')
    expect(socket.alpnProtocol).toBe('xmpp-client')
  })

  test('starts no second TLS, even if the server offers STARTTLS', async () => {
    const { call, peer } = await secured()
    peer.send(serverHeader + startTlsOffer)
    await call.hears('flush')
    call.link.send([element('<mark/>')])
    expect(await peer.until('<mark/>')).toBe('<mark/>')
  })

  test('sends a space after the session tickets, because servers with TLS 1.3 wait for data', async () => {
    const { call, peer } = await secured()
    await ticketed(call)
    call.clock.advance(0)
    call.link.send([element('<mark/>')])
    expect(await peer.until('<mark/>')).toBe(' <mark/>')
  })

  test('reports the steps TLS and stream', async () => {
    const { call, peer } = await connected()
    await peer.secure(certificate)
    await peer.until("streams'>")
    expect(call.steps).toEqual(['connect', 'tls', 'features'])
  })

  // Other certificates are tested in starttls.test.ts.
  test('ends before any XMPP is sent if the certificate is for another name', async () => {
    const { call, peer } = await connected({ ca: undefined })
    await peer.secure(makeCertificate(['DNS:other.example'])).catch(() => {})
    await call.hears('end')
    expect(call.told).toEqual(['closed', 'end tls certificate-invalid'])
    await peer.gone
    expect(peer.unread).toBe('')
    expect(call.clock.pending).toBe(0)
  })

  test('continues if the operator turns verification off', async () => {
    const { peer } = await connected({ ca: undefined, verify: false })
    await peer.secure(makeCertificate(['DNS:other.example']))
    await peer.until("streams'>")
  })

  test.each<[string, TLSSocketOptions]>([
    ['speaks another protocol over TLS', { ALPNProtocols: ['http/1.1'] }],
    ['has only TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
  ])('ends if the server %s', async (_what, options) => {
    const { call, peer } = await connected()
    peer.secure({ ...certificate, ...options }).catch(() => {})
    await call.hears('end')
    expect(call.told).toEqual(['closed', 'end tls remote-connection-failed'])
    await peer.gone
  })

  test('ends if the server sends unencrypted XMPP', async () => {
    const { call, peer } = await connected()
    peer.send(serverHeader + startTlsOffer)
    await call.hears('end')
    expect(call.told).toEqual(['closed', 'end tls remote-connection-failed'])
    await peer.gone
    expect(peer.unread).not.toContain('stream')
  })

  test('ends if the server hangs up', async () => {
    const { call, peer } = await connected()
    await peer.until('\x16')
    peer.end()
    await call.hears('end')
    expect(call.told).toEqual(['closed', 'end tls remote-connection-failed'])
  })

  test('ends if the server sends nothing for ten seconds', async () => {
    const { call, peer } = await connected()
    await peer.until('\x16')
    call.clock.advance(9_999)
    expect(call.told).toEqual([])
    call.clock.advance(1)
    await call.hears('end')
    expect(call.told).toEqual(['closed', 'end tls timeout'])
    expect(call.clock.pending).toBe(0)
  })
})
