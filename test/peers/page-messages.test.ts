// The module for pages, in Chromium, at Prosody and ejabberd: other tabs of the user, and failed messages.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { startEjabberd } from '../support/ejabberd.js'
import { eventually, patience } from '../support/eventually.js'
import { createModulePageRouter, type ModuleChat, type ModuleNoted, type PageOptions } from '../support/page-module.js'
import { startProsody } from '../support/prosody.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { User } from './user.js'
import { tapWire, type Wiretap } from './wire.js'

declare const window: { noted: ModuleNoted; chat: ModuleChat | undefined }

const users = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: users.alice }
const bobs = { jid: 'bob@localhost', password: users.bob }

const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "mam", "carbons", "csi_simple"'
const kinds = [
  { name: 'prosody', start: () => startProsody({ users, config: `modules_enabled = { ${modules} }` }) },
  {
    name: 'ejabberd',
    start: () =>
      startEjabberd({
        users,
        plain: true,
        modules: '  mod_mam:\n    default: always\n  mod_carboncopy: {}\n  mod_client_state: {}',
      }),
  },
]

describe.each(kinds)('At $name', ({ name, start }) => {
  describeWith([name, 'chromium'], 'a page with the module', () => {
    let server: Awaited<ReturnType<typeof start>>
    let wire: Wiretap
    let service: TestService
    let context: BrowserContext
    let bob: User
    let options: PageOptions
    const ids = new Map<string, string>()

    beforeAll(async () => {
      server = await start()
      wire = await tapWire(server.c2sPort)
      service = await startTestService({
        servers: `localhost=xmpp://127.0.0.1:${wire.port}?tls=none`,
        routers: () => [createModulePageRouter(() => options, bind)],
      })
    })

    beforeEach(async () => {
      ids.clear()
      context = await (await sharedChromium()).newContext()
      context.setDefaultTimeout(patience)
      bob = User.attach(`${service.url}/http-bind`, await service.bind(bobs))
    })

    afterEach(async () => {
      await context?.close()
      await bob?.leave()
      for (const { jid } of [alice, bobs]) await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
    })

    afterAll(async () => {
      await service?.stop()
      await wire?.close()
      await server?.stop()
    })

    const bind = (tab: string) => bindTab(service, ids, tab, alice)

    const isOnline = (tab: Page) => tab.waitForFunction(() => window.chat?.status.state === 'online')
    const open = async () => {
      const tab = await context.newPage()
      await tab.goto(`${service.url}/portal/module`)
      await isOnline(tab)
      return tab
    }
    const noted = (tab: Page) => tab.evaluate(() => window.noted)
    const send = (tab: Page, to: string, text: string) =>
      tab.evaluate(([jid, body]) => window.chat!.send(jid!, body!), [to, text])
    const showsOwn = (tab: Page, text: string) =>
      tab.waitForFunction(wanted => window.noted.own.some(({ text }) => text === wanted), text)
    const hears = (tab: Page, text: string) => tab.waitForFunction(wanted => window.noted.loaded.includes(wanted), text)
    /** Resolves with the last state of the message, once it is the wanted one. */
    const reaches = async (tab: Page, id: string, state: string) => {
      const isIt = ([id, state]: string[]) => window.noted.states.findLast(noted => noted.id === id)?.state === state
      await tab.waitForFunction(isIt, [id, state])
      return (await noted(tab)).states.findLast(noted => noted.id === id)
    }

    describe.each(['bosh', 'websocket'] as const)('over %s', transport => {
      test('shows messages to and from another tab of its user once, also after reloads', async () => {
        options = { transport, history: 20, rooms: [] }
        const [one, other] = [await open(), await open()]
        const first = `hello over ${transport}`
        const id = await send(one, bobs.jid, first)
        await showsOwn(other, first)
        bob.say(await one.evaluate(() => window.chat!.jid), `for one tab over ${transport}`)
        await hears(one, `for one tab over ${transport}`)
        await hears(other, `for one tab over ${transport}`)
        expect((await noted(other)).own.filter(message => message.id === id).length).toBe(1)
        await other.reload()
        await isOnline(other)
        await showsOwn(other, first)
        const second = `again over ${transport}`
        await send(other, bobs.jid, second)
        for (const tab of [one, other]) await showsOwn(tab, second)
        for (const tab of [one, other]) {
          const { own, loaded } = await noted(tab)
          const texts = own.map(({ text }) => text).filter(text => text.endsWith(transport))
          expect(texts).toEqual([first, second])
          expect(loaded.filter(text => text === `for one tab over ${transport}`).length).toBe(1)
        }
      })

      test('shows a message that its sender sends again from another resource once', async () => {
        options = { transport, history: 20, rooms: [] }
        const tab = await open()
        const carols = { jid: `carol-${transport}@localhost`, password: 'secret' }
        await server.register(`carol-${transport}`, carols.password)
        const logIn = async (user: typeof carols) => User.attach(`${service.url}/http-bind`, await service.bind(user))
        const [again, carol] = [await logIn(bobs), await logIn(carols)]
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
        for (const user of [bob, again]) await say(user, 'once')
        for (const user of [bob, again]) await say(user, 'by id', '')
        await say(bob, 'last')
        const shown = async () => {
          await hears(tab, `last from ${transport}`)
          return (await noted(tab)).loaded.flatMap(text => text.split(` from ${transport}`).slice(0, -1))
        }
        const expected = ['once', 'once', 'by id', 'by id', 'last']
        expect(await shown()).toEqual(expected)
        await tab.reload()
        await isOnline(tab)
        expect(await shown()).toEqual(expected)
        await Promise.all([again.leave(), carol.leave()])
      })

      test('reports each message as sent or failed, and resends a failed message', async () => {
        options = { transport, history: 20, rooms: [] }
        const tab = await open()
        const nobodys = { jid: `nobody-${transport}@localhost`, password: 'secret' }
        const [good, bad] = [await send(tab, bobs.jid, 'to bob'), await send(tab, nobodys.jid, 'to nobody')]
        expect(await reaches(tab, good, 'sent')).toEqual({ id: good, to: bobs.jid, state: 'sent' })
        const failed = {
          id: bad,
          to: nobodys.jid,
          state: 'failed',
          code: 'service-unavailable',
          reason: 'The recipient cannot be reached.',
        }
        expect(await reaches(tab, bad, 'failed')).toEqual(failed)
        await tab.reload()
        await isOnline(tab)
        expect(await reaches(tab, bad, 'failed')).toEqual(failed)
        expect((await noted(tab)).own.filter(({ id }) => id === bad).length).toBe(1)
        await server.register(`nobody-${transport}`, nobodys.password)
        const nobody = User.attach(`${service.url}/http-bind`, await service.bind(nobodys))
        await nobody.isUpToDate()
        expect(await tab.evaluate(id => [window.chat!.resend('none'), window.chat!.resend(id)], bad)).toEqual([
          false,
          true,
        ])
        await nobody.receives('>to nobody<')
        await reaches(tab, bad, 'sent')
        await nobody.leave()
        expect((await noted(tab)).odd).toEqual([])
      })
    })

    test.each(['bosh', 'websocket'] as const)('gets only messages over %s while its tab is hidden', async transport => {
      options = { transport, history: 0, rooms: [] }
      const tab = await open()
      const jid = await tab.evaluate(() => window.chat!.jid)
      // By then the server also knows the state of the start.
      await reaches(tab, await send(tab, bobs.jid, 'hello'), 'sent')
      const see = (state: string) =>
        tab.evaluate(`
        Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))`)
      const onWire = (what: RegExp) => [...wire.heard().toString().matchAll(what)].map(([, name]) => name)
      const told = () => onWire(/<(\w+) xmlns=.urn:xmpp:csi:0.\/>/g)
      const presences = () => onWire(/<show>(away)<\/show>/g).length
      const [before, seen] = [told().length, presences()]
      await see('hidden')
      await eventually('the server is told', () => told().length > before)
      bob.send(`<presence xmlns='jabber:client' to='${jid}'><show>away</show></presence>`)
      await bob.isUpToDate()
      // From bob to the server, and no further.
      expect(presences() - seen).toBe(1)
      bob.say(jid, 'to a hidden tab')
      await hears(tab, 'to a hidden tab')
      await see('visible')
      await tab.waitForFunction(jid => window.noted.present.includes(jid), bob.jid)
      await eventually('the server is told', () => told().length > before + 1)
      expect(told().slice(before)).toEqual(['inactive', 'active'])
      expect(await tab.evaluate(() => window.chat!.jid)).toBe(jid)
    })

    test('shows all messages of a lost session, also if a contact forges an id of the archive', async () => {
      options = { transport: 'bosh', history: 20, rooms: [] }
      const tab = await open()
      const jid = await tab.evaluate(() => window.chat!.jid)
      const say = (text: string, more = '') =>
        bob.send(`<message xmlns='jabber:client' type='chat' to='${alice.jid}'><body>${text}</body>${more}</message>`)
      say('forged', `<stanza-id xmlns='urn:xmpp:sid:0' by='${alice.jid}' id='forged'/>`)
      await hears(tab, 'forged')
      await context.setOffline(true)
      await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
      const missed = Array.from({ length: 110 }, (_, index) => `missed ${index}`)
      for (const text of missed) say(text)
      await bob.isUpToDate()
      await context.setOffline(false)
      await tab.waitForFunction(jid => window.chat?.status.state === 'online' && window.chat.jid !== jid, jid)
      await hears(tab, missed.at(-1)!)
      expect((await noted(tab)).loaded.filter(text => text.startsWith('missed'))).toEqual(missed)
      await tab.close()
    })

    test('ignores forged carbons from another user', async () => {
      options = { transport: 'bosh', history: 0, rooms: [] }
      const tab = await open()
      const jid = await tab.evaluate(() => window.chat!.jid)
      const forge = (kind: string) =>
        `<message xmlns='jabber:client' type='chat' to='${jid}'><${kind} xmlns='urn:xmpp:carbons:2'>` +
        `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat' from='${jid}' to='${bobs.jid}'>` +
        `<body>forged</body></message></forwarded></${kind}></message>`
      bob.send(forge('sent') + forge('received'))
      bob.say(jid, 'the end')
      await hears(tab, 'the end')
      const { own, loaded, odd } = await noted(tab)
      expect([own, loaded, odd]).toEqual([[], ['the end'], Array(2).fill(`chat ${bob.jid}`)])
    })
  })
})
