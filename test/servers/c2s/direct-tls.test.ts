import type { TLSSocketOptions } from 'node:tls'
import { afterEach, expect, test } from '@jest/globals'
import { element } from '../../support/element.js'
import type { ScriptedConnection } from '../../support/scripted-server.js'
import { certificate, connect, ourHeader, serverHeader, startTlsOffer, stopServers } from './call.js'

afterEach(stopServers)

const connected = () => connect({ tls: 'direct', ca: certificate.cert }, { from: 'juliet@example.org' })

test('a link with direct TLS names its domain for a proxy, sends nothing before, and starts no second TLS', async () => {
  const { call, peer } = await connected()
  const socket = await peer.secure({ ...certificate, ALPNProtocols: ['http/1.1', 'xmpp-client'] })
  expect(socket).toMatchObject({ servername: 'example.org', alpnProtocol: 'xmpp-client' })
  expect(await peer.until("streams'>")).toBe(
    ourHeader("to='example.org' from='juliet@example.org' version='1.0' xml:lang='en'"),
  )
  expect(call.link.facts).toMatchObject({ encrypted: true, plainAllowed: true })
  expect(socket.getProtocol()).toBe('TLSv1.3')
  peer.send(serverHeader + startTlsOffer)
  await call.hears('flush')
  call.link.send([element('<mark/>')])
  expect(await peer.until('<mark/>')).toBe('<mark/>')
})

const secured = (peer: ScriptedConnection, options: TLSSocketOptions) =>
  peer.secure({ ...certificate, ...options }).catch(() => {})
const tls11 = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const

test.each<[string, (peer: ScriptedConnection) => unknown]>([
  ['speaks another protocol over TLS', peer => secured(peer, { ALPNProtocols: ['http/1.1'] })],
  ['has only TLS 1.1', peer => secured(peer, tls11)],
  ['sends unencrypted XMPP', peer => peer.send(serverHeader + startTlsOffer)],
])('a link with direct TLS ends if the server %s', async (_what, act) => {
  const { call, peer } = await connected()
  act(peer)
  expect(await call.hears('end')).toEqual(['closed', 'end tls remote-connection-failed'])
  await peer.gone
  expect(peer.unread).not.toContain('stream')
})
