// Messages that a page has not fetched when its session ends go to the server's offline store, and no others.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { bothServers, overStarttls, type XmppServer } from './servers.js'
import { alice, passwords, presence, User } from './user.js'

const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'
const kinds = bothServers(passwords, `modules_enabled = { ${modules} }`, {
  modules: '  mod_offline: {}',
  // Without this option, ejabberd returns them to their senders.
  streamManagement: '{resend_on_timeout: if_offline}',
})

for (const { name, packages, start } of kinds) {
  describeWith(packages, `The offline store of ${name}`, () => {
    let server: XmppServer
    let warmer: TestService
    let bob: User

    beforeAll(async () => {
      server = await start()
      warmer = await startTestService(settings())
      bob = await User.logInAt(server, 'bob', passwords.bob)
    })

    afterAll(async () => {
      await bob?.leave()
      await warmer?.stop()
      await server?.stop()
    })

    const settings = () => ({ servers: overStarttls(server) })
    const says = (number: number) => bob.say(alice.jid, `number ${number}`)

    /** Ways to end the session. */
    const ways = {
      'is ended by the backend': async () => {
        await callSessions(warmer.url, 'DELETE', `/sessions?jid=${alice.jid}`)
        await eventually('its link is closed', () => warmer.service.counts().links === 0)
      },
      'ends with the service': async () => {
        await warmer.stop()
        warmer = await startTestService(settings())
      },
    }

    for (const [way, end] of Object.entries(ways))
      test(`keeps only messages that the page has not confirmed if the session ${way}`, async () => {
        const { url, jid: _, ...binding } = await warmer.bind(alice)
        const page = new BoshClient(url, binding)
        await page.request(presence)
        const poll = page.request()
        says(1)
        expect(await poll).toContain('>number 1<')
        // The next poll confirms the reply with the first message.
        const last = page.request()
        says(2)
        expect(await last).toContain('>number 2<')
        says(3)
        says(4)
        await bob.isUpToDate()
        await end()

        const later = await User.warm(warmer, alice)
        await later.receives('>number 4<')
        await later.isUpToDate()
        // The reply with the second message was never confirmed.
        expect(later.numbers).toEqual([2, 3, 4])
        await bob.isUpToDate()
        expect(bob.received).not.toContain("type='error'")
        await later.leave()
      })
  })
}
