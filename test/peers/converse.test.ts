// Converse in Chromium attaches to sessions that its portal warms.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { type ConversePortal, serveConversePortal } from '../support/page-converse-module.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { ConverseVisitor } from './converse-visitor.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { becomeContacts, User } from './user.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }
const bobs = { jid: 'bob@localhost', password: passwords.bob }

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith([...kind.packages, eitherChromium], `Converse with prebind at ${kind.name}`, () => {
    let server: XmppServer
    let warmer: TestService
    let portal: ConversePortal
    let context: BrowserContext
    let bob: User
    const bound: string[] = []

    beforeAll(async () => {
      server = await kind.start(passwords)
      const bindForPage = async () => {
        const { jid, sid, rid } = await warmer.bind(alice)
        bound.push(jid)
        return { jid, sid, rid }
      }
      warmer = await startTestService({ servers: kind.servers(server) })
      portal = await serveConversePortal(() => warmer.url, bindForPage)
      const settings = { authentication: 'prebind', prebind_url: '/chat/binding', jid: alice.jid }
      portal.options = { isAlone: true, settings }
      const [one, other] = [await warmer.bind(alice), await warmer.bind(bobs)]
      await becomeContacts(User.attach(one.url, one), User.attach(other.url, other))
    })

    beforeEach(async () => {
      bound.length = 0
      const binding = await warmer.bind(bobs)
      bob = User.attach(binding.url, binding)
      context = await (await sharedChromium(eitherChromium)).newContext()
    })

    afterEach(async () => {
      await context?.close()
      await bob?.leave()
    })

    afterAll(async () => {
      await portal?.stop()
      await warmer?.stop()
      await server?.stop()
    })

    const isHeld = async () =>
      (await callSessions(warmer.url, 'GET', `/sessions?jid=${alice.jid}&state=held`)).json.total === 1

    test('connects, chats, resumes after a reload, and logs out', async () => {
      const page = await ConverseVisitor.come(context, portal.url, [portal.url, warmer.url])
      await page.has('connected')
      const [jid = ''] = bound
      expect(await page.jid()).toBe(jid)
      await bob.seesPresence(jid, undefined)

      await page.say(bob.bareJid, 'Tee? <ja> & nein ☕')
      expect(await bob.receives('Tee? &lt;ja&gt; &amp; nein ☕')).toContain(jid)
      bob.say(jid, 'lieber Kaffee ☕')
      await page.reads('lieber Kaffee ☕')

      await page.stopSendingOnceHeld(isHeld)
      await page.tab.goto('about:blank')
      // A reply to the request that the browser drops is lost: Converse alone continues with the next rid.
      await eventually('the service notices that the page is gone', async () => !(await isHeld()))
      bob.say(jid, 'while you reloaded')
      await bob.isUpToDate()
      await page.tab.goto(portal.url)
      await page.has('connected')
      expect(await page.jid()).toBe(jid)
      await page.receives(bob.bareJid, 'while you reloaded')
      await page.say(bob.bareJid, 'still here')
      expect(await bob.receives('still here')).toContain(jid)
      bob.say(jid, 'so am I')
      await page.receives(bob.bareJid, 'so am I')
      expect(bob.hasSeen(jid, 'unavailable')).toBe(false)
      expect(bound).toEqual([jid])

      const gone = bob.seesPresence(jid, 'unavailable')
      await Promise.all([page.logOut(), gone])
      await page.has('logout')
    })
  })
}
