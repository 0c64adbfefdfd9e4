// Clients that are not warmed but log in themselves, with name and password, at `/http-bind`.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { fewOrAll } from '../support/matrix.js'
import { createPageRouter } from '../support/page.js'
import { serveConversePortal } from '../support/page-converse-module.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { ConverseVisitor } from './converse-visitor.js'
import { describeWith } from './needs.js'
import { PortalPage } from './portal-page.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { StanzaClient } from './stanza-client.js'
import { becomeContacts, passwords, User } from './user.js'
import { isIdle } from './wire.js'

const alice = 'alice@localhost'

/** A client as its user sees it. */
interface Client {
  readonly jid: string
  say(to: string, text: string): Promise<void>
  receives(text: string): Promise<void>
  leave(): Promise<void>
}

for (const kind of fewOrAll(encryptedServers, ({ maker }) => maker === 'Prosody')) {
  describeWith(kind.packages, `Clients that log in themselves at ${kind.name}`, () => {
    let server: XmppServer
    let warmer: TestService
    let context: BrowserContext | undefined
    let bob: User

    const start = async () => {
      server = await kind.start(passwords)
      warmer = await startTestService({ servers: kind.servers(server), routers: () => [createPageRouter()] })
      // Converse sends messages to contacts only.
      await becomeContacts(await come('alice'), await come('bob'))
    }

    const come = (user: 'alice' | 'bob') =>
      User.logIn(`${warmer.url}/http-bind`, { user, domain: 'localhost', password: passwords[user] })

    const bobComes = async () => {
      bob = await come('bob')
    }

    const everybodyLeaves = async () => {
      await context?.close()
      context = undefined
      await bob?.leave()
    }

    const stop = async () => {
      await warmer?.stop()
      await server?.stop()
    }

    const newContext = async () => {
      context = await (await sharedChromium(eitherChromium)).newContext()
      return context
    }

    /** Sends a message each way, and logs out. */
    const chat = async (client: Client) => {
      expect(client.jid).toMatch(/^alice@localhost\/.+/)
      await client.say(bob.jid, 'Tee? <ja> & nein ☕')
      expect(await bob.receives('Tee? &lt;ja&gt; &amp; nein ☕')).toContain(client.jid)
      bob.say(client.jid, 'lieber Kaffee ☕')
      await client.receives('lieber Kaffee ☕')
      await client.leave()
      await bob.leave()
      await eventually('no session and no link left', () => isIdle(warmer))
    }

    beforeAll(start)
    beforeEach(bobComes)
    afterEach(everybodyLeaves)
    afterAll(stop)

    describeWith([eitherChromium], 'in Chromium', () => {
      test('Strophe logs in, chats and leaves', async () => {
        const page = await PortalPage.open(await (await newContext()).newPage(), warmer.url, warmer.url)
        await page.logIn(alice, passwords.alice)
        await page.reaches('CONNECTED')
        const mechanisms = offered(await page.received())
        expect(mechanisms).toContain('SCRAM-SHA-1')
        expect(mechanisms.filter(name => name === 'PLAIN' || name.endsWith('-PLUS'))).toEqual([])
        await chat({
          jid: await page.jid(),
          say: (to, text) => page.say(to, text),
          receives: text => page.receives(text),
          async leave() {
            await page.leave()
            await page.reaches('DISCONNECTED')
          },
        })
        expect(page.complaints).toEqual([])
      })

      test('Converse logs in, chats and logs out', async () => {
        const portal = await serveConversePortal(
          () => warmer.url,
          async () => undefined,
        )
        portal.options = { isAlone: true, settings: { authentication: 'login', jid: alice, password: passwords.alice } }
        const page = await ConverseVisitor.come(await newContext(), portal.url, [portal.url, warmer.url])
        await page.has('connected')
        await chat({
          jid: await page.jid(),
          say: (to, text) => page.say(to.replace(/\/.*/, ''), text),
          receives: text => page.receives(bob.bareJid, text),
          async leave() {
            await page.logOut()
            await page.has('logout')
          },
        })
        await portal.stop()
      })
    })

    describe('in Node', () => {
      test('stanza logs in, chats and leaves', async () => {
        const client = await StanzaClient.logIn(`${warmer.url}/http-bind`, alice, passwords.alice)
        await chat(client)
      })
    })
  })
}

/** The mechanisms in a text. */
const offered = (text: string) => Array.from(text.matchAll(/<mechanism>([^<]*)</g), ([, name]) => name ?? '')
