// The module for pages, in Chromium, before Prosody and ejabberd: reloads, lost networks, tabs, sleep.

import { setInterval } from 'node:timers'
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { eventually, patience } from '../support/eventually.js'
import { freePorts } from '../support/ports.js'
import { type Relay, startRelay } from '../support/relay.js'
import { callSessions } from '../support/sessions-api.js'
import type { ModuleChat, ModuleNoted, PageOptions } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage, transports } from './pages-stage.js'
import { bothServers } from './servers.js'
import { alice, bobs, passwords } from './user.js'

declare const window: { noted: ModuleNoted; chat: ModuleChat | undefined }

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

/** Storage throws for the module's keys. */
const noStorage = `for (const name of ['getItem', 'setItem']) {
  const real = Storage.prototype[name]
  Storage.prototype[name] = function (key, ...values) {
    if (key.startsWith('warm-bindings')) throw new DOMException('No.', 'SecurityError')
    return real.call(this, key, ...values)
  }
}`

for (const kind of kinds) {
  describeWith([...kind.packages, kind.browser], `A page with the module at ${kind.name}`, () => {
    let relay: Relay
    const stage = PagesStage.of({
      browser: kind.browser,
      start: kind.start,
      async environment() {
        const [port] = await freePorts(1)
        relay = await startRelay(`http://127.0.0.1:${port}`)
        return { PORT: String(port), EXTERNAL_URL: relay.url, WEBSOCKET_RESUME: '60' }
      },
      origin: () => relay.url,
    })

    beforeEach(async () => {
      const { bob } = stage
      bob.send(
        `<presence xmlns='jabber:client' to='${room}/Bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
      )
      await bob.seesPresence(`${room}/Bob`, undefined)
    })

    afterEach(() => relay.restore())

    afterAll(() => relay?.stop())

    const open = async (transport: PageOptions['transport'], rooms: readonly string[] = []): Promise<Page> => {
      stage.options = { ...stage.options, rooms }
      return (await stage.come(transport)).tab
    }
    const isOnline = (tab: Page) => tab.waitForFunction(() => window.chat?.status.state === 'online')
    const isOffline = (tab: Page) => tab.waitForFunction(() => window.noted.statuses.at(-1)?.state === 'offline')
    const noted = (tab: Page) => tab.evaluate(() => window.noted)
    const shows = (tab: Page, text: string) =>
      tab.waitForFunction(last => window.noted.texts.includes(last), text, { timeout: patience })
    const send = (tab: Page, text: string, to = bobs.jid) =>
      tab.evaluate(([to, text]) => window.chat!.send(to!, text!), [to, text])

    /** The page has got the presence of contacts and the room since it was loaded. */
    const seesBob = (tab: Page, places = [stage.bob.jid, `${room}/Bob`]) =>
      tab.waitForFunction(jids => jids.every(jid => window.noted.present.includes(jid)), places, { timeout: patience })

    const counting = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

    describe.each(transports)('over %s', transport => {
      const reloads = 10
      test(`shows each message once and in order, over ${reloads} reloads and three lost networks`, async () => {
        const { bob } = stage
        const tab = await open(transport, [`${room}/Alice`])
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
            await isOffline(tab)
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
        expect(stage.ids.size).toBe(1)
        expect(stage.complaints).toEqual([])
      })

      test('gets the reason why a room refuses it, and writes to a room that it joins', async () => {
        const nowhere = 'tea@nowhere.localhost'
        const { bob } = stage
        const tab = await open(transport, [`${room}/Bob`, `${nowhere}/Alice`])
        const isRefused = (line: string) =>
          tab.waitForFunction(wanted => window.noted.refused.some(each => each.startsWith(wanted)), line)
        await isRefused(`${room}/Bob conflict`)
        await isRefused(`${nowhere}/Alice `)
        const refused = await send(tab, 'from outside', room)
        await tab.evaluate(([to]) => window.chat!.join(to!, ''), [room])
        await isRefused(`${room}/ `)
        await tab.evaluate(([to]) => window.chat!.join(to!.toUpperCase(), 'Alice'), [room])
        await seesBob(tab)
        const sent = await send(tab, 'Tea?', room.toUpperCase())
        await bob.receives('Tea?')
        bob.send(`<message xmlns='jabber:client' to='${room}' type='groupchat'><body>Milk!</body></message>`)
        await tab.waitForFunction(() => window.noted.said.includes('Bob: Milk!'))
        const { own, said, states } = await noted(tab)
        expect([own.map(({ id }) => id), said]).toEqual([[refused, sent], ['Bob: Milk!']])
        expect(states.filter(({ state }) => state === 'failed').map(({ id }) => id)).toEqual([refused])
        expect(states.findLast(({ id }) => id === sent)).toMatchObject({ state: 'sent' })
        stage.options = { ...stage.options, rooms: [`${room}/Alice`] }
        await tab.reload()
        // From the history of the room.
        await tab.waitForFunction(wanted => window.noted.own.some(({ id }) => id === wanted), sent)
        expect((await noted(tab)).own.map(({ id }) => id)).toEqual([sent])
      })

      if (transport === 'websocket')
        test('reconnects to the URL of the latest binding', async () => {
          let moves = 0
          stage.change = binding => {
            const websocket = binding.websocket!
            moves += 1
            return { ...binding, websocket: { ...websocket, url: `${websocket.url}?move=${moves}` } }
          }
          const addresses: string[] = []
          stage.context.on('page', page => page.on('websocket', socket => addresses.push(socket.url())))
          const tab = await open(transport)
          relay.lose()
          await isOffline(tab)
          relay.restore()
          await isOnline(tab)
          expect(moves).toBeGreaterThan(1)
          expect(addresses.at(0)).toMatch(/\/warm\?move=1$/)
          expect(addresses.at(-1)).toMatch(new RegExp(`/warm\\?move=${moves}$`))
          stage.bob.say(alice.jid, 'still there')
          await shows(tab, 'still there')
        })

      if (transport === 'bosh')
        test('shows messages in order if a later response overtakes an earlier one', async () => {
          const { bob } = stage
          const tab = await open(transport)
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
          await send(tab, 'a request to begin with', bob.jid)
          await bob.receives('a request to begin with')
          // With a further reply behind the slow one, the window would be full.
          await eventually('the page only waits', () => isPolling)
          bob.say(alice.jid, 'slow')
          await eventually('the reply is held back', () => isHeld)
          bob.say(alice.jid, 'fast')
          await bob.isUpToDate()
          await send(tab, 'a further request', bob.jid)
          await bob.receives('a further request')
          await shows(tab, 'fast')
          await shows(tab, 'slow')
          expect((await noted(tab)).texts).toEqual(['slow', 'fast'])
          await tab.unrouteAll({ behavior: 'ignoreErrors' })
        })

      if (transport === 'bosh')
        test('gets no error of Strophe if a reply comes when the page has asked for a new binding', async () => {
          const { bob } = stage
          const tab = await open(transport)
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
          await send(tab, 'its reply is late', bob.jid)
          await bob.receives('its reply is late')
          await eventually('the late reply has been sent', () => isLate)
          bob.say(alice.jid, 'over the new connection')
          await shows(tab, 'over the new connection')
          expect(stage.complaints).toEqual([])
          await tab.unrouteAll({ behavior: 'ignoreErrors' })
        })

      test.each([
        ['without a network', () => relay.lose(), () => relay.restore()],
        [
          'while the device was offline, if the connection survived',
          () => stage.context.setOffline(true),
          () => stage.context.setOffline(false),
        ],
      ] as const)('sends messages once that were written %s', async (_when, lose, restore) => {
        const { bob } = stage
        const tab = await open(transport)
        const say = (text: string) => send(tab, text, bob.jid)
        await say('before')
        await bob.receives('before')
        await lose()
        await say('at the moment it is lost')
        await isOffline(tab)
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
        const { bob } = stage
        const tab = await open(transport)
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
        const { bob } = stage
        const tab = await open(transport)
        relay.lose()
        await isOffline(tab)
        await send(tab, 'as alice', bob.jid)
        stage.account = bobs
        // At the sign-out.
        await callSessions(stage.service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
        stage.ids.clear()
        relay.restore()
        await tab.waitForFunction(() => window.noted.statuses.at(-1)?.code === 'signed-out')
        await tab.reload()
        await isOnline(tab)
        await send(tab, 'as bob', bob.jid)
        await bob.receives('as bob')
        expect(bob.received).not.toContain('as alice')
      })

      test('leaves no session behind if the browser blocks storage', async () => {
        await stage.context.addInitScript(noStorage)
        const tab = await open(transport)
        for (let count = 0; count < 3; count += 1) {
          await tab.reload()
          await isOnline(tab)
        }
        expect(stage.ids.size).toBe(4)
        const sessions = async () =>
          (await callSessions(stage.service.url, 'GET', `/sessions?jid=${alice.jid}`)).json.sessions.length
        // A busy Chromium drops what pages send last over WebSocket, so WEBSOCKET_RESUME may have to end a session.
        await eventually('one session is left', async () => (await sessions()) === 1)
      })

      test('waits for its user if the XMPP server has ended its session for a newer one', async () => {
        const tab = await open(transport)
        const jid = await tab.evaluate(() => window.chat!.jid)
        const newer = await stage.service.bind({ jid, password: passwords.alice })
        expect(newer.jid).toBe(jid)
        await tab.waitForFunction(() => window.noted.statuses.at(-1)?.code === 'replaced')
        expect(stage.bindings).toBe(1)
        await tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await isOnline(tab)
      })
    })

    test('ends if the binding has an invalid address', async () => {
      stage.options = { ...stage.options, transport: 'auto' }
      const tab = await stage.context.newPage()
      for (const wrong of [{ url: 'http://[' }, { websocket: { url: 'http://[', token: 'a' } }]) {
        stage.change = binding => ({ ...binding, ...wrong })
        await tab.goto(`${relay.url}/portal/module`)
        await tab.waitForFunction(() => window.noted?.statuses.at(-1)?.state === 'ended')
        expect((await noted(tab)).statuses.at(-1)).toMatchObject({ code: 'refused' })
      }
    })
  })
}
