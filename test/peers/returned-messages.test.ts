// Messages that a server has not confirmed: the page module sends them again in the next session.
import { expect, test } from '@jest/globals'
import { eitherChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { combinations } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
import type { ModuleWindow } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { bobs, passwords } from './user.js'

declare const window: ModuleWindow

describeWith(['prosody', 'openssl', eitherChromium], 'A page whose server is frozen and killed', () => {
  const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'
  const stage = PagesStage.of({
    browser: eitherChromium,
    start: () => startProsody({ users: passwords, config: `modules_enabled = { ${modules} }` }),
    environment: () => ({ XMPP_TIMEOUT: '2', LINK_RESUME_TIME: '1' }),
  })

  const heard = () =>
    [
      ...stage.bob.received.matchAll(
        /<message\b[^>]* id=['"](\w+)['"].*?<body>([^<]*)<.*?<origin-id [^>]*id=['"](\w+)['"]/g,
      ),
    ].map(([, id, text, origin]) => ({ id, text, origin }))

  const cases = combinations(
    [
      { transport: 'bosh', isReloaded: false },
      { transport: 'websocket', isReloaded: false },
      { transport: 'bosh', isReloaded: true },
      { transport: 'websocket', isReloaded: true },
    ] as const,
    ({ transport, isReloaded }) => transport === 'bosh' && isReloaded,
  )
  test.each(cases)(
    'with the module sends unconfirmed messages again once over $transport (reloaded: $isReloaded)',
    async given => {
      const page = await stage.come(given.transport)
      process.kill(stage.server.pid, 'SIGSTOP')
      const [one, two] = [await page.say(bobs.jid, 'one'), await page.say(bobs.jid, 'two')]
      if (given.isReloaded) {
        await page.tab.reload()
        await page.tab.waitForFunction(() => window.chat !== undefined)
      }
      await eventually('the session ends', () => stage.service.service.counts().sessions === 0)
      await stage.server.kill()
      await page.has('offline')
      const three = await page.say(bobs.jid, 'three')
      await stage.server.restart()
      await page.has('online')

      await stage.bobComesBack()
      await stage.bob.receives('>three<')
      await stage.bob.isUpToDate()
      expect(heard()).toEqual([
        { id: one, text: 'one', origin: one },
        { id: two, text: 'two', origin: two },
        { id: three, text: 'three', origin: three },
      ])
      expect((await page.noted()).states.map(({ state }) => state)).not.toContain('failed')
    },
  )
})
