// A bad network between a page and the service: no message is lost or doubled.
// Runs in npm run test:all only: a minute of bad networks.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { type ClosingProxy, startClosingProxy } from '../support/closing-proxy.js'
import { eventually } from '../support/eventually.js'
import { createPageRouter } from '../support/page.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { PortalPage } from './portal-page.js'
import { encryptedServers, type XmppServer } from './servers.js'
import { User } from './user.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice }
const bobs = { jid: 'bob@localhost', password: passwords.bob }
/** Strophe's third try comes 8 s after the second. In milliseconds. */
const untilStropheRetries = 12_000

for (const kind of encryptedServers) {
  describeWith([...kind.packages, eitherChromium], `A Strophe session at ${kind.name}`, () => {
    let server: XmppServer
    let warmer: TestService
    let proxy: ClosingProxy
    let context: BrowserContext
    let tab: Page
    let bob: User
    let binding: WarmBinding

    beforeAll(async () => {
      server = await kind.start(passwords)
      warmer = await startTestService({
        servers: kind.servers(server),
        routers: () => [createPageRouter()],
      })
      // In milliseconds. Strophe polls 100 ms after a response, so each poll opens a connection.
      proxy = await startClosingProxy(warmer.url, 30)
    }, 100_000)

    beforeEach(async () => {
      const other = await warmer.bind(bobs)
      bob = User.attach(other.url, other)
      binding = await warmer.bind(alice)
      context = await (await sharedChromium(eitherChromium)).newContext()
      tab = await context.newPage()
    })

    afterEach(async () => {
      await context?.close()
      await bob?.leave()
    })

    afterAll(async () => {
      await proxy?.stop()
      await warmer?.stop()
      await server?.stop()
    })

    /** The page, attached. Its scripts bypass the proxy, which could cut them. */
    const open = async () => {
      const page = await PortalPage.open(tab, warmer.url, proxy.url)
      await page.begin(binding)
      await page.rests()
      return page
    }

    // If a repeated request fails as well, Strophe waits 8 s.
    const untilItRests = async (page: PortalPage) => {
      await page.rests()
      await eventually('a single request is held', () => proxy.held === 1)
    }

    /** Each side got all numbers of the other, once and in order. */
    const expectAll = async (page: PortalPage, count: number) => {
      const all = Array.from({ length: count }, (_, index) => String(index + 1))
      await bob.isUpToDate()
      expect({ page: numbers(await page.received()), bob: numbers(bob.received) }).toEqual({
        page: all,
        bob: all,
      })
      expect(await page.statuses()).toEqual(['ATTACHED'])
      expect(bob.hasSeen(binding.jid, 'unavailable')).toBe(false)
    }

    test('survives an offline browser, and delivers all messages afterwards', async () => {
      const page = await open()
      await untilItRests(page)
      await context.setOffline(true)
      // Chromium rejects new requests. Open requests stay open, or are sent late.
      await eventually('the held request failed', () => {
        proxy.cutHeld()
        return page.failures > 0
      })
      bob.say(binding.jid, 'number 1 for the page')
      bob.say(binding.jid, 'number 2 for the page')
      await bob.isUpToDate()
      await page.say(bob.jid, 'number 1 for bob')
      await page.say(bob.jid, 'number 2 for bob')
      // Strophe's two open requests, each tried twice.
      await eventually('all requests failed', () => page.failures >= 4)
      await context.setOffline(false)
      await page.receives('number 2 for the page', untilStropheRetries)
      await bob.receives('number 2 for bob', untilStropheRetries)

      bob.say(binding.jid, 'number 3 for the page')
      await page.say(bob.jid, 'number 3 for bob')
      await page.receives('number 3 for the page')
      await bob.receives('number 3 for bob')
      await expectAll(page, 3)
    })

    test('loses no message if a proxy cuts held requests and closes idle connections', async () => {
      const page = await open()
      for (let round = 1; round <= 5; round++) {
        await untilItRests(page)
        await eventually('the held request is cut', () => proxy.cutHeld() === 1)
        bob.say(binding.jid, `number ${round} for the page`)
        await page.receives(`number ${round} for the page`)

        await page.say(bob.jid, `number ${round} for bob`)
        await bob.receives(`number ${round} for bob`)
        // The request that carried it is held now, and cut next.
      }
      await expectAll(page, 5)
      expect(proxy.closedIdle).toBeGreaterThan(0)
    })

    test('loses no message if a proxy drops responses', async () => {
      const page = await open()
      for (let round = 1; round <= 5; round++) {
        await untilItRests(page)
        const stanzaLost = proxy.loseNextAnswer()
        bob.say(binding.jid, `number ${round} for the page`)
        await stanzaLost
        await page.receives(`number ${round} for the page`)

        await untilItRests(page)
        const answerLost = proxy.loseNextAnswer()
        await page.say(bob.jid, `number ${round} for bob`)
        await answerLost
        await bob.receives(`number ${round} for bob`)
      }
      await expectAll(page, 5)
    })
  })
}

/** The numbers of the messages in a text, in its order. */
const numbers = (text: string) => Array.from(text.matchAll(/>number (\d+) for/g), ([, number]) => number)
