// A message goes out in a BOSH reply that is lost, while the page's next request is on its way. However the session ends, the
// message stays at the server.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { presence, User } from './user.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const account = (user: keyof typeof passwords) => ({ user, domain: 'localhost', password: passwords[user] })
const ping = "<iq xmlns='jabber:client' type='get' id='crossing' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith(kind.packages, `A reply that is lost, before ${kind.name}`, () => {
    let server: XmppServer
    let service: TestService
    let bob: User
    let page: BoshClient
    let binding: WarmBinding

    beforeAll(async () => {
      server = await kind.start(passwords)
    }, 100_000)

    beforeEach(async () => {
      service = await startTestService({
        servers: kind.servers(server),
        environment: { BOSH_INACTIVITY: '10', MAX_STANZA_BYTES: '10000' },
      })
      binding = await service.bind({ jid: 'alice@localhost', password: passwords.alice })
      page = new BoshClient(`${service.url}/http-bind`, binding)
      bob = await logIn('bob')
    })

    afterEach(async () => {
      page.close()
      await bob.leave()
      await service.stop()
    })

    afterAll(async () => {
      await server?.stop()
    })

    const logIn = (user: keyof typeof passwords) =>
      User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, account(user))

    const ends: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['the page does not come back', async () => page.close()],
      ['the page logs out', () => page.terminate()],
      ['an admin ends it', () => callSessions(service.url, 'DELETE', `/${binding.id}`)],
      ['a limit is exceeded', () => page.request(`<message xmlns='jabber:client'>${'x'.repeat(20_000)}</message>`)],
      ['the service stops', () => service.stop()],
    ]
    test.each(ends)('does not lose its message if %s', async (_how, end) => {
      await page.request(presence)
      const held = page.request()
      bob.say(binding.jid, 'number 1')
      let reply = await held
      while (!reply.includes('>number 1<')) reply = await page.request()
      // It is answered at once, or held until its result comes.
      await page.request(ping)
      await end().catch(() => {})
      await eventually('the session ends', () => service.service.counts().sessions === 0, { seconds: 40 })

      const next = await logIn('alice')
      await next.isUpToDate()
      await bob.isUpToDate()
      const isReturned = /<message [^>]*type=['"]error['"]/.test(bob.received)
      expect({ numbers: isReturned ? [1] : next.numbers }).toEqual({ numbers: [1] })
      await next.leave()
    })
  })
}
