import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls'
import { describe, expect, test } from '@jest/globals'
import { channelBinding } from '../../../src/servers/c2s/link-facts.js'
import { makeCertificate } from '../../support/certificates.js'
import { calledAfterEach } from '../../support/closers.js'

const certificate = makeCertificate(['DNS:example.org'])
const closers = calledAfterEach()

async function dial(port: number, session?: Buffer): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: certificate.cert, servername: 'example.org', session })
  closers.push(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function ends(version: SecureVersion) {
  const server = createServer({ ...certificate, minVersion: version, maxVersion: version }).listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const { port } = server.address() as AddressInfo
  const ours = await dial(port)
  const [theirs] = await accepted
  closers.push(() => theirs.destroy())
  return { ours, theirs, port }
}

describe('a link over TLS 1.2', () => {
  test('has the first Finished message, which the server has received, and no exporter', async () => {
    const { ours, theirs } = await ends('TLSv1.2')
    const bytes = channelBinding(ours, 'tls-unique')!
    expect(bytes.length).toBe(12)
    expect(bytes).toEqual(theirs.getPeerFinished())
    expect(channelBinding((await ends('TLSv1.2')).ours, 'tls-unique')).not.toEqual(bytes)
    expect(channelBinding(ours, 'tls-exporter')).toBeUndefined()
  })

  test('has no tls-unique in a resumed session, because there the server sends the first Finished', async () => {
    const { ours, port } = await ends('TLSv1.2')
    const resumed = await dial(port, ours.getSession())
    expect(resumed.isSessionReused()).toBe(true)
    expect(channelBinding(resumed, 'tls-unique')).toBeUndefined()
  })
})

test('a link over TLS 1.3 has the same exporter as the server, and no Finished message', async () => {
  const { ours, theirs } = await ends('TLSv1.3')
  const bytes = channelBinding(ours, 'tls-exporter')!
  expect(bytes.length).toBe(32)
  expect(bytes).toEqual(theirs.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)))
  expect(channelBinding((await ends('TLSv1.3')).ours, 'tls-exporter')).not.toEqual(bytes)
  expect(channelBinding(ours, 'tls-unique')).toBeUndefined()
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'over %s, the server’s certificate is hashed the same each time',
  async version => {
    const { ours } = await ends(version)
    // OpenSSL signs with SHA-256 by default.
    const expected = createHash('sha256').update(new X509Certificate(certificate.cert).raw).digest()
    for (let time = 0; time < 2; time++) expect(channelBinding(ours, 'tls-server-end-point')).toEqual(expected)
  },
)

test('a closed connection has no channel binding', async () => {
  const { ours } = await ends('TLSv1.3')
  const closed = new Promise(resolve => ours.once('close', resolve))
  ours.destroy()
  await closed
  for (const type of ['tls-exporter', 'tls-unique', 'tls-server-end-point'] as const)
    expect(channelBinding(ours, type)).toBeUndefined()
})
