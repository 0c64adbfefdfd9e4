// The module for pages, in Chromium, before Prosody and ejabberd: reloads, lost networks, tabs, sleep.

import { setInterval } from 'node:timers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { eventually, patience } from '../support/eventually.js'
import { createModulePageRouter, type ModuleChat, type ModuleNoted, type PageOptions } from '../support/page-module.js'
import { freePorts } from '../support/ports.js'
import { type Relay, startRelay } from '../support/relay.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { bothServers, type XmppServer } from './servers.js'
import { alice, becomeContacts, passwords, User } from './user.js'

declare const window: { noted: ModuleNoted; chat: ModuleChat | undefined }

const bobs = { jid: 'bob@localhost', password: passwords.bob }
const room = 'tea@conference.localhost'

/** With an archive, and with rooms. */
const kinds = bothServers(
  passwords,
  `c2s_require_encryption = true
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "offline", "mam" }
Component "conference.localhost" "muc"
  muc_room_locking = false`,
  { modules: '  mod_mam:\n    default: always\n  mod_offline: {}\n  mod_muc: {}' },
)

for (const kind of kinds) {
  describeWith([...kind.packages, kind.browser], `A page with the module at ${kind.name}`, () => {
    let server: XmppServer
    let service: TestService
    let relay: Relay
    let context: BrowserContext
    let bob: User
    let options: PageOptions
    const ids = new Map<string, string>()
    /** Who is signed in to the portal. */
    let account = alice
    let complaints: string[]

    beforeAll(async () => {
      server = await kind.start()
      const [port] = await freePorts(1)
      relay = await startRelay(`http://127.0.0.1:${port}`)
      service = await startTestService({
        servers: `localhost=xmpp://127.0.0.1:${server.c2sPort}?ca=${server.caFile}`,
        environment: { PORT: String(port), EXTERNAL_URL: relay.url },
        routers: () => [createModulePageRouter(() => options, bind)],
      })
      await becomeContacts(await User.warm(service, alice), await User.warm(service, bobs))
    })

    beforeEach(async () => {
      ids.clear()
      account = alice
      complaints = []
      bob = await User.warm(service, bobs)
      bob.send(
        `<presence xmlns='jabber:client' to='${room}/Bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
      )
      await bob.seesPresence(`${room}/Bob`, undefined)
      context = await (await sharedChromium(kind.browser)).newContext()
    })

    afterEach(async () => {
      isMoving = false
      relay.restore()
      await context?.close()
      await bob?.leave()
      for (const { jid } of [alice, bobs]) await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
    })

    afterAll(async () => {
      await relay?.stop()
      await service?.stop()
      await server?.stop()
    })

    /** Whether each binding has another WebSocket URL, as with several processes. */
    let isMoving = false
    let moves = 0

    async function bind(tab: string): Promise<object> {
      const binding = await bindTab(service, ids, tab, account)
      const { websocket } = binding
      if (!isMoving || websocket === undefined) return binding
      moves += 1
      return { ...binding, websocket: { ...websocket, url: `${websocket.url}?move=${moves}` } }
    }

    async function open(): Promise<Page> {
      const tab = await context.newPage()
      tab.on('pageerror', error => complaints.push(error.message))
      await tab.goto(`${relay.url}/portal/module`)
      await isOnline(tab)
      return tab
    }

    const isOnline = (tab: Page) => tab.waitForFunction(() => window.chat?.status.state === 'online')
    const noted = (tab: Page) => tab.evaluate(() => window.noted)
    const shows = (tab: Page, text: string) =>
      tab.waitForFunction(last => window.noted.texts.includes(last), text, { timeout: patience })

    /** The page has got the presence of contacts and the room since it was loaded. */
    const seesBob = (tab: Page, places = [bob.jid, `${room}/Bob`]) =>
      tab.waitForFunction(jids => jids.every(jid => window.noted.present.includes(jid)), places, { timeout: patience })

    const counting = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

    describe.each(['bosh', 'websocket'] as const)('over %s', transport => {
      const reloads = 10
      test(`shows each message once and in order, over ${reloads} reloads and three lost networks`, async () => {
        options = { transport, history: 0, rooms: [`${room}/Alice`] }
        const tab = await open()
        let count = 0
        const writing = setInterval(() => bob.say(alice.jid, String(++count)), 200)
        try {
          for (let round = 0; round < reloads; round++) {
            await tab.reload()
            await isOnline(tab)
            await seesBob(tab)
          }
          for (let round = 0; round < 3; round++) {
            relay.lose()
            await tab.waitForFunction(() => window.noted.statuses.at(-1)?.state === 'offline')
            const missed = count
            await eventually('something is missed', () => count > missed + 5)
            relay.restore()
            await isOnline(tab)
            await shows(tab, String(count))
          }
        } finally {
          clearInterval(writing)
        }
        await shows(tab, String(count))
        expect((await noted(tab)).texts).toEqual(counting(count))
        await seesBob(tab)
        expect(bob.hasSeen(await tab.evaluate(() => window.chat!.jid), 'unavailable')).toBe(false)
        expect(ids.size).toBe(1)
        expect(complaints).toEqual([])
      })

      test('gets the reason why a room refuses it, and writes to a room that it joins', async () => {
        const nowhere = 'tea@nowhere.localhost'
        options = { transport, history: 0, rooms: [`${room}/Bob`, `${nowhere}/Alice`] }
        const tab = await open()
        const isRefused = (line: string) =>
          tab.waitForFunction(wanted => window.noted.refused.some(each => each.startsWith(wanted)), line)
        await isRefused(`${room}/Bob conflict`)
        await isRefused(`${nowhere}/Alice `)
        const write = (to: string, text: string) =>
          tab.evaluate(([to, text]) => window.chat!.send(to!, text!), [to, text])
        const refused = await write(room, 'from outside')
        await tab.evaluate(([to]) => window.chat!.join(to!, ''), [room])
        await isRefused(`${room}/ `)
        await tab.evaluate(([to]) => window.chat!.join(to!.toUpperCase(), 'Alice'), [room])
        await seesBob(tab)
        const sent = await write(room.toUpperCase(), 'Tea?')
        await bob.receives('Tea?')
        bob.send(`<message xmlns='jabber:client' to='${room}' type='groupchat'><body>Milk!</body></message>`)
        await tab.waitForFunction(() => window.noted.said.includes('Bob: Milk!'))
        const { own, said, states } = await noted(tab)
        expect([own.map(({ id }) => id), said]).toEqual([[refused, sent], ['Bob: Milk!']])
        expect(states.filter(({ state }) => state === 'failed').map(({ id }) => id)).toEqual([refused])
        expect(states.findLast(({ id }) => id === sent)).toMatchObject({ state: 'sent' })
        options = { ...options, rooms: [`${room}/Alice`] }
        await tab.reload()
        // From the history of the room.
        await tab.waitForFunction(wanted => window.noted.own.some(({ id }) => id === wanted), sent)
        expect((await noted(tab)).own.map(({ id }) => id)).toEqual([sent])
      })

      if (transport === 'websocket')
        test('reconnects to the URL of the latest binding', async () => {
          options = { transport, history: 0, rooms: [] }
          isMoving = true
          moves = 0
          const addresses: string[] = []
          context.on('page', page => page.on('websocket', socket => addresses.push(socket.url())))
          const tab = await open()
          relay.lose()
          await tab.waitForFunction(() => window.noted.statuses.at(-1)?.state === 'offline')
          relay.restore()
          await isOnline(tab)
          expect(moves).toBeGreaterThan(1)
          expect(addresses.at(0)).toMatch(/\/warm\?move=1$/)
          expect(addresses.at(-1)).toMatch(new RegExp(`/warm\\?move=${moves}$`))
          bob.say(alice.jid, 'still there')
          await shows(tab, 'still there')
        })

      if (transport === 'bosh')
        test('shows messages in order if a later response overtakes an earlier one', async () => {
          options = { transport, history: 0, rooms: [] }
          const tab = await open()
          let isHeld = false
          let isOvertaken = false
          let isPolling = false
          await tab.route('**/http-bind', async route => {
            isPolling = /^<body[^>]*\/>$/.test(route.request().postData() ?? '')
            const reply = await route.fetch()
            isPolling = false
            const text = await reply.text()
            if (text.includes('slow') && !isHeld) {
              isHeld = true
              await eventually('another reply overtakes it', () => isOvertaken)
            }
            // The page may be gone by then.
            await route.fulfill({ response: reply, body: text }).catch(() => {})
            isOvertaken ||= text.includes('fast')
          })
          // The route does not see the request that is already held: this one replaces it.
          await tab.evaluate(to => window.chat!.send(to, 'a request to begin with'), bob.jid)
          await bob.receives('a request to begin with')
          // With a further reply behind the slow one, the window would be full.
          await eventually('the page only waits', () => isPolling)
          bob.say(alice.jid, 'slow')
          await eventually('the reply is held back', () => isHeld)
          bob.say(alice.jid, 'fast')
          await bob.isUpToDate()
          await tab.evaluate(to => window.chat!.send(to, 'a further request'), bob.jid)
          await bob.receives('a further request')
          await shows(tab, 'fast')
          await shows(tab, 'slow')
          expect((await noted(tab)).texts).toEqual(['slow', 'fast'])
          await tab.unrouteAll({ behavior: 'ignoreErrors' })
        })

      if (transport === 'bosh')
        test('gets no error of Strophe if a reply comes when the page has asked for a new binding', async () => {
          options = { transport, history: 0, rooms: [] }
          const tab = await open()
          let count = 0
          let isLate = false
          await tab.route('**/http-bind', async route => {
            const index = count++
            const response = await route.fetch()
            // The first request stays without a reply.
            if (index === 0) return
            if (index === 1) await eventually('the page has a new binding', () => count > 2)
            await route.fulfill({ response }).catch(() => {})
            isLate ||= index === 1
          })
          await tab.evaluate(to => window.chat!.send(to, 'its reply is late'), bob.jid)
          await bob.receives('its reply is late')
          await eventually('the late reply has been sent', () => isLate)
          bob.say(alice.jid, 'over the new connection')
          await shows(tab, 'over the new connection')
          expect(complaints).toEqual([])
          await tab.unrouteAll({ behavior: 'ignoreErrors' })
        })

      test.each([
        ['without a network', () => relay.lose(), () => relay.restore()],
        [
          'while the device was offline, if the connection survived',
          () => context.setOffline(true),
          () => context.setOffline(false),
        ],
      ] as const)('sends messages once that were written %s', async (_when, lose, restore) => {
        options = { transport, history: 0, rooms: [] }
        const tab = await open()
        const say = (text: string) => tab.evaluate(([to, said]) => window.chat!.send(to!, said!), [bob.jid, text])
        await say('before')
        await bob.receives('before')
        await lose()
        await say('at the moment it is lost')
        await tab.waitForFunction(() => window.noted.statuses.at(-1)?.state === 'offline')
        await say('meanwhile')
        await restore()
        await isOnline(tab)
        await bob.receives('meanwhile', 20_000)
        await say('after')
        await bob.receives('after', 20_000)
        await bob.isUpToDate()
        expect(bob.texts).toEqual(['before', 'at the moment it is lost', 'meanwhile', 'after'])
      })

      test('loses no message and shows no forged message, whatever a contact sends', async () => {
        options = { transport, history: 0, rooms: [] }
        const tab = await open()
        await seesBob(tab, [bob.jid])
        for (const text of counting(3)) bob.say(alice.jid, text)
        await shows(tab, '3')
        const jid = await tab.evaluate(() => window.chat!.jid)
        const inner = (await noted(tab)).texts.length
        bob.send(
          `<iq xmlns='jabber:client' type='get' id='x' to='${jid}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`,
        )
        const forged =
          `<message xmlns='jabber:client' type='chat' to='${jid}'><result xmlns='urn:xmpp:mam:2' queryid='x' id='1'>` +
          `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='${jid}'><body>forged</body></message>` +
          '</forwarded></result></message>'
        bob.send(forged)
        for (const text of ['4', '5', '6']) bob.say(alice.jid, text)
        await shows(tab, '6')
        expect(inner).toBe(3)
        expect((await noted(tab)).texts).toEqual(counting(6))
      })

      test('never sends messages of one user as the next user', async () => {
        options = { transport, history: 0, rooms: [] }
        const tab = await open()
        relay.lose()
        await tab.waitForFunction(() => window.noted.statuses.at(-1)?.state === 'offline')
        await tab.evaluate(to => window.chat!.send(to, 'as alice'), bob.jid)
        account = bobs
        // At the sign-out.
        await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
        ids.clear()
        relay.restore()
        await tab.waitForFunction(() => window.noted.statuses.at(-1)?.code === 'signed-out')
        await tab.reload()
        await isOnline(tab)
        await tab.evaluate(to => window.chat!.send(to, 'as bob'), bob.jid)
        await bob.receives('as bob')
        expect(bob.received).not.toContain('as alice')
      })
    })
  })
}
