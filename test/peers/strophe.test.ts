// Strophe in Chromium attaches to warmed sessions at real servers, from both kinds of page.
import { beforeAll, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { stoppedAfterAll } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { callSessions } from '../support/sessions-api.js'
import type { WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { createPageRouter, PortalPage, servePortal } from './portal-page.js'
import { bothServers } from './servers.js'
import { alice, passwords } from './user.js'

for (const kind of fewOrAll(bothServers(passwords), ({ name }) => name === 'Prosody')) {
  describeWith([...kind.packages, 'chromium'], `Strophe attached to a session at ${kind.name}`, () => {
    const stage = PagesStage.of({
      browser: 'chromium',
      start: kind.start,
      routers: () => [createPageRouter()],
    })
    const keep = stoppedAfterAll()
    let elsewhere: Awaited<ReturnType<typeof servePortal>>

    beforeAll(async () => {
      elsewhere = await keep(servePortal([createPageRouter()]))
    })

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
        await bob.chatsWith(page)

        const gone = bob.seesPresence(binding.jid, 'unavailable')
        await page.leave()
        await gone
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

    const gone = "type='terminate' condition='item-not-found'"

    /** The reply to a client that knows sid and rid, and has no cookie. */
    const stranger = async (url: string, { sid }: WarmBinding, rid: number) => {
      const client = new BoshClient(`${url}/http-bind`, { sid, rid })
      const answer = await client.request("<message xmlns='jabber:client' to='alice@localhost'/>")
      client.close()
      return answer
    }

    const chats = async (page: PortalPage, text: string) => {
      await page.say(await page.jid(), text)
      await page.receives(text)
    }

    test('with a cookie, which Chromium sends, rejects requests without it, also beside another session', async () => {
      const { context, service } = stage
      const warm = () => service.bind({ ...alice, attach_binding: 'cookie' })
      const bindings = [await warm(), await warm()] as const
      const pages = [await open(), await open()] as const
      for (const [index, page] of pages.entries()) {
        await page.begin(bindings[index]!)
        await chats(page, `first ${index}`)
      }
      const cookies = await context.cookies(`${service.url}/http-bind`)
      expect(cookies.map(({ name }) => name).sort()).toEqual(bindings.map(({ id }) => `wb-${id}`).sort())
      for (const cookie of cookies)
        expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/http-bind' })
      for (const [index, page] of pages.entries()) {
        const { rid } = bindings[index]!
        for (const guess of [rid, rid + 3, rid + 4, rid + 1000])
          expect(await stranger(service.url, bindings[index]!, guess)).toContain(gone)
        await chats(page, `still here ${index}`)
        expect(page.complaints).toEqual([])
        await page.leave()
      }
    })
  })
}
