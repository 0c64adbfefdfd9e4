// Messages that a server has not confirmed: the page module sends them again in the next session, Strophe and
// Converse show an error.
import { expect, test } from '@jest/globals'
import { eitherChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { combinations, testRest } from '../support/matrix.js'
import { startProsody } from '../support/prosody.js'
import type { ModuleWindow } from './module-page.js'
import { describeWith } from './needs.js'
import { PagesStage } from './pages-stage.js'
import { createPageRouter, PortalPage } from './portal-page.js'
import { alice, bobs, passwords } from './user.js'

declare const window: ModuleWindow

describeWith(['prosody', 'openssl', eitherChromium], 'A page whose server is frozen and killed', () => {
  const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'
  const stage = PagesStage.of({
    browser: eitherChromium,
    start: () => startProsody({ users: passwords, config: `modules_enabled = { ${modules} }` }),
    environment: () => ({ XMPP_TIMEOUT: '2', LINK_RESUME_TIME: '1' }),
    routers: () => [createPageRouter()],
    // Like a backend that retries while the server is down.
    async answer(): Promise<object> {
      let binding: object | undefined
      await eventually('the server is up', async () => {
        binding = await stage.service.bind(alice).catch(() => undefined)
        return binding !== undefined
      })
      return binding!
    },
  })

  const freeze = () => process.kill(stage.server.pid, 'SIGSTOP')
  const restart = async () => {
    await stage.server.kill()
    await stage.server.restart()
  }

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
      freeze()
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

  testRest('with Strophe gets an error for its message before the end of the session', async () => {
    const page = await PortalPage.open(await stage.context.newPage(), stage.service.url, stage.service.url)
    await page.begin(await stage.service.bind(alice))
    await page.rests()
    freeze()
    await page.say(bobs.jid, 'one')
    await page.reaches('CONNFAIL')
    expect(await page.tab.evaluate('noted.errors')).toEqual(['one remote-server-timeout'])
    await restart()
  })

  testRest('with Converse shows its message with an error, and chats in the next session', async () => {
    const page = await stage.comeWithConverseAlone()
    await page.seesContact(bobs.jid, 'online')
    // Converse asks the server about each new chat.
    await page.say(bobs.jid, 'hello')
    await stage.bob.receives('>hello<')
    await page.rests()
    freeze()
    await page.say(bobs.jid, 'anyone there?')
    await page.reads('anyone there?')
    await page.rests()
    await restart()
    await page.has('reconnected')
    expect(await page.showsError('anyone there?')).toContain('delivery failed')
    await stage.bobComesBack()
    await page.say(bobs.jid, 'and now?')
    await stage.bob.receives('>and now?<')
  })
})
