// Pages in Chromium while the link to their XMPP server is down: they are offline, and say why, until it is mended.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import type { ModuleNoted } from '../support/page-module.js'
import { type Relay, startRelay } from '../support/relay.js'
import { describeWith } from './needs.js'
import { PagesStage, transports } from './pages-stage.js'
import { encryptedServers } from './servers.js'
import { passwords } from './user.js'

declare const window: { noted: ModuleNoted; dispatchEvent(event: object): void; Event: typeof Event }

/** Longer than a page waits for the answer to a ping. In milliseconds. */
const outage = 7_000

for (const kind of encryptedServers) {
  const browser = kind.maker === 'Prosody' ? 'chromium' : 'chromium-headless-shell'
  describeWith([...kind.packages, browser], `A page whose link to ${kind.name} breaks`, () => {
    let relay: Relay
    const stage = PagesStage.of({
      browser,
      start: () => kind.start(passwords),
      async servers(server) {
        relay = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
        return kind.servers(server, Number(new URL(relay.url).port))
      },
    })

    afterEach(() => {
      relay.restore()
      process.kill(stage.server.pid, 'SIGCONT')
    })
    afterAll(() => relay?.stop())

    type Pages = readonly { readonly over: string; readonly page: Awaited<ReturnType<typeof stage.come>> }[]

    const allSay = async (pages: Pages, text: string) => {
      for (const { over, page } of pages) await page.say(`${text} over ${over}`)
    }
    const allHave = async (pages: Pages, state: string) => {
      for (const { page } of pages) await page.has(state)
    }
    const bobReceives = async (text: string) => {
      for (const over of transports) await stage.bob.receives(`>${text} over ${over}<`)
    }

    const loseLink = async (pages: Pages) => {
      relay.lose()
      await allHave(pages, 'offline')
      await allSay(pages, 'meanwhile')
    }
    /** The service believes that its link is up. */
    const hang = async (pages: Pages) => {
      process.kill(stage.server.pid, 'SIGSTOP')
      await allSay(pages, 'meanwhile')
      // The page looks at its connection.
      for (const { page } of pages) await page.tab.evaluate(() => window.dispatchEvent(new window.Event('online')))
    }

    // A page over each transport, in the same outage.
    test.each<[when: string, begin: (pages: Pages) => Promise<void>, end: () => void]>([
      ['until the link is mended', loseLink, () => relay.restore()],
      ['while its server hangs, until it answers', hang, () => process.kill(stage.server.pid, 'SIGCONT')],
    ])('is offline %s, and its messages arrive once, over each transport', async (_when, begin, end) => {
      const pages = [
        { over: 'bosh', page: await stage.come('bosh') },
        { over: 'websocket', page: await stage.come('websocket') },
      ]
      await allSay(pages, 'before')
      await bobReceives('before')
      await begin(pages)
      await allHave(pages, 'mending')
      await pause(outage)
      for (const { page } of pages)
        expect((await page.tab.evaluate(() => window.noted.statuses)).at(-1)).toEqual({
          state: 'offline',
          code: 'mending',
          reason: 'The chat server does not answer. Your messages will be sent later.',
        })
      end()
      await allHave(pages, 'online')
      await bobReceives('meanwhile')
      await allSay(pages, 'after')
      await bobReceives('after')
      for (const { over, page } of pages) {
        await page.tab.waitForFunction(() => window.noted.states.filter(({ state }) => state === 'sent').length === 3)
        expect([over, await page.statuses(), stage.bodies().filter(text => text.endsWith(over))]).toEqual([
          over,
          ['online', 'mending', 'online'],
          ['before', 'meanwhile', 'after'].map(text => `${text} over ${over}`),
        ])
      }
      expect([stage.bindings, stage.complaints]).toEqual([pages.length, []])
    })
  })
}
