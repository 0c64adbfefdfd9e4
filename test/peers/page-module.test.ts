// The module for pages, in Chromium, before Prosody and ejabberd: reloads, lost networks, tabs, sleep.

import { setInterval } from 'node:timers'
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { eventually, patience } from '../support/eventually.js'
import { freePorts } from '../support/ports.js'
import { type Relay, startRelay } from '../support/relay.js'
import { callSessions } from '../support/sessions-api.js'
import type { ModulePage, ModuleWindow, PageOptions } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage, transports } from './pages-stage.js'
import { bothServers } from './servers.js'
import { alice, bobs, passwords } from './user.js'

declare const window: ModuleWindow

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

    const open = (transport: PageOptions['transport'], rooms: readonly string[] = []) => {
      stage.options = { ...stage.options, rooms }
      return stage.come(transport)
    }

    /** The page has got the presence of contacts and the room since it was loaded. */
    const seesBob = ({ tab }: ModulePage, places = [stage.bob.jid, `${room}/Bob`]) =>
      tab.waitForFunction(jids => jids.every(jid => window.noted.present.includes(jid)), places, { timeout: patience })

    const counting = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

    describe.each(transports)('over %s', transport => {
      const reloads = 10
      test(`shows each message once and in order, over ${reloads} reloads and three lost networks`, async () => {
        const { bob } = stage
        const page = await open(transport, [`${room}/Alice`])
        let count = 0
        const writing = setInterval(() => bob.say(alice.jid, String(++count)), 200)
        try {
          for (let round = 0; round < reloads; round++) {
            await page.reload()
            await seesBob(page)
          }
          for (let round = 0; round < 3; round++) {
            relay.lose()
            await page.has('offline')
            const missed = count
            await eventually('something is missed', () => count > missed + 5)
            relay.restore()
            await page.has('online')
            await page.receives(String(count))
          }
        } finally {
          clearInterval(writing)
        }
        await page.receives(String(count))
        expect((await page.noted()).texts).toEqual(counting(count))
        await seesBob(page)
        expect(bob.hasSeen(await page.jid(), 'unavailable')).toBe(false)
        expect(stage.ids.size).toBe(1)
        expect(stage.complaints).toEqual([])
      })

      test('gets the reason why a room refuses it, and writes to a room that it joins', async () => {
        const nowhere = 'tea@nowhere.localhost'
        const { bob } = stage
        const page = await open(transport, [`${room}/Bob`, `${nowhere}/Alice`])
        const isRefused = (line: string) =>
          page.tab.waitForFunction(wanted => window.noted.refused.some(each => each.startsWith(wanted)), line)
        await isRefused(`${room}/Bob conflict`)
        await isRefused(`${nowhere}/Alice `)
        const refused = await page.say(room, 'from outside')
        await page.tab.evaluate(([to]) => window.chat!.join(to!, ''), [room])
        await isRefused(`${room}/ `)
        await page.tab.evaluate(([to]) => window.chat!.join(to!.toUpperCase(), 'Alice'), [room])
        await seesBob(page)
        const sent = await page.say(room.toUpperCase(), 'Tea?')
        await bob.receives('Tea?')
        bob.send(`<message xmlns='jabber:client' to='${room}' type='groupchat'><body>Milk!</body></message>`)
        await page.tab.waitForFunction(() => window.noted.said.includes('Bob: Milk!'))
        const { own, said, states } = await page.noted()
        expect([own.map(({ id }) => id), said]).toEqual([[refused, sent], ['Bob: Milk!']])
        expect(states.filter(({ state }) => state === 'failed').map(({ id }) => id)).toEqual([refused])
        expect(states.findLast(({ id }) => id === sent)).toMatchObject({ state: 'sent' })
        stage.options = { ...stage.options, rooms: [`${room}/Alice`] }
        await page.tab.reload()
        // From the history of the room.
        await page.tab.waitForFunction(wanted => window.noted.own.some(({ id }) => id === wanted), sent)
        expect((await page.noted()).own.map(({ id }) => id)).toEqual([sent])
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
          const page = await open(transport)
          relay.lose()
          await page.has('offline')
          relay.restore()
          await page.has('online')
          expect(moves).toBeGreaterThan(1)
          expect(addresses.at(0)).toMatch(/\/warm\?move=1$/)
          expect(addresses.at(-1)).toMatch(new RegExp(`/warm\\?move=${moves}$`))
          stage.bob.say(alice.jid, 'still there')
          await page.receives('still there')
        })

      if (transport === 'bosh')
        test('shows messages in order if a later response overtakes an earlier one', async () => {
          const { bob } = stage
          const page = await open(transport)
          let isHeld = false
          let isOvertaken = false
          let isPolling = false
          await page.tab.route('**/http-bind', async route => {
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
          await page.say(bob.jid, 'a request to begin with')
          await bob.receives('a request to begin with')
          // With a further reply behind the slow one, the window would be full.
          await eventually('the page only waits', () => isPolling)
          bob.say(alice.jid, 'slow')
          await eventually('the reply is held back', () => isHeld)
          bob.say(alice.jid, 'fast')
          await bob.isUpToDate()
          await page.say(bob.jid, 'a further request')
          await bob.receives('a further request')
          await page.receives('fast')
          await page.receives('slow')
          expect((await page.noted()).texts).toEqual(['slow', 'fast'])
          await page.tab.unrouteAll({ behavior: 'ignoreErrors' })
        })

      if (transport === 'bosh')
        test('gets no error of Strophe if a reply comes when the page has asked for a new binding', async () => {
          const { bob } = stage
          const page = await open(transport)
          let count = 0
          let isLate = false
          await page.tab.route('**/http-bind', async route => {
            const index = count++
            const response = await route.fetch()
            // The first request stays without a reply.
            if (index === 0) return
            if (index === 1) await eventually('the page has a new binding', () => count > 2)
            await route.fulfill({ response }).catch(() => {})
            isLate ||= index === 1
          })
          await page.say(bob.jid, 'its reply is late')
          await bob.receives('its reply is late')
          await eventually('the late reply has been sent', () => isLate)
          bob.say(alice.jid, 'over the new connection')
          await page.receives('over the new connection')
          expect(stage.complaints).toEqual([])
          await page.tab.unrouteAll({ behavior: 'ignoreErrors' })
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
        const page = await open(transport)
        const say = (text: string) => page.say(bob.jid, text)
        await say('before')
        await bob.receives('before')
        await lose()
        await say('at the moment it is lost')
        await page.has('offline')
        await say('meanwhile')
        await restore()
        await page.has('online')
        await bob.receives('meanwhile', 20_000)
        await say('after')
        await bob.receives('after', 20_000)
        await bob.isUpToDate()
        expect(bob.texts).toEqual(['before', 'at the moment it is lost', 'meanwhile', 'after'])
      })

      test('loses no message and shows no forged message, whatever a contact sends', async () => {
        const { bob } = stage
        const page = await open(transport)
        await seesBob(page, [bob.jid])
        for (const text of counting(3)) bob.say(alice.jid, text)
        await page.receives('3')
        const jid = await page.jid()
        const inner = (await page.noted()).texts.length
        bob.send(
          `<iq xmlns='jabber:client' type='get' id='x' to='${jid}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`,
        )
        const forged =
          `<message xmlns='jabber:client' type='chat' to='${jid}'><result xmlns='urn:xmpp:mam:2' queryid='x' id='1'>` +
          `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='${jid}'><body>forged</body></message>` +
          '</forwarded></result></message>'
        bob.send(forged)
        for (const text of ['4', '5', '6']) bob.say(alice.jid, text)
        await page.receives('6')
        expect(inner).toBe(3)
        expect((await page.noted()).texts).toEqual(counting(6))
      })

      test('never sends messages of one user as the next user', async () => {
        const { bob } = stage
        const page = await open(transport)
        relay.lose()
        await page.has('offline')
        await page.say(bob.jid, 'as alice')
        stage.account = bobs
        // At the sign-out.
        await callSessions(stage.service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
        stage.ids.clear()
        relay.restore()
        await page.has('signed-out')
        await page.reload()
        await page.say(bob.jid, 'as bob')
        await bob.receives('as bob')
        expect(bob.received).not.toContain('as alice')
      })

      test('leaves no session behind if the browser blocks storage', async () => {
        await stage.context.addInitScript(noStorage)
        const page = await open(transport)
        for (let count = 0; count < 3; count += 1) {
          await page.reload()
        }
        expect(stage.ids.size).toBe(4)
        const sessions = async () =>
          (await callSessions(stage.service.url, 'GET', `/sessions?jid=${alice.jid}`)).json.sessions.length
        // A busy Chromium drops what pages send last over WebSocket, so WEBSOCKET_RESUME may have to end a session.
        await eventually('one session is left', async () => (await sessions()) === 1)
      })

      test('waits for its user if the XMPP server has ended its session for a newer one', async () => {
        const page = await open(transport)
        const jid = await page.jid()
        const newer = await stage.service.bind({ jid, password: passwords.alice })
        expect(newer.jid).toBe(jid)
        await page.has('replaced')
        expect(stage.bindings).toBe(1)
        await page.tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.has('online')
      })
    })

    test('ends if the binding has an invalid address', async () => {
      stage.options = { ...stage.options, transport: 'auto' }
      const tab = await stage.context.newPage()
      for (const wrong of [{ url: 'http://[' }, { websocket: { url: 'http://[', token: 'a' } }]) {
        stage.change = binding => ({ ...binding, ...wrong })
        await tab.goto(`${relay.url}/portal/module`)
        await tab.waitForFunction(() => window.noted?.statuses.at(-1)?.state === 'ended')
        expect(await tab.evaluate(() => window.noted.statuses.at(-1))).toMatchObject({ code: 'refused' })
      }
    })
  })
}
