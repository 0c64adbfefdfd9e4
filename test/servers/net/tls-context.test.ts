import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { expect, test } from '@jest/globals'
import { tlsContext } from '../../../src/servers/net/tls-context.js'
import { makeCertificate } from '../../support/certificates.js'

test('a server cannot begin a second handshake, whose certificate nobody would check', async () => {
  const { key, cert } = makeCertificate(['DNS:localhost'])
  const server = createServer({ key, cert, maxVersion: 'TLSv1.2' }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext: tlsContext({ ca: cert }) })
  client.on('error', () => {})
  await once(client, 'secureConnect')
  const [socket] = await accepted
  const refused = await new Promise<NodeJS.ErrnoException | null>(resolve => {
    socket.on('error', resolve).renegotiate({}, resolve)
    client.resume()
  })
  expect(refused?.code).toBe('ERR_SSL_NO_RENEGOTIATION')
  client.destroy()
  socket.destroy()
  server.close()
})
