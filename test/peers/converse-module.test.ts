// Converse in Chromium with the service's module for it: reloads, tabs, sign-out, both transports, both ways to log in.
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { type ConversePortal, serveConversePortal } from '../support/page-converse-module.js'
import { pageSecret, pageToken, settingsForPages } from '../support/page-token.js'
import { callSessions } from '../support/sessions-api.js'
import { admin, startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { ConverseVisitor } from './converse-visitor.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { alice, becomeContacts, passwords, User } from './user.js'

declare const sessionStorage: { readonly length: number; setItem(key: string, value: string): void }

// Each wait in a test has its own, shorter deadline, which says what did not come.
const bobs = { jid: 'bob@localhost', password: passwords.bob }
const visit = 'v1'

const ways = [
  { source: 'binding', transport: 'websocket' },
  { source: 'token', transport: 'bosh' },
  { source: 'binding', transport: 'bosh' },
  { source: 'token', transport: 'websocket' },
] as const

for (const kind of encryptedServers) {
  const browser = kind.maker === 'Prosody' ? 'chromium' : 'chromium-headless-shell'
  describeWith([...kind.packages, browser], `Converse with the module, before ${kind.name}`, () => {
    const { file } = testFolder()
    let server: XmppServer
    let service: TestService
    let portal: ConversePortal
    let context: BrowserContext
    let credential: string
    let bob: User
    let isSignedIn: boolean
    /** Calls that the backend cannot answer. */
    let faults = 0
    /** Who is signed in. */
    let account = alice

    beforeAll(async () => {
      server = await kind.start(passwords)
      portal = await serveConversePortal(() => service.url, answer)
      service = await startTestService({
        servers: kind.servers(server),
        environment: {
          ...settingsForPages(portal.url, file('secrets', pageSecret)),
          XMPP_SERVICE_ACCOUNTS: '',
          PAGE_TOKEN_LOGIN: 'credential',
          PAGE_ADMIN: admin.name,
          SEAL_KEY_FILE: file('keys', randomBytes(32).toString('base64')),
        },
      })
      credential = (await service.warm({ ...alice, remember: 'on' })).json['credential'] as string
      await becomeContacts(await attach(alice), await attach(bobs))
    })

    beforeEach(async () => {
      isSignedIn = true
      faults = 0
      account = alice
      bob = await attach(bobs)
      context = await (await sharedChromium(browser)).newContext()
    })

    afterEach(async () => {
      await context?.close()
      await bob?.leave()
      for (const { jid } of [alice, bobs]) await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
    })

    afterAll(async () => {
      await portal?.stop()
      await service?.stop()
      await server?.stop()
    })

    const attach = (user: typeof alice) => User.warm(service, user)

    /** The portal's backend. */
    const answer = async (path: string, tab: string): Promise<object | undefined> => {
      if (faults-- > 0) throw new Error('There is no service.')
      if (!isSignedIn) return undefined
      if (path.endsWith('binding')) return service.bind({ ...account, visit, tab })
      return { token: pageToken({ visit, credential }) }
    }

    const signOut = async () => {
      isSignedIn = false
      await callSessions(service.url, 'DELETE', `/sessions?visit=${visit}`)
    }

    const sessions = async () => (await callSessions(service.url, 'GET', `/sessions?visit=${visit}`)).json.sessions

    const come = async (
      { source, transport }: { source: 'binding' | 'token'; transport: string },
      more: Readonly<Record<string, unknown>> = {},
    ) => {
      portal.options = {
        ...(source === 'binding' ? { binding: '/chat/binding' } : { service: service.url, token: '/chat/token' }),
        transport,
        ...more,
      }
      const visitor = await ConverseVisitor.come(context, portal.url, [portal.url, service.url])
      await visitor.has('online')
      return visitor
    }

    for (const way of ways)
      test(`with a ${way.source}, over ${way.transport}, keeps its session over reloads, until the user signs out`, async () => {
        const visitor = await come(way)
        const jid = await visitor.jid()
        await bob.seesPresence(jid, undefined)
        expect(await visitor.transport()).toBe(way.transport)
        await visitor.seesContact(bob.bareJid, 'online')
        await visitor.turnTo(bob.bareJid)
        // A message that was not acknowledged before the sign-out comes again in the next session, and so in the next test.
        const mark = `${way.source} over ${way.transport}`
        const texts = [`lieber Kaffee ☕ ${mark}`]
        bob.say(jid, texts[0]!)
        await visitor.reads(texts[0]!)

        for (let load = 1; load <= 2; load++) {
          await visitor.say(bob.bareJid, `Tee ${load}? ${mark}`)
          expect(await bob.receives(`Tee ${load}? ${mark}`)).toContain(jid)
          await visitor.tab.goto('about:blank')
          texts.push(`while you reloaded ${load} ${mark}`)
          bob.say(jid, texts.at(-1)!)
          await bob.isUpToDate()
          await visitor.tab.goto(portal.url)
          await visitor.has('online')
          expect(await visitor.jid()).toBe(jid)
          await visitor.turnTo(bob.bareJid)
          for (const text of texts) await visitor.reads(text)
          await visitor.seesContact(bob.bareJid, 'online')
        }
        texts.push(`the last ${mark}`)
        bob.say(jid, texts.at(-1)!)
        await visitor.reads(texts.at(-1)!)
        const shown = (await visitor.texts(bob.bareJid)).filter(text => text.endsWith(mark))
        expect(shown.sort()).toEqual([...texts].sort())
        for (const text of [...texts, `Tee 1? ${mark}`, `Tee 2? ${mark}`])
          expect([text, await visitor.count(text)]).toEqual([text, 1])
        expect(bob.hasSeen(jid, 'unavailable')).toBe(false)

        const gone = bob.seesPresence(jid, 'unavailable')
        await signOut()
        await gone
        await visitor.has('ended signed-out')
        await visitor.sees('You are not signed in any more.')
        expect(await visitor.tab.getByText('lieber Kaffee').count()).toBe(0)
        expect(await sessions()).toEqual([])
        expect(visitor.complaints).toEqual([])
      })

    test('has a session for each tab, also for a duplicated tab', async () => {
      const visitor = await come(ways[0])
      const duplicate = await visitor.duplicate()
      await duplicate.has('online')
      const jids = [await visitor.jid(), await duplicate.jid()]
      expect(new Set(jids).size).toBe(2)
      for (const tab of [visitor, duplicate]) {
        await tab.turnTo(bob.bareJid)
        bob.say(await tab.jid(), `to ${await tab.jid()}`)
      }
      for (const tab of [visitor, duplicate]) await tab.reads(`to ${await tab.jid()}`)
      expect((await sessions()).map(({ jid }: { jid: string }) => jid).sort()).toEqual(jids.sort())
      await signOut()
      for (const tab of [visitor, duplicate]) await tab.has('ended signed-out')
    })

    test('shows a message once that the service sends again', async () => {
      const visitor = await come({ source: 'binding', transport: 'bosh' })
      const jid = await visitor.jid()
      await visitor.turnTo(bob.bareJid)
      for (const [text, id] of [
        ['with an id', "id='m1'"],
        ['without an id', ''],
      ] as const) {
        // The service does not learn that the page has the message.
        await visitor.stopSending()
        bob.send(`<message xmlns='jabber:client' type='chat' ${id} to='${jid}'><body>${text}</body></message>`)
        await visitor.reads(text)
        await visitor.tab.reload()
        await visitor.has('online')
        await visitor.turnTo(bob.bareJid)
        bob.say(jid, `after ${text}`)
        await visitor.reads(`after ${text}`)
        expect([text, await visitor.count(text)]).toEqual([text, 1])
      }
    })

    for (const transport of ['websocket', 'bosh'] as const)
      test(`shows all messages of a contact without a chat, in their order, over ${transport}`, async () => {
        const visitor = await come({ source: 'binding', transport })
        const jid = await visitor.jid()
        const texts = Array.from({ length: 10 }, (_, index) => `${transport} number ${index}`)
        const write = (text: string, index: number) =>
          `<message xmlns='jabber:client' type='chat' id='${transport}${index}' to='${jid}'><body>${text}</body></message>`
        bob.send(texts.map(write).join(''))
        const taken = async () => (await visitor.texts(bob.bareJid)).filter(text => texts.includes(text))
        await eventually('it has all', async () => (await taken()).length === texts.length)
        expect(await taken()).toEqual(texts)
        await visitor.turnTo(bob.bareJid)
        for (const text of texts) await visitor.reads(text)
      })

    test('ends its session after the session of the portal has expired', async () => {
      const visitor = await come(ways[1], { checkEvery: 1 })
      faults = 2
      await eventually('the portal could not answer checks', () => faults < 0)
      isSignedIn = false
      await visitor.has('ended signed-out')
      await visitor.sees('You are not signed in any more.')
      // Bob's session is left.
      await eventually('the session has ended', () => service.service.counts().sessions === 1)
      expect(visitor.complaints).toEqual([])
    })

    test('keeps the messages if the portal fails for ten minutes', async () => {
      // In the page, pauses are fifty times shorter.
      await context.addInitScript(`const { setTimeout: set } = window
        setTimeout = (act, time, ...given) => set(act, time >= 500 && time <= 60_000 ? time / 50 : time, ...given)`)
      const visitor = await come(ways[0])
      await visitor.turnTo(bob.bareJid)
      bob.say(await visitor.jid(), 'lieber Kaffee')
      await visitor.reads('lieber Kaffee')
      const [{ id }] = await sessions()
      faults = 15
      await callSessions(service.url, 'DELETE', `/${id}`)
      await visitor.has('online', 2)
      expect(faults).toBeLessThan(0)
      await visitor.reads('lieber Kaffee')
      bob.say(await visitor.jid(), 'noch Tee')
      await visitor.reads('noch Tee')
    })

    test('stores only the beginning of long messages', async () => {
      const visitor = await come({ source: 'binding', transport: 'bosh' })
      const jid = await visitor.jid()
      await visitor.turnTo(bob.bareJid)
      for (let number = 0; number < 4; number++) {
        bob.send(
          `<message xmlns='jabber:client' type='chat' id='long${number}' to='${jid}'><body>${number} ${'y'.repeat(240_000)}</body></message>`,
        )
        await bob.isUpToDate()
      }
      bob.say(jid, 'after the long messages')
      await visitor.reads('after the long messages')
      const stored = await visitor.tab.evaluate(() => Object.values(sessionStorage).join('').length)
      expect(stored).toBeLessThan(200_000)
      await visitor.tab.reload()
      await visitor.has('online')
      expect(await visitor.jid()).toBe(jid)
      await visitor.turnTo(bob.bareJid)
      await visitor.reads('after the long messages')
      expect((await visitor.texts(bob.bareJid)).filter(text => text.startsWith('3 yyy'))).toHaveLength(1)
    })

    test('keeps its session over a reload if the storage is full', async () => {
      const visitor = await come({ source: 'binding', transport: 'bosh' })
      const jid = await visitor.jid()
      await visitor.tab.evaluate(() => {
        for (let size = 2 ** 22; size >= 1; size /= 2)
          try {
            for (;;) sessionStorage.setItem(`full ${sessionStorage.length}`, 'y'.repeat(size))
          } catch {
            // There is no room for this size.
          }
      })
      await visitor.tab.reload()
      await visitor.has('online')
      expect(await visitor.jid()).toBe(jid)
      // Converse reports what it cannot store.
      expect(visitor.complaints.filter(complaint => !complaint.includes('exceeded the quota'))).toEqual([])
    })

    test('stores and shows nothing of the earlier user to the next user of the tab', async () => {
      const visitor = await come(ways[0])
      await visitor.turnTo(bob.bareJid)
      bob.say(await visitor.jid(), 'for Alice alone')
      await visitor.reads('for Alice alone')
      account = bobs
      await visitor.tab.reload()
      await visitor.has('online')
      expect(await visitor.jid()).toContain('bob@')
      await visitor.turnTo(bob.bareJid)
      expect(await visitor.tab.getByText('for Alice alone').count()).toBe(0)
      const stored = await visitor.tab.evaluate(() => JSON.stringify(sessionStorage))
      expect(stored).toContain('bob@')
      expect(stored).not.toMatch(/for Alice alone|converse.session-alice@/)
    })
  })
}
