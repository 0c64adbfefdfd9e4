// Strophe in Chromium attaches to warmed sessions at real servers, from both kinds of page.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { createPageRouter, servePage } from '../support/page.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { PortalPage } from './portal-page.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { becomeContacts, User } from './user.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }
const bobs = { jid: 'bob@localhost', password: passwords.bob }

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith([...kind.packages, 'chromium'], `Strophe attached to a session at ${kind.name}`, () => {
    let server: XmppServer
    let warmer: TestService
    let elsewhere: Awaited<ReturnType<typeof servePage>>
    let tab: Page
    let bob: User

    beforeAll(async () => {
      server = await kind.start(passwords)
      warmer = await startTestService({
        servers: kind.servers(server),
        routers: () => [createPageRouter()],
      })
      elsewhere = await servePage()
      const [one, other] = [await warmer.bind(alice), await warmer.bind(bobs)]
      await becomeContacts(User.attach(one.url, one), User.attach(other.url, other))
    })

    beforeEach(async () => {
      const binding = await warmer.bind(bobs)
      bob = User.attach(binding.url, binding)
      tab = await (await sharedChromium()).newPage()
    })

    afterEach(async () => {
      await tab?.close()
      await bob?.leave()
    })

    afterAll(async () => {
      await elsewhere?.stop()
      await warmer?.stop()
      await server?.stop()
    })

    test.each(fewOrAll(['same', 'another'], origin => origin === 'another'))(
      'chats from a page of %s origin',
      async origin => {
        const origins = { same: warmer.url, another: elsewhere.url }
        const page = await PortalPage.open(tab, origins[origin as 'same'], warmer.url)
        const binding = await warmer.bind(alice)
        bob.say(binding.jid, 'before you came')
        await bob.isUpToDate()
        expect(bob.hasSeen(binding.jid)).toBe(false)

        await page.begin(binding)
        await page.receives('before you came')
        await bob.seesPresence(binding.jid, undefined)

        await page.say(bob.jid, 'Tee? <ja> & nein ☕')
        const asked = await bob.receives('Tee? &lt;ja&gt; &amp; nein ☕')
        expect(asked).toContain(binding.jid)
        bob.say(binding.jid, 'lieber Kaffee ☕')
        await page.receives('lieber Kaffee ☕')

        const gone = bob.seesPresence(binding.jid, 'unavailable')
        await page.leave()
        await gone
        await page.reaches('DISCONNECTED')
        expect(await page.statuses()).toEqual(['ATTACHED', 'DISCONNECTING done', 'DISCONNECTED'])
        // XML from another origin needs a CORS preflight.
        expect(page.preflights > 0).toBe(origin === 'another')
        expect(page.complaints).toEqual([])
      },
    )

    test('restores its session after a reload, and gets messages in between', async () => {
      const page = await PortalPage.open(tab, warmer.url, warmer.url)
      const binding = await warmer.bind(alice)
      await page.begin(binding)
      await bob.seesPresence(binding.jid, undefined)
      await page.isQuiet()
      const isHeld = async () =>
        (await callSessions(warmer.url, 'GET', `/sessions?jid=${binding.jid}&state=held`)).json.total === 1
      await eventually('a request is held', isHeld)

      await page.away()
      // A reply to the request that the browser drops is lost: Strophe continues with the next rid.
      await eventually('the service notices that the page is gone', async () => !(await isHeld()))
      bob.say(binding.jid, 'while you reloaded')
      await bob.isUpToDate()
      await page.back()
      await page.begin(binding)
      await page.receives('while you reloaded')
      expect(await page.isRestored()).toBe(true)

      await page.say(bob.jid, 'still the same session')
      const said = await bob.receives('still the same session')
      expect(said).toContain(binding.jid)
      expect(bob.hasSeen(binding.jid, 'unavailable')).toBe(false)
      expect(page.complaints).toEqual([])
    })

    test.each(fewOrAll(['same', 'another'], origin => origin === 'another'))(
      'ends within a second by a beacon from a page of %s origin',
      async origin => {
        const origins = { same: warmer.url, another: elsewhere.url }
        const page = await PortalPage.open(tab, origins[origin as 'same'], warmer.url)
        const binding = await warmer.bind(alice)
        await page.begin(binding)
        await bob.seesPresence(binding.jid, undefined)
        await page.isQuiet()

        await page.leaveWithPage()
        const gone = bob.seesPresence(binding.jid, 'unavailable', 1000)
        await Promise.all([page.away(), gone])
        expect(page.complaints).toEqual([])
      },
    )
  })
}
