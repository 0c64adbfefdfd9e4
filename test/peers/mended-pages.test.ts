// Pages in Chromium while the link to their XMPP server is down: they are offline, and say why, until it is mended.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
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

    describe.each(transports)('over %s', over => {
      test('is offline until the link is mended, and its messages arrive once', async () => {
        const page = await stage.come(over)
        await page.say('before')
        await stage.bob.receives('>before<')
        relay.lose()
        await page.has('offline')
        await page.say('meanwhile')
        await pause(outage)
        expect((await page.tab.evaluate(() => window.noted.statuses)).at(-1)).toEqual({
          state: 'offline',
          code: 'mending',
          reason: 'The chat server does not answer. Your messages will be sent later.',
        })
        relay.restore()
        await page.has('online')
        await stage.bob.receives('>meanwhile<')
        await page.say('after')
        await stage.bob.receives('>after<')
        await page.tab.waitForFunction(() => window.noted.states.filter(({ state }) => state === 'sent').length === 3)
        expect([await page.statuses(), stage.bodies(), stage.complaints]).toEqual([
          ['online', 'mending', 'online'],
          ['before', 'meanwhile', 'after'],
          [],
        ])
      })

      test('is offline while its server hangs, until it answers', async () => {
        const page = await stage.come(over)
        await page.say('before')
        await stage.bob.receives('>before<')
        process.kill(stage.server.pid, 'SIGSTOP')
        await page.say('meanwhile')
        // The page looks at its connection. The service believes that its link is up.
        await page.tab.evaluate(() => window.dispatchEvent(new window.Event('online')))
        await page.has('mending')
        await pause(outage)
        process.kill(stage.server.pid, 'SIGCONT')
        await page.has('online')
        await stage.bob.receives('>meanwhile<')
        await page.say('after')
        await stage.bob.receives('>after<')
        expect([await page.statuses(), stage.bodies(), stage.bindings]).toEqual([
          ['online', 'mending', 'online'],
          ['before', 'meanwhile', 'after'],
          1,
        ])
      })
    })
  })
}
