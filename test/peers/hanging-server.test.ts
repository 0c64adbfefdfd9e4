// Pages in Chromium while their server hangs, and the service believes that its link is up.
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { eitherChromium } from '../support/chromium.js'
import { runsRest } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
import { describeWith } from './needs.js'
import { PagesStage, passwords, transports } from './pages-stage.js'

declare const window: { dispatchEvent(event: object): void; Event: typeof Event }

/** In milliseconds, after the page has noticed it. */
const outage = runsRest ? 20_000 : 1_000

describeWith(['prosody', 'openssl', eitherChromium], 'A page whose server hangs', () => {
  const stage = PagesStage.of({
    browser: eitherChromium,
    start: () => startProsody({ users: passwords }),
    environment: { XMPP_TIMEOUT: '60' },
  })
  const freeze = () => process.kill(stage.server.pid, 'SIGSTOP')
  const thaw = () => process.kill(stage.server.pid, 'SIGCONT')

  afterEach(() => void thaw())

  test.each(transports)('is offline until it answers, over %s', async over => {
    const page = await stage.come(over)
    await page.say('before')
    await stage.bob.receives('>before<')
    freeze()
    await page.say('meanwhile')
    // The page looks at its connection.
    await page.tab.evaluate(() => window.dispatchEvent(new window.Event('online')))
    await page.has('mending')
    await pause(outage)
    thaw()
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

  test.each(transports)('keeps its session if it comes meanwhile, over %s', async over => {
    const page = await stage.come(over)
    freeze()
    await page.tab.reload()
    await page.has('mending')
    await pause(outage)
    await page.say('meanwhile')
    thaw()
    await page.has('online')
    await stage.bob.receives('>meanwhile<')
    expect([await page.statuses(), stage.bodies(), stage.bindings]).toEqual([
      ['online', 'mending', 'online'],
      ['meanwhile'],
      2,
    ])
  })
})
