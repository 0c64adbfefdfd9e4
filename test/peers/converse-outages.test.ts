// Converse with the module, while its XMPP server is restarted: what the user types meanwhile arrives once.
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { startProsody } from '../support/prosody.js'
import type { ConverseWindow } from './converse-page.js'
import { describeWith } from './needs.js'
import { PagesStage, transports } from './pages-stage.js'
import { passwords } from './user.js'

declare const window: ConverseWindow

/** In milliseconds. */
const outage = 13_000

describeWith(['prosody', 'openssl', 'chromium'], 'Converse with the module, whose server is restarted', () => {
  const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'
  const stage = PagesStage.of({
    browser: 'chromium',
    start: () => startProsody({ users: passwords, config: `modules_enabled = { ${modules} }` }),
  })

  test.each(transports)('sends its messages again over %s', async transport => {
    const page = await stage.comeWithConverse(transport)
    const { bareJid } = stage.bob
    await page.say(bareJid, 'before')
    await stage.bob.receives('>before<')
    // A message without acknowledgement is in doubt, and would be sent again.
    await page.tab.waitForFunction(
      () => !window.inside.state.session.get('unacked_stanzas')?.some((stanza: string) => stanza.includes('>before<')),
    )
    const texts = [1, 2, 3, 4, 5, 6, 7, 8].map(number => `${transport} ${number}`)
    process.kill(stage.server.pid, 'SIGTERM')
    await page.has('offline mending')
    for (const text of texts.slice(0, 4)) await page.say(bareJid, text)
    await pause(outage)
    for (const text of texts.slice(4, 6)) await page.say(bareJid, text)
    const restarted = stage.server.restart()
    for (const text of texts.slice(6)) await page.say(bareJid, text)
    await restarted
    await page.has('online', 2)
    await stage.bobComesBack()
    for (const text of texts) await stage.bob.receives(`>${text}<`)
    await page.say(bareJid, 'after')
    await stage.bob.receives('>after<')
    await stage.bob.isUpToDate()
    expect(stage.bob.texts.sort()).toEqual(['after', ...texts])
    expect(await page.tab.locator('.chat-msg__error').count()).toBe(0)
    expect(page.complaints).toEqual([])
  })
})
