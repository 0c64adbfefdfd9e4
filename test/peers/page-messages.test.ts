// The module for pages, in Chromium, at Prosody and ejabberd: other tabs of the user, and a link that breaks.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { type Relay, startRelay } from '../support/relay.js'
import { callSessions } from '../support/sessions-api.js'
import type { ModulePage, ModuleWindow, PageOptions } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { bothServers, overPlainLink } from './servers.js'
import { alice, bobs, passwords, User } from './user.js'

declare const window: ModuleWindow

const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "mam", "carbons", "csi_simple"'
/** Longer than a page waits for the answer to a ping. In milliseconds. */
const outage = 7_000

const kinds = bothServers(passwords, `modules_enabled = { ${modules} }`, {
  ...{ plain: true, modules: '  mod_mam:\n    default: always\n  mod_carboncopy: {}\n  mod_client_state: {}' },
})

for (const { name, packages, browser, start } of kinds)
  describeWith([...packages, browser], `A page with the module at ${name}`, () => {
    let wire: Relay
    const stage = PagesStage.of({
      browser,
      start,
      async servers(server) {
        wire = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
        return overPlainLink(server, wire.port)
      },
    })

    afterEach(() => wire.restore())
    afterAll(() => wire?.stop())

    const attach = (user: typeof alice) => User.warm(stage.service, user)
    const open = (transport: PageOptions['transport'], history = 0) => {
      stage.options = { ...stage.options, history }
      return stage.come(transport)
    }
    const showsOwn = ({ tab }: ModulePage, text: string) =>
      tab.waitForFunction(wanted => window.noted.own.some(({ text }) => text === wanted), text)
    const hears = ({ tab }: ModulePage, text: string) =>
      tab.waitForFunction(wanted => window.noted.loaded.includes(wanted), text)
    const see = ({ tab }: ModulePage, state: 'hidden' | 'visible') =>
      tab.evaluate(`
        Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))`)

    describe.each(['bosh', 'websocket'] as const)('over %s', transport => {
      test('shows messages to and from another tab of its user once, also after reloads', async () => {
        const { bob } = stage
        const [one, other] = [await open(transport, 20), await open(transport, 20)]
        const first = `hello over ${transport}`
        const id = await one.say(bobs.jid, first)
        await showsOwn(other, first)
        bob.say(await one.jid(), `for one tab over ${transport}`)
        await hears(one, `for one tab over ${transport}`)
        await hears(other, `for one tab over ${transport}`)
        expect((await other.noted()).own.filter(message => message.id === id).length).toBe(1)
        await other.reload()
        await showsOwn(other, first)
        const second = `again over ${transport}`
        await other.say(bobs.jid, second)
        for (const page of [one, other]) await showsOwn(page, second)
        for (const page of [one, other]) {
          const { own, loaded } = await page.noted()
          const texts = own.map(({ text }) => text).filter(text => text.endsWith(transport))
          expect(texts).toEqual([first, second])
          expect(loaded.filter(text => text === `for one tab over ${transport}`).length).toBe(1)
        }
      })

      test('shows a message that its sender sends again from another resource once', async () => {
        const page = await open(transport, 20)
        const carols = { jid: `carol-${transport}@localhost`, password: 'secret' }
        await stage.server.register(`carol-${transport}`, carols.password)
        const [again, carol] = [await attach(bobs), await attach(carols)]
        const id = `${transport}-1`
        const say = async (user: User, text: string, origin = `<origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>`) => {
          const body = `<body>${text} from ${transport}</body>`
          user.send(
            `<message xmlns='jabber:client' type='chat' id='${id}' to='${alice.jid}'>${body}${origin}</message>`,
          )
          await user.isUpToDate()
        }
        // Nobody else can suppress the message, and an id alone may come twice.
        await say(carol, 'once')
        for (const user of [stage.bob, again]) await say(user, 'once')
        for (const user of [stage.bob, again]) await say(user, 'by id', '')
        await say(stage.bob, 'last')
        const shown = async () => {
          await hears(page, `last from ${transport}`)
          return (await page.noted()).loaded.flatMap(text => text.split(` from ${transport}`).slice(0, -1))
        }
        const expected = ['once', 'once', 'by id', 'by id', 'last']
        expect(await shown()).toEqual(expected)
        await page.reload()
        expect(await shown()).toEqual(expected)
        await Promise.all([again.leave(), carol.leave()])
      })
    })

    test.each(['bosh', 'websocket'] as const)('gets only messages over %s while its tab is hidden', async transport => {
      const { bob } = stage
      const page = await open(transport)
      const jid = await page.jid()
      // By then the server also knows the state of the start.
      await page.say(bobs.jid, 'hello')
      await page.tab.waitForFunction(() => window.noted.states[0]?.state === 'sent')
      const onWire = (what: RegExp) => [...wire.heard().toString().matchAll(what)].map(([, name]) => name)
      const told = () => onWire(/<(\w+) xmlns=.urn:xmpp:csi:0.\/>/g)
      const presences = () => onWire(/<show>(away)<\/show>/g).length
      const [before, seen] = [told().length, presences()]
      await see(page, 'hidden')
      await eventually('the server is told', () => told().length > before)
      bob.send(`<presence xmlns='jabber:client' to='${jid}'><show>away</show></presence>`)
      await bob.isUpToDate()
      expect(presences() - seen).toBe(0)
      bob.say(jid, 'to a hidden tab')
      await hears(page, 'to a hidden tab')
      await see(page, 'visible')
      await eventually('the presence comes', () => presences() - seen === 1)
      await eventually('the server is told', () => told().length > before + 1)
      expect(told().slice(before)).toEqual(['inactive', 'active'])
      expect(await page.jid()).toBe(jid)
    })

    test.each(['bosh', 'websocket'] as const)(
      'over %s sends what waits after its hidden tab was discarded',
      async transport => {
        const { bob, context } = stage
        const page = await open(transport)
        const text = `waited over ${transport}`
        await page.tab.addInitScript("addEventListener('pagehide', event => event.stopImmediatePropagation())")
        await page.reload()
        await context.setOffline(true)
        await page.has('offline')
        await see(page, 'hidden')
        await page.say(bobs.jid, text)
        // The page is gone before its network is back.
        await page.tab.reload().catch(() => {})
        await context.setOffline(false)
        await page.reload()
        await eventually('the message arrives', () => bob.texts.includes(text))
        await bob.isUpToDate()
        expect(bob.texts.filter(each => each === text)).toHaveLength(1)
      },
    )

    test('shows all messages of a lost session, also if a contact forges an id of the archive', async () => {
      const { bob, context, service } = stage
      const page = await open('bosh', 20)
      const jid = await page.jid()
      const say = (text: string, more = '') =>
        bob.send(`<message xmlns='jabber:client' type='chat' to='${alice.jid}'><body>${text}</body>${more}</message>`)
      say('forged', `<stanza-id xmlns='urn:xmpp:sid:0' by='${alice.jid}' id='forged'/>`)
      await hears(page, 'forged')
      await context.setOffline(true)
      await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
      const missed = Array.from({ length: 110 }, (_, index) => `missed ${index}`)
      for (const text of missed) say(text)
      await bob.isUpToDate()
      await context.setOffline(false)
      await page.tab.waitForFunction(jid => window.chat?.status.state === 'online' && window.chat.jid !== jid, jid)
      await hears(page, missed.at(-1)!)
      expect((await page.noted()).loaded.filter(text => text.startsWith('missed'))).toEqual(missed)
    })

    test('ignores forged carbons from another user', async () => {
      const { bob } = stage
      const page = await open('bosh')
      const jid = await page.jid()
      const forge = (kind: string) =>
        `<message xmlns='jabber:client' type='chat' to='${jid}'><${kind} xmlns='urn:xmpp:carbons:2'>` +
        `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat' from='${jid}' to='${bobs.jid}'>` +
        `<body>forged</body></message></forwarded></${kind}></message>`
      bob.send(forge('sent') + forge('received'))
      bob.say(jid, 'the end')
      await hears(page, 'the end')
      const { own, loaded, odd } = await page.noted()
      expect([own, loaded, odd]).toEqual([[], ['the end'], Array(2).fill(`chat ${bob.jid}`)])
    })

    test('is offline until a broken link is mended, and its messages arrive once, over each transport', async () => {
      const pages = [
        { over: 'bosh', page: await open('bosh') },
        { over: 'websocket', page: await open('websocket') },
      ]
      const allSay = async (text: string) => {
        for (const { over, page } of pages) await page.say(bobs.jid, `${text} over ${over}`)
      }
      const bobReceives = async (text: string) => {
        for (const { over } of pages) await stage.bob.receives(`>${text} over ${over}<`)
      }
      await allSay('before')
      await bobReceives('before')
      wire.lose()
      for (const { page } of pages) await page.has('mending')
      await allSay('meanwhile')
      await pause(outage)
      for (const { page } of pages)
        expect((await page.noted()).statuses.at(-1)).toEqual({
          state: 'offline',
          code: 'mending',
          reason: 'The chat server does not answer. Your messages will be sent later.',
        })
      wire.restore()
      for (const { page } of pages) await page.has('online')
      await bobReceives('meanwhile')
      await allSay('after')
      await bobReceives('after')
      for (const { over, page } of pages) {
        await page.tab.waitForFunction(() => window.noted.states.filter(({ state }) => state === 'sent').length === 3)
        expect([await page.statuses(), stage.bob.texts.filter(text => text.endsWith(over))]).toEqual([
          ['online', 'mending', 'online'],
          ['before', 'meanwhile', 'after'].map(text => `${text} over ${over}`),
        ])
      }
      expect([stage.bindings, stage.complaints]).toEqual([pages.length, []])
    })
  })
