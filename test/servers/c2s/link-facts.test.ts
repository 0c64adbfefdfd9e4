import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls'
import { expect, test } from '@jest/globals'
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

const exported = (socket: TLSSocket) => socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))

test.each([
  ['TLSv1.2', 'tls-unique', 'tls-exporter', 12, (theirs: TLSSocket) => theirs.getPeerFinished()],
  ['TLSv1.3', 'tls-exporter', 'tls-unique', 32, exported],
] as const)('over %s, a link has the %s of its server, and no %s', async (version, type, other, length, atServer) => {
  const { ours, theirs } = await ends(version)
  const bytes = channelBinding(ours, type)!
  expect(bytes.length).toBe(length)
  expect(bytes).toEqual(atServer(theirs))
  expect(channelBinding((await ends(version)).ours, type)).not.toEqual(bytes)
  expect(channelBinding(ours, other)).toBeUndefined()
})

test('a resumed session has no tls-unique, because there the server sends the first Finished', async () => {
  const { ours, port } = await ends('TLSv1.2')
  const resumed = await dial(port, ours.getSession())
  expect(resumed.isSessionReused()).toBe(true)
  expect(channelBinding(resumed, 'tls-unique')).toBeUndefined()
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
