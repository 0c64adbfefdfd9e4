// Converse with the module, while its XMPP server is restarted: what the user types meanwhile arrives once.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { eitherChromium, sharedChromium } from '../support/chromium.js'
import { runsRest } from '../support/matrix.js'
import { type ConversePortal, type InsideConverse, serveConversePortal } from '../support/page-converse-module.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { bindTab, callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { ConverseVisitor } from './converse-visitor.js'
import { describeWith } from './needs.js'
import { becomeContacts, User } from './user.js'

declare const window: { inside: InsideConverse }

// Waits in tests time out earlier, and say what is missing.
jest.setTimeout(120_000)

const users = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: users.alice }
const bobs = { user: 'bob', domain: 'localhost', password: users.bob }

/** In milliseconds. */
const outage = runsRest ? 13_000 : 2_000

describeWith(['prosody', 'openssl', eitherChromium], 'Converse with the module, whose server is restarted', () => {
  let prosody: Prosody
  let service: TestService
  let portal: ConversePortal
  let context: BrowserContext
  let bob: User
  const ids = new Map<string, string>()

  beforeAll(async () => {
    const modules = '"roster", "saslauth", "tls", "disco", "ping", "bosh", "smacks", "offline"'
    prosody = await startProsody({ users, config: `modules_enabled = { ${modules} }` })
    service = await startTestService({
      servers: `localhost=xmpp://127.0.0.1:${prosody.c2sPort}?ca=${prosody.caFile}`,
    })
    portal = await serveConversePortal(
      () => service.url,
      (_path, tab) => bindTab(service, ids, tab, alice),
    )
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
    await portal?.stop()
    await service?.stop()
    await prosody?.stop()
  })

  const logIn = () => User.logIn(`http://127.0.0.1:${prosody.httpPort}/http-bind`, bobs)

  test.each(['bosh', 'websocket'] as const)('sends its messages again over %s', async transport => {
    portal.options = { binding: '/chat/binding', transport }
    const page = await ConverseVisitor.come(context, portal.url, [portal.url, service.url])
    await page.has('online')
    await page.say(bob.bareJid, 'before')
    await bob.receives('>before<')
    // A message without acknowledgement is in doubt, and would be sent again.
    await page.tab.waitForFunction(
      () => !window.inside.state.session.get('unacked_stanzas')?.some(stanza => stanza.includes('>before<')),
    )
    const texts = [1, 2, 3, 4, 5, 6, 7, 8].map(number => `${transport} ${number}`)
    process.kill(prosody.pid, 'SIGTERM')
    await page.has('offline mending')
    for (const text of texts.slice(0, 4)) await page.say(bob.bareJid, text)
    await pause(outage)
    for (const text of texts.slice(4, 6)) await page.say(bob.bareJid, text)
    const restarted = prosody.restart()
    for (const text of texts.slice(6)) await page.say(bob.bareJid, text)
    await restarted
    await page.has('online', 2)
    await bob.leave()
    bob = await logIn()
    for (const text of texts) await bob.receives(`>${text}<`)
    await page.say(bob.bareJid, 'after')
    await bob.receives('>after<')
    await bob.isUpToDate()
    const bodies = [...bob.received.matchAll(/<body>([^<]*)<\/body>/g)].map(([, text]) => text)
    expect([...bodies].sort()).toEqual(['after', ...texts])
    expect(await page.tab.locator('.chat-msg__error').count()).toBe(0)
    expect(page.complaints).toEqual([])
  })
})
