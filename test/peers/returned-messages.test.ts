// Messages of a session whose server dies: the page module sends again what the server has not confirmed, in the next
// session, and gets what waited in this one.
import { expect, test } from '@jest/globals'
import { eitherChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { combinations } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
import { callSessions } from '../support/sessions-api.js'
import type { ModuleWindow } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage, transports } from './pages-stage.js'
import { bobs, passwords } from './user.js'

declare const window: ModuleWindow

const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'

describeWith(['prosody', 'openssl', eitherChromium], 'A page whose server is frozen and killed', () => {
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

describeWith(['prosody', 'openssl', eitherChromium], 'A page that is away while its server is killed', () => {
  const stage = PagesStage.of({
    browser: eitherChromium,
    start: () => startProsody({ users: passwords, config: `modules_enabled = { ${modules} }` }),
  })

  test.each(combinations(transports, transport => transport === 'websocket'))(
    'with the module gets what waited in its session over %s',
    async transport => {
      const page = await stage.come(transport)
      const [jid, url] = [await page.jid(), page.tab.url()]
      await page.tab.goto('about:blank')
      for (const text of ['one', 'two']) stage.bob.say(jid, text)
      // Prosody writes to other clients one turn later: the second answer comes after that.
      for (let answers = 0; answers < 2; answers++) await stage.bob.isUpToDate()
      await stage.server.kill()
      await stage.server.restart()
      const ended = `/sessions?jid=${jid}&state=ended`
      await eventually('the session ends', async () => {
        const { json } = await callSessions(stage.service.url, 'GET', ended)
        return json.total === 1
      })
      await page.tab.goto(url)
      await page.tab.waitForFunction(() => window.chat !== undefined)
      await eventually('the messages', async () => (await page.noted()).texts.length > 1)
      expect((await page.noted()).texts).toEqual(['one', 'two'])
      await page.has('online')
    },
  )
})
