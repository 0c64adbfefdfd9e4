// Pages in Chromium while the link to their XMPP server is down: they are offline, and say why, until it is mended.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { type Relay, startRelay } from '../support/relay.js'
import type { ModuleWindow } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { bothServers, overStarttls } from './servers.js'
import { passwords } from './user.js'

declare const window: ModuleWindow

/** Longer than a page waits for the answer to a ping. In milliseconds. */
const outage = 7_000

for (const kind of bothServers(passwords)) {
  describeWith([...kind.packages, kind.browser], `A page whose link to ${kind.name} breaks`, () => {
    let relay: Relay
    const stage = PagesStage.of({
      browser: kind.browser,
      start: kind.start,
      async servers(server) {
        relay = await startRelay(`http://127.0.0.1:${server.c2sPort}`)
        return overStarttls(server, relay.port)
      },
    })

    afterEach(() => relay.restore())
    afterAll(() => relay?.stop())

    // A page over each transport, in the same outage.
    test('is offline until the link is mended, and its messages arrive once, over each transport', async () => {
      const pages = [
        { over: 'bosh', page: await stage.come('bosh') },
        { over: 'websocket', page: await stage.come('websocket') },
      ]
      const allSay = async (text: string) => {
        for (const { over, page } of pages) await page.say(stage.bob.bareJid, `${text} over ${over}`)
      }
      const allHave = async (state: string) => {
        for (const { page } of pages) await page.has(state)
      }
      const bobReceives = async (text: string) => {
        for (const { over } of pages) await stage.bob.receives(`>${text} over ${over}<`)
      }
      await allSay('before')
      await bobReceives('before')
      relay.lose()
      await allHave('mending')
      await allSay('meanwhile')
      await pause(outage)
      for (const { page } of pages)
        expect((await page.noted()).statuses.at(-1)).toEqual({
          state: 'offline',
          code: 'mending',
          reason: 'The chat server does not answer. Your messages will be sent later.',
        })
      relay.restore()
      await allHave('online')
      await bobReceives('meanwhile')
      await allSay('after')
      await bobReceives('after')
      for (const { over, page } of pages) {
        await page.tab.waitForFunction(() => window.noted.states.filter(({ state }) => state === 'sent').length === 3)
        expect([over, await page.statuses(), stage.bob.texts.filter(text => text.endsWith(over))]).toEqual([
          over,
          ['online', 'mending', 'online'],
          ['before', 'meanwhile', 'after'].map(text => `${text} over ${over}`),
        ])
      }
      expect([stage.bindings, stage.complaints]).toEqual([pages.length, []])
    })
  })
}
