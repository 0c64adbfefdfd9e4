// What a login in this process may ask of a link, and no browser can.
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Step } from '../../src/errors.js'
import { makeCertificate } from '../support/certificates.js'
import { connect, features, proceed, serverHeader, startTls, startTlsOffer, stopServers } from './call.js'

afterEach(stopServers)

const theirs = makeCertificate(['DNS:example.org'])
const ours = makeCertificate(['DNS:portal.example'])

/** A link to a server that asks for a certificate, encrypted, on which the features have come. */
async function encrypted(wishes?: { certificate: boolean; reached: (step: Step) => void }) {
  const { call, peer } = await connect(
    { tls: 'starttls', ca: theirs.cert, certificate: ours },
    { from: 'juliet@example.org' },
    { wishes },
  )
  await peer.until("streams'>")
  peer.send(serverHeader + startTlsOffer)
  await peer.until(startTls)
  peer.send(proceed)
  const socket = await peer.secure({ ...theirs, requestCert: true, rejectUnauthorized: false })
  await peer.until("streams'>")
  peer.send(serverHeader + features)
  await call.hears('flush')
  return { call, peer, shown: socket.getPeerX509Certificate()?.toString() }
}

describe('the certificate of the operator', () => {
  test('is shown for a login that wants it', async () => {
    const { shown } = await encrypted({ certificate: true, reached: () => {} })
    expect(shown?.trim()).toBe(ours.cert.trim())
  })

  test('is not shown for another login, nor for a browser, whoever came before', async () => {
    const { shown } = await encrypted({ certificate: true, reached: () => {} })
    const login = await encrypted({ certificate: false, reached: () => {} })
    const browser = await encrypted()
    expect([shown !== undefined, login.shown, browser.shown]).toEqual([true, undefined, undefined])
  })
})

describe('how far the connection has come', () => {
  test('is told step by step, until the stream is as it has to be', async () => {
    const reached: Step[] = []
    const { call, peer } = await encrypted({ certificate: false, reached: step => void reached.push(step) })
    const all = ['connect', 'tls', 'features']
    expect(reached).toEqual(all)
    call.link.restart({})
    await peer.until("streams'>")
    expect(reached).toEqual(all)
  })

  test('is told of a plain link, which has no step of encryption', async () => {
    const reached: Step[] = []
    const { call, peer } = await connect(
      {},
      {},
      { wishes: { certificate: false, reached: step => void reached.push(step) } },
    )
    await peer.until("streams'>")
    peer.send(serverHeader + features)
    await call.hears('flush')
    expect(reached).toEqual(['connect', 'features'])
  })
})
