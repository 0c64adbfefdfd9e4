import { afterEach, describe, expect, test } from '@jest/globals'
import { writeStreamError } from '../../../src/xmpp/stream-errors.js'
import { makeCertificate } from '../../support/certificates.js'
import {
  certificate,
  connect,
  encrypted,
  ended,
  features,
  featuresSeen,
  footer,
  plainHeader,
  proceed,
  proceeding,
  serverHeader,
  startTlsAt,
  startTlsOffer,
  stopServers,
  streams,
  welcome,
} from './call.js'

afterEach(stopServers)

const failed = 'end features remote-connection-failed'
const errors = 'urn:ietf:params:xml:ns:xmpp-streams'
const text = `<text xmlns='${errors}'>No stream features to proceed with</text>`
const noFeatures = `<stream:error><undefined-condition xmlns='${errors}'/>${text}</stream:error>`

describe('a link with STARTTLS', () => {
  test('restarts within TLS, names its domain, and reports the encryption', async () => {
    const { call, peer, socket, header } = await encrypted({}, { from: 'juliet@example.org' })
    expect(header).toBe(
      `<stream:stream to='example.org' from='juliet@example.org' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='${streams}'>`,
    )
    expect(call.told).toEqual([])
    expect(call.link.facts).toMatchObject({ encrypted: true, plainAllowed: true })
    expect(socket.getProtocol()).toBe('TLSv1.3')
    peer.send(serverHeader + features)
    expect(await call.hears('flush')).toEqual(['open 1 example.org', featuresSeen, 'flush'])
    expect((await ended(call, peer, footer)).slice(3)).toEqual([failed, 'closed'])
    expect(peer.unread).toBe(footer)
  })

  test.each([
    ['features', `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>`],
    ['garbage', 'text between elements<<<'],
    ['the end of the stream', footer],
    ['the beginning of an element', '<message'],
  ])('ignores %s that arrives unencrypted after <proceed/>', async (_what, injected) => {
    const { call, peer } = await proceeding()
    peer.send(proceed + injected)
    await peer.secure(certificate)
    await welcome(peer)
    expect(await call.hears('flush')).toEqual(['open 1 example.org', featuresSeen, 'flush'])
  })

  test.each([
    ['offers no encryption', features, 'tls-unavailable'],
    ['sends another element before its features', proceed.replace('proceed', 'x'), 'tls-unavailable'],
    ['has neither encryption nor mechanisms', noFeatures, 'tls-unavailable undefined-condition'],
    ['does not serve the domain', writeStreamError('host-unknown') + footer, 'host-unknown host-unknown'],
  ])('does not continue with a server that %s', async (_what, said, outcome) => {
    const { call, peer } = await connect({ tls: 'starttls' })
    await peer.until(plainHeader)
    peer.send(serverHeader + said)
    await peer.gone
    expect(call.told).toEqual(['closed', `end tls ${outcome}`])
    expect(peer.unread).toBe('')
  })

  test.each([
    ['a modulus of its own', { ciphers: 'DHE-RSA-AES128-GCM-SHA256', dhparam: 'auto', maxVersion: 'TLSv1.2' }],
    ['the largest group', { ecdhCurve: 'ffdhe8192', minVersion: 'TLSv1.3' }],
  ] as const)('is not made with a server that chooses %s', async (_what, options) => {
    const { call, peer } = await proceeding()
    peer.send(proceed)
    const shown = makeCertificate(['DNS:example.org'], { rsa: true })
    await expect(peer.secure({ ...shown, ...options })).rejects.toThrow()
    expect(await call.hears('end')).toEqual(['closed', failed.replace('features', 'tls')])
  })

  test.each([
    ['answers <failure/>', "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    ['answers <message/>', '<message/>'],
    ['answers <proceed/> of another namespace', '<proceed/>'],
    ['offers encryption again and again', startTlsOffer.repeat(1_000)],
  ])('asks once, and does not continue with a server that %s', async (_what, said) => {
    const { call, peer } = await proceeding()
    peer.send(said)
    await peer.gone
    expect(call.told).toEqual(['closed', 'end tls tls-unavailable'])
    expect(peer.unread).toBe('')
  })
})

describe('a certificate', () => {
  const wrong = makeCertificate(['DNS:other.example'], { commonName: 'example.org' })
  const expired = makeCertificate(['DNS:example.org'], { expired: true })
  const bad = [
    ['made out to another name', wrong, wrong.cert, 'issued for other.example, not for example.org'],
    ['that is not trusted', certificate, undefined, 'self-signed'],
    ['that has expired', expired, expired.cert, 'expired on 2020-01-02'],
    ['that only resembles the trusted one', makeCertificate(['DNS:example.org']), certificate.cert, 'self-signed'],
  ] as const

  test.each(bad)('%s ends the link before any credentials are sent', async (_what, shown, ca, told) => {
    const { call, peer } = await proceeding({ ca })
    peer.send(proceed)
    await peer.secure(shown).catch(() => {})
    expect(await call.hears('end')).toEqual(['closed', 'end tls certificate-invalid'])
    expect(String(call.ends[0]!.failure.cause)).toContain(told)
    await peer.gone
    expect(peer.unread).not.toContain('stream')
  })

  test('of the operator is sent on a link that asks for it, and on no later link', async () => {
    const ours = makeCertificate(['DNS:portal.example'])
    const shown: (string | undefined)[] = []
    for (const options of [{ certificate: true }, { certificate: false }, {}]) {
      const { call, peer } = await connect({ tls: 'starttls', ca: certificate.cert, certificate: ours }, options)
      const socket = await startTlsAt(peer, { ...certificate, requestCert: true, rejectUnauthorized: false })
      await welcome(peer)
      await call.hears('flush')
      shown.push(socket.getPeerX509Certificate()?.toString().trim())
    }
    expect(shown).toEqual([ours.cert.trim(), undefined, undefined])
  })

  test('of any kind is accepted if verification is off', async () => {
    const { call, peer } = await proceeding({ ca: undefined, verify: false })
    peer.send(proceed)
    await peer.secure(wrong)
    await peer.until("streams'>")
    expect(call.told).toEqual([])
  })
})
