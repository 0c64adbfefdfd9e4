// Strophe in Chromium attaches to warmed sessions at real servers, from both kinds of page.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { createPageRouter } from '../support/page.js'
import { callSessions } from '../support/sessions-api.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { PortalPage } from './portal-page.js'
import { servePortal } from './portal-server.js'
import { encryptedServers } from './servers.js'
import { alice, passwords } from './user.js'

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith([...kind.packages, 'chromium'], `Strophe attached to a session at ${kind.name}`, () => {
    const stage = PagesStage.of({
      browser: 'chromium',
      start: () => kind.start(passwords),
      servers: kind.servers,
      routers: () => [createPageRouter()],
    })
    let elsewhere: Awaited<ReturnType<typeof servePortal>>

    beforeAll(async () => {
      elsewhere = await servePortal([createPageRouter()])
    })

    afterAll(() => elsewhere?.stop())

    const open = async (origin = 'same') => {
      const { url } = origin === 'same' ? stage.service : elsewhere
      return PortalPage.open(await stage.context.newPage(), url, stage.service.url)
    }

    test.each(fewOrAll(['same', 'another'], origin => origin === 'another'))(
      'chats from a page of %s origin',
      async origin => {
        const { bob } = stage
        const page = await open(origin)
        const binding = await stage.service.bind(alice)
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
        expect(await page.tab.evaluate('noted.statuses')).toEqual(['ATTACHED', 'DISCONNECTING done', 'DISCONNECTED'])
        // XML from another origin needs a CORS preflight.
        expect(page.preflights > 0).toBe(origin === 'another')
        expect(page.complaints).toEqual([])
      },
    )

    test('restores its session after a reload, and gets messages in between', async () => {
      const { bob } = stage
      const page = await open()
      const binding = await stage.service.bind(alice)
      await page.begin(binding)
      await bob.seesPresence(binding.jid, undefined)
      await page.isQuiet()
      const isHeld = async () =>
        (await callSessions(stage.service.url, 'GET', `/sessions?jid=${binding.jid}&state=held`)).json.total === 1
      await eventually('a request is held', isHeld)

      await page.away()
      // A reply to the request that the browser drops is lost: Strophe continues with the next rid.
      await eventually('the service notices that the page is gone', async () => !(await isHeld()))
      bob.say(binding.jid, 'while you reloaded')
      await bob.isUpToDate()
      await page.back()
      await page.begin(binding)
      await page.receives('while you reloaded')
      expect(await page.tab.evaluate('noted.restored')).toBe(true)

      await page.say(bob.jid, 'still the same session')
      const said = await bob.receives('still the same session')
      expect(said).toContain(binding.jid)
      expect(bob.hasSeen(binding.jid, 'unavailable')).toBe(false)
      expect(page.complaints).toEqual([])
    })

    test.each(fewOrAll(['same', 'another'], origin => origin === 'another'))(
      'ends within a second by a beacon from a page of %s origin',
      async origin => {
        const { bob } = stage
        const page = await open(origin)
        const binding = await stage.service.bind(alice)
        await page.begin(binding)
        await bob.seesPresence(binding.jid, undefined)
        await page.isQuiet()

        await page.tab.evaluate('chat.leaveWithPage()')
        const gone = bob.seesPresence(binding.jid, 'unavailable', 1000)
        await Promise.all([page.away(), gone])
        expect(page.complaints).toEqual([])
      },
    )
  })
}
