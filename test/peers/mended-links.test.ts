// Broken links to servers are mended (XEP-0198): no message is lost or doubled.
// Runs in npm run test:all only: half a minute at each server; `sasl2.test.ts` has a link that is mended.
import { afterAll, afterEach, beforeAll, beforeEach, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { expectAll, sayBoth } from './numbers.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { User } from './user.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

for (const kind of encryptedServers) {
  describeWith(kind.packages, `A link to ${kind.name}`, () => {
    let server: XmppServer
    let relay: Relay
    let warmer: TestService
    let bob: User
    let page: User

    beforeAll(async () => {
      server = await kind.start(passwords)
      relay = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
      warmer = await startTestService({
        servers: kind.servers(server, Number(new URL(relay.url).port)),
        environment: { XMPP_TIMEOUT: '2' },
      })
    }, 100_000)

    beforeEach(async () => {
      const account = { user: 'bob', domain: 'localhost', password: passwords.bob }
      bob = await User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, account)
      const binding = await warmer.bind(alice)
      page = User.attach(binding.url, binding)
      // Directed presence: bob also gets her unavailable presence.
      page.send(`<presence xmlns='jabber:client' to='${bob.jid}'/>`)
      await bob.seesPresence(page.jid, undefined)
    })

    afterEach(async () => {
      relay.restore()
      await page?.leave()
      await bob?.leave()
    })

    afterAll(async () => {
      await warmer?.stop()
      await relay?.stop()
      await server?.stop()
    })

    test('loses no message if it is cut repeatedly', async () => {
      for (let number = 1; number <= 30; number++) {
        sayBoth(page, bob, number)
        if (number % 6 === 0) relay.cut()
        if (number % 3 === 0) await page.isUpToDate()
      }
      await expectAll(page, bob, 30, kind.maker)
    })

    test('is mended if it is cut while idle', async () => {
      sayBoth(page, bob, 1)
      await expectAll(page, bob, 1, kind.maker)
      relay.cut()
      await eventually('the link is mended', () => relay.open === 1)
      sayBoth(page, bob, 2)
      await expectAll(page, bob, 2, kind.maker)
    })

    test('loses no message if the network drops all data for seconds', async () => {
      sayBoth(page, bob, 1)
      await expectAll(page, bob, 1, kind.maker)
      relay.stall()
      for (let number = 2; number <= 6; number++) sayBoth(page, bob, number)
      await eventually('the link has timed out', () => warmer.lines.join('').includes('does not answer'))
      relay.cut()
      relay.restore()
      await expectAll(page, bob, 6, kind.maker)
    })
  })
}
