// Pages in Chromium while their server hangs, and the service believes that its link is up.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { runsRest } from '../support/matrix.js'
import { createModulePageRouter, type ModuleChat, type ModuleNoted, type PageOptions } from '../support/page-module.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { User } from './user.js'

// Waits in tests time out earlier, and say what is missing.
jest.setTimeout(120_000)

declare const window: { noted: ModuleNoted; chat: ModuleChat; dispatchEvent(event: object): void; Event: typeof Event }

const users = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: users.alice }

/** In milliseconds, after the page has noticed it. */
const outage = runsRest ? 20_000 : 1_000

describeWith(['prosody', 'openssl', eitherChromium], 'A page whose server hangs', () => {
  let prosody: Prosody
  let service: TestService
  let context: BrowserContext
  let bob: User
  let transport: PageOptions['transport']
  let bindings = 0
  const ids = new Map<string, string>()

  beforeAll(async () => {
    prosody = await startProsody({ users })
    service = await startTestService({
      servers: `localhost=xmpp://127.0.0.1:${prosody.c2sPort}?ca=${prosody.caFile}`,
      environment: { XMPP_TIMEOUT: '60' },
      routers: () => [
        createModulePageRouter(
          () => ({ transport, history: 0, rooms: [] }),
          tab => {
            bindings += 1
            return bindTab(service, ids, tab, alice)
          },
        ),
      ],
    })
  })

  beforeEach(async () => {
    ids.clear()
    bindings = 0
    bob = await User.logIn(`http://127.0.0.1:${prosody.httpPort}/http-bind`, {
      user: 'bob',
      domain: 'localhost',
      password: users.bob,
    })
    context = await (await sharedChromium(eitherChromium)).newContext()
  })

  afterEach(async () => {
    process.kill(prosody.pid, 'SIGCONT')
    await context?.close()
    await bob?.leave()
    await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
  })

  afterAll(async () => {
    await service?.stop()
    await prosody?.stop()
  })

  const come = async (over: 'bosh' | 'websocket') => {
    transport = over
    const tab = await context.newPage()
    await tab.goto(`${service.url}/portal/module`)
    await tab.waitForFunction(() => window.chat?.status.state === 'online')
    const say = (text: string) => tab.evaluate(([to, said]) => window.chat.send(to!, said!), [bob.jid, text])
    const has = (state: string) =>
      tab.waitForFunction(wanted => (window.chat?.status.code ?? window.chat?.status.state) === wanted, state)
    const bodies = () => [...bob.received.matchAll(/<body>([^<]*)<\/body>/g)].map(([, text]) => text)
    const statuses = async () =>
      (await tab.evaluate(() => window.noted.statuses)).map(({ state, code }) => code ?? state)
    return { tab, say, has, bodies, statuses }
  }

  test.each(['bosh', 'websocket'] as const)('is offline until it answers, over %s', async over => {
    const { tab, say, has, bodies, statuses } = await come(over)
    await say('before')
    await bob.receives('>before<')
    process.kill(prosody.pid, 'SIGSTOP')
    await say('meanwhile')
    // The page looks at its connection.
    await tab.evaluate(() => window.dispatchEvent(new window.Event('online')))
    await has('mending')
    await pause(outage)
    process.kill(prosody.pid, 'SIGCONT')
    await has('online')
    await bob.receives('>meanwhile<')
    await say('after')
    await bob.receives('>after<')
    expect([await statuses(), bodies(), bindings]).toEqual([
      ['online', 'mending', 'online'],
      ['before', 'meanwhile', 'after'],
      1,
    ])
  })

  test.each(['bosh', 'websocket'] as const)('keeps its session if it comes meanwhile, over %s', async over => {
    const { tab, say, has, bodies, statuses } = await come(over)
    process.kill(prosody.pid, 'SIGSTOP')
    await tab.reload()
    await has('mending')
    await pause(outage)
    await say('meanwhile')
    process.kill(prosody.pid, 'SIGCONT')
    await has('online')
    await bob.receives('>meanwhile<')
    expect([await statuses(), bodies(), bindings]).toEqual([['online', 'mending', 'online'], ['meanwhile'], 2])
  })
})
