// A session warmed at a real server: attached, with messages, ended, and with a killed server.

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { combinations } from '../support/matrix.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { servers, type XmppServer } from './servers.js'
import { befriend, presence, User } from './user.js'
import { connectionsOf, isIdle } from './wire.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

for (const kind of combinations(servers, ({ maker, encrypted }) => encrypted && maker === 'Prosody')) {
  describeWith(kind.packages, `A session warmed at ${kind.name}`, () => {
    let server: XmppServer
    let warmer: TestService
    let bob: User
    const attached = new Set<User>()

    const bobLogsIn = () =>
      User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, {
        user: 'bob',
        domain: 'localhost',
        password: passwords.bob,
      })

    const attach = (...[binding, first]: [Parameters<typeof User.attach>[1], string?]) => {
      const user = User.attach(`${warmer.url}/http-bind`, binding, first)
      attached.add(user)
      return user
    }

    beforeAll(async () => {
      server = await kind.start(passwords)
      warmer = await startTestService({ servers: kind.servers(server), environment: { LINK_RESUME_TIME: '1' } })
      bob = await bobLogsIn()
      const page = attach(await warmer.bind(alice))
      await befriend(bob, page)
    })

    afterEach(async () => {
      await Promise.all([...attached].map(user => user.leave()))
      attached.clear()
      await eventually('no session and no link left', () => isIdle(warmer))
      await eventually('no connection left at the server', () => connectionsOf(server.c2sPort) === 0)
    })

    afterAll(async () => {
      await bob?.leave()
      await warmer?.stop()
      await server?.stop()
    })

    test('sends unavailable to contacts within a second after its end', async () => {
      const page = attach(await warmer.bind(alice))
      await bob.seesPresence(page.jid, undefined)
      const gone = bob.seesPresence(page.jid, 'unavailable', 1000)
      await Promise.all([page.leave(), gone])
    })

    test('sends unavailable to contacts even if its page ends it without presence', async () => {
      const page = attach(await warmer.bind(alice), presence)
      await bob.seesPresence(page.jid, undefined)
      // The server sends it for a client that sends none.
      const gone = bob.seesPresence(page.jid, 'unavailable', 1000)
      await Promise.all([page.leave(''), gone])
    })

    describe('when the server is killed', () => {
      afterAll(() => bob.leave())

      test('sends remote-stream-error to the page, and 502 to the next call of /warm', async () => {
        const page = attach(await warmer.bind(alice))
        await bob.seesPresence(page.jid, undefined)
        await page.isUpToDate()
        await Promise.all([page.receives("condition='remote-stream-error'"), bob.leave().then(() => server.kill())])
        expect(page.received).toMatch(/<body\b[^>]*type='terminate'[^>]*>$/)
        const { status, json } = await warmer.warm(alice)
        expect(status).toBe(502)
        expect(json).toMatchObject({ code: 'remote-connection-failed', step: 'connect' })
      })

      test('can be warmed again when the server is back', async () => {
        await server.restart()
        bob = await bobLogsIn()
        const page = attach(await warmer.bind(alice))
        bob.say(page.jid, 'back again')
        await page.receives('back again')
      })
    })
  })
}
