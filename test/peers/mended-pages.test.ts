// Pages in Chromium while the link to their XMPP server is down: they are offline, and say why, until it is mended.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { browserBefore, sharedChromium } from '../support/chromium.js'
import { fewOrAll, runsRest } from '../support/matrix.js'
import { type ConversePortal, serveConversePortal } from '../support/page-converse-module.js'
import { createModulePageRouter, type ModuleChat, type ModuleNoted, type PageOptions } from '../support/page-module.js'
import { type Relay, startRelay } from '../support/relay.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { ConverseVisitor } from './converse-visitor.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { becomeContacts, User } from './user.js'

// Waits in tests time out earlier, and say what is missing.
jest.setTimeout(120_000)

declare const window: { noted: ModuleNoted; chat: ModuleChat }

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }

/** Longer than a page waits for the answer to a ping. In milliseconds. */
const outage = runsRest ? 13_000 : 1_000

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  const browser = browserBefore(kind.maker)
  describeWith([...kind.packages, browser], `A page whose link to ${kind.name} breaks`, () => {
    let server: XmppServer
    let relay: Relay
    let service: TestService
    let converse: ConversePortal
    let context: BrowserContext
    let bob: User
    let transport: PageOptions['transport']
    let complaints: string[]
    const ids = new Map<string, string>()

    beforeAll(async () => {
      server = await kind.start(passwords)
      relay = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
      converse = await serveConversePortal(
        () => service.url,
        (_path, tab) => bindTab(service, ids, tab, alice),
      )
      service = await startTestService({
        servers: kind.servers(server, Number(new URL(relay.url).port)),
        routers: () => [
          createModulePageRouter(
            () => ({ transport, history: 0, rooms: [] }),
            tab => bindTab(service, ids, tab, alice),
          ),
        ],
      })
      await becomeContacts(await logIn('alice'), await logIn('bob'))
    }, 100_000)

    const logIn = (user: 'alice' | 'bob') =>
      User.logIn(`http://127.0.0.1:${server.httpPort}/http-bind`, {
        user,
        domain: 'localhost',
        password: passwords[user],
      })

    beforeEach(async () => {
      ids.clear()
      complaints = []
      bob = await logIn('bob')
      context = await (await sharedChromium(browser)).newContext()
      context.on('weberror', error => complaints.push(error.error().message))
    })

    afterEach(async () => {
      relay.restore()
      await context?.close()
      await bob?.leave()
      await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
    })

    afterAll(async () => {
      await converse?.stop()
      await service?.stop()
      await relay?.stop()
      await server?.stop()
    })

    const bodies = () => [...bob.received.matchAll(/<body>([^<]*)<\/body>/g)].map(([, text]) => text)

    describe.each(['bosh', 'websocket'] as const)('over %s', over => {
      test('is offline until the link is mended, and its messages arrive once', async () => {
        transport = over
        const tab = await context.newPage()
        await tab.goto(`${service.url}/portal/module`)
        await tab.waitForFunction(() => window.chat?.status.state === 'online')
        const say = (text: string) => tab.evaluate(([to, said]) => window.chat.send(to!, said!), [bob.jid, text])
        await say('before')
        await bob.receives('>before<')
        relay.lose()
        await tab.waitForFunction(() => window.chat.status.state === 'offline')
        await say('meanwhile')
        await pause(outage)
        expect((await tab.evaluate(() => window.noted.statuses)).at(-1)).toEqual({
          state: 'offline',
          code: 'mending',
          reason: 'The chat server does not answer. Your messages will be sent later.',
        })
        relay.restore()
        await tab.waitForFunction(() => window.chat.status.state === 'online', undefined, { timeout: 40_000 })
        await bob.receives('>meanwhile<')
        await say('after')
        await bob.receives('>after<')
        await tab.waitForFunction(() => window.noted.states.filter(({ state }) => state === 'sent').length === 3)
        const statuses = (await tab.evaluate(() => window.noted.statuses)).map(({ state }) => state)
        expect([statuses, bodies(), complaints]).toEqual([
          ['online', 'offline', 'online'],
          ['before', 'meanwhile', 'after'],
          [],
        ])
      })

      test('hears it too if it comes during the break', async () => {
        transport = over
        const tab = await context.newPage()
        await tab.goto(`${service.url}/portal/module`)
        await tab.waitForFunction(() => window.chat?.status.state === 'online')
        relay.lose()
        await tab.waitForFunction(() => window.chat.status.state === 'offline')
        await tab.reload()
        await tab.waitForFunction(() => window.noted?.statuses.some(({ code }) => code === 'mending'))
        await pause(outage)
        relay.restore()
        await tab.waitForFunction(() => window.chat?.status.state === 'online', undefined, { timeout: 40_000 })
        await tab.evaluate(([to]) => window.chat.send(to!, 'after'), [bob.jid])
        await bob.receives('>after<')
        expect([ids.size, complaints]).toEqual([1, []])
      })

      test('says so with Converse', async () => {
        converse.options = { binding: '/chat/binding', transport: over }
        const page = await ConverseVisitor.come(context, converse.url, [converse.url, service.url])
        await page.has('online')
        await page.say(bob.bareJid, 'before')
        await bob.receives('>before<')
        relay.lose()
        await page.has('offline mending')
        await page.say(bob.bareJid, 'meanwhile')
        await pause(outage)
        relay.restore()
        await page.has('online', 2)
        await bob.receives('>meanwhile<')
        await page.say(bob.bareJid, 'after')
        await bob.receives('>after<')
        const statuses = await page.tab.evaluate(() => window.noted.statuses as readonly unknown[])
        expect([statuses, bodies(), complaints]).toEqual([
          ['connecting', 'online', 'offline mending', 'online'],
          ['before', 'meanwhile', 'after'],
          [],
        ])
      })
    })
  })
}
