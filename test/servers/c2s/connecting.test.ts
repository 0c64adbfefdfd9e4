import { afterEach, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../../support/certificates.js'
import { connect, startTlsAt, stopServers, certificate as theirs, welcome } from './call.js'

afterEach(stopServers)

const ours = makeCertificate(['DNS:portal.example'])

/** The server requests a certificate. */
async function encrypted(certificate?: boolean) {
  const { call, peer } = await connect(
    { tls: 'starttls', ca: theirs.cert, certificate: ours },
    { from: 'juliet@example.org', ...(certificate === undefined ? {} : { certificate }) },
  )
  const socket = await startTlsAt(peer, { ...theirs, requestCert: true, rejectUnauthorized: false })
  await welcome(peer)
  await call.hears('flush')
  return { call, peer, shown: socket.getPeerX509Certificate()?.toString() }
}

test('the client certificate of the operator is sent on a link that asks for it, and on no later link', async () => {
  const { shown } = await encrypted(true)
  const login = await encrypted(false)
  const browser = await encrypted()
  expect([shown?.trim(), login.shown, browser.shown]).toEqual([ours.cert.trim(), undefined, undefined])
})

describe('the steps of a connection', () => {
  const all = ['connect', 'tls', 'features']

  test('are reported in order, until the stream is encrypted as required', async () => {
    const { call, peer } = await encrypted()
    expect(call.steps).toEqual(all)
    call.link.restart()
    await peer.until("streams'>")
    expect(call.steps).toEqual(all)
  })

  test('are reported for an unencrypted link, without a step of encryption', async () => {
    const { call, peer } = await connect()
    await welcome(peer)
    await call.hears('flush')
    expect(call.steps).toEqual(['connect', 'features'])
  })
})
