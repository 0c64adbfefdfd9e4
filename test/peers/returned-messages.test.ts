// Messages that a server has not confirmed: the page module sends them again in the next session, Strophe and
// Converse show an error.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { combinations, testRest } from '../support/matrix.js'
import { createPageRouter } from '../support/page.js'
import { createConverseRouter } from '../support/page-converse.js'
import { createModulePageRouter, type ModuleChat, type ModuleNoted, type PageOptions } from '../support/page-module.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { ConversePage } from './converse-page.js'
import { describeWith } from './needs.js'
import { PortalPage } from './portal-page.js'
import { becomeContacts, User } from './user.js'

// Waits in tests time out earlier, and say what is missing.
jest.setTimeout(120_000)

declare const window: { noted: ModuleNoted; chat: ModuleChat | undefined }

const users = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: users.alice }
const bobs = { user: 'bob', domain: 'localhost', password: users.bob }
const bobsJid = 'bob@localhost'

describeWith(['prosody', 'openssl', eitherChromium], 'A page whose server is frozen and killed', () => {
  let prosody: Prosody
  let service: TestService
  let context: BrowserContext
  let bob: User
  let options: PageOptions
  const ids = new Map<string, string>()

  beforeAll(async () => {
    const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'
    prosody = await startProsody({ users, config: `modules_enabled = { ${modules} }` })
    service = await startTestService({
      servers: `localhost=xmpp://127.0.0.1:${prosody.c2sPort}?ca=${prosody.caFile}`,
      environment: { XMPP_TIMEOUT: '2', LINK_RESUME_TIME: '1' },
      routers: () => [createModulePageRouter(() => options, bind), createPageRouter(), createConverseRouter(bindAgain)],
    })
    const binding = await service.bind(alice)
    await becomeContacts(User.attach(binding.url, binding), await logIn())
  })

  beforeEach(async () => {
    ids.clear()
    bob = await logIn()
    context = await (await sharedChromium(eitherChromium)).newContext()
  })

  afterEach(async () => {
    await context?.close()
    await bob?.leave()
    await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
  })

  afterAll(async () => {
    await service?.stop()
    await prosody?.stop()
  })

  const logIn = () => User.logIn(`http://127.0.0.1:${prosody.httpPort}/http-bind`, bobs)

  const bind = (tab: string) => bindTab(service, ids, tab, alice)

  /** Like a backend that retries while the server is down. */
  async function bindAgain(): Promise<object> {
    for (let tries = 1; ; tries++) {
      try {
        return await service.bind(alice)
      } catch (error) {
        if (tries === 40) throw error
        await pause(500)
      }
    }
  }

  const stateOf = (tab: Page, state: string) =>
    tab.waitForFunction(wanted => window.chat?.status.state === wanted, state, { timeout: 40_000 })
  const say = (tab: Page, text: string) =>
    tab.evaluate(([to, body]) => window.chat!.send(to!, body!), [bobsJid, text] as const)
  const heard = () =>
    [
      ...bob.received.matchAll(/<message\b[^>]* id=['"](\w+)['"].*?<body>([^<]*)<.*?<origin-id [^>]*id=['"](\w+)['"]/g),
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
      options = { transport: given.transport, history: 0, rooms: [] }
      const tab = await context.newPage()
      await tab.goto(`${service.url}/portal/module`)
      await stateOf(tab, 'online')
      process.kill(prosody.pid, 'SIGSTOP')
      const [one, two] = [await say(tab, 'one'), await say(tab, 'two')]
      if (given.isReloaded) {
        await tab.reload()
        await tab.waitForFunction(() => window.chat !== undefined)
      }
      await eventually('the session ends', () => service.service.counts().sessions === 0, { seconds: 20 })
      await prosody.kill()
      await stateOf(tab, 'offline')
      const three = await say(tab, 'three')
      await prosody.restart()
      await stateOf(tab, 'online')

      await bob.leave()
      bob = await logIn()
      await bob.receives('>three<')
      await bob.isUpToDate()
      expect(heard()).toEqual([
        { id: one, text: 'one', origin: one },
        { id: two, text: 'two', origin: two },
        { id: three, text: 'three', origin: three },
      ])
      expect((await tab.evaluate(() => window.noted)).states.map(({ state }) => state)).not.toContain('failed')
    },
  )

  testRest('with Strophe gets an error for its message before the end of the session', async () => {
    const page = await PortalPage.open(await context.newPage(), service.url, service.url)
    await page.begin(await service.bind(alice))
    await page.rests()
    process.kill(prosody.pid, 'SIGSTOP')
    await page.say(bobsJid, 'one')
    await page.reaches('CONNFAIL')
    expect(await page.errors()).toEqual(['one remote-server-timeout'])
    await prosody.kill()
    await prosody.restart()
  })

  testRest('with Converse shows its message with an error, and chats in the next session', async () => {
    const page = await ConversePage.open(await context.newPage(), service.url)
    await page.begin({ authentication: 'prebind', prebind_url: '/portal/converse/binding', jid: alice.jid })
    await page.showsContact(bobsJid, 'online')
    // Converse asks the server about each new chat.
    await page.say(bobsJid, 'hello')
    await bob.receives('>hello<')
    await page.rests()
    process.kill(prosody.pid, 'SIGSTOP')
    await page.say(bobsJid, 'anyone there?')
    await page.shows('anyone there?')
    await page.rests()
    await prosody.kill()
    await prosody.restart()
    await page.notes('reconnected')
    expect(await page.showsError('anyone there?')).toContain('delivery failed')
    await bob.leave()
    bob = await logIn()
    await page.say(bobsJid, 'and now?')
    await bob.receives('>and now?<')
  })
})
