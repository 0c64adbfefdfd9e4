// Links with direct TLS, and what the wire shows of them.

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { befriend, User } from './user.js'
import { connectionsOf, tapWire } from './wire.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

const at = (server: XmppServer, port = server.directTlsPort) =>
  `localhost=xmpps://127.0.0.1:${port}?ca=${server.caFile}`

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'ejabberd')) {
  describeWith(kind.packages, `A service with direct TLS to ${kind.maker}`, () => {
    let server: XmppServer
    let warmer: TestService

    beforeAll(async () => {
      server = await kind.start(passwords)
      warmer = await startTestService({ servers: at(server) })
    })

    afterEach(async () => {
      await eventually('no session and no link left', () => isIdle(warmer))
      await eventually('no connection left at the server', () => connectionsOf(server.directTlsPort) === 0)
    })

    afterAll(async () => {
      await warmer?.stop()
      await server?.stop()
    })

    test('warms a session, whose page chats with another user', async () => {
      const page = User.attach(`${warmer.url}/http-bind`, await warmer.bind(alice))
      const bob = await User.logIn(`${warmer.url}/http-bind`, {
        user: 'bob',
        domain: 'localhost',
        password: passwords.bob,
      })
      await befriend(bob, page)
      bob.say(page.jid, 'Tee?')
      await page.receives('Tee?')
      page.say(bob.jid, 'Lieber Kaffee')
      await bob.receives('Lieber Kaffee')
      expect(connectionsOf(server.directTlsPort)).toBe(2)
      await Promise.all([page.leave(), bob.leave()])
    })

    test('sends nothing unencrypted', async () => {
      const wire = await tapWire(server.directTlsPort)
      const other = await startTestService({ servers: at(server, wire.port) })
      try {
        const page = User.attach(`${other.url}/http-bind`, await other.bind(alice))
        await page.isUpToDate()
        await page.leave()
        // TLS record of type handshake.
        expect([...wire.heard().subarray(0, 2)]).toEqual([0x16, 0x03])
        expect(wire.heard().toString('latin1')).not.toMatch(/<stream|starttls|xmpp-sasl|alice/)
      } finally {
        await other.stop()
        await wire.close()
      }
    })
  })
}

const isIdle = ({ service }: TestService) => service.counts().sessions + service.counts().links === 0
