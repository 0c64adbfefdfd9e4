// The example with an OpenID provider: from the provider's page in Chromium to the chat.

import { afterEach, beforeAll, expect, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { type Chromium, sharedChromium } from '../support/chromium.js'
import { stoppedAfterAll } from '../support/closers.js'
import { ask } from '../support/http-answer.js'
import { freePorts } from '../support/ports.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { type RunningCommand, startCommand } from './command.js'
import { describeWith } from './needs.js'
import { OidcVisitor } from './portal-visitor.js'
import { bothServers, overStarttls } from './servers.js'

const alice = 'alice@localhost'
const bob = 'bob@localhost'
const passwords = { alice: 'rabbit', bob: 'hammer' }

const contexts: BrowserContext[] = []

/** The portal's first page in a browser of its own. */
async function visit(portal: string, program: Chromium = 'chromium'): Promise<OidcVisitor> {
  const context = await (await sharedChromium(program)).newContext()
  contexts.push(context)
  const visitor = new OidcVisitor(await context.newPage(), portal)
  await visitor.load()
  return visitor
}

afterEach(async () => {
  await Promise.all(contexts.splice(0).map(context => context.close()))
})

const users = { alice: 'a-secret', bob: 'another', portal: 'secret-of-portal' }

const kinds = bothServers(
  users,
  `
plugin_paths = { "${root}/deploy/prosody" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "posix", "bosh", "service_account" }
service_accounts = { "portal@localhost" }
c2s_require_encryption = true`,
)

for (const kind of kinds) {
  describeWith([...kind.packages, kind.browser], `Users of an OpenID provider at ${kind.name}`, () => {
    // In seconds. The portal renews a token that is valid for less than it requires.
    const TOKEN_SECONDS = kind.name === 'Prosody' ? '300' : '20'
    const keep = stoppedAfterAll()
    let provider: RunningCommand
    let service: TestService
    let portal: RunningCommand

    beforeAll(async () => {
      const [port] = await freePorts(1)
      const PORTAL_URL = `http://127.0.0.1:${port}`
      const common = { PORTAL_URL, OIDC_CLIENT_SECRET: 'secret-of-portal' }
      const environment = { PROVIDER_PORT: '0', ...common, TOKEN_SECONDS }
      provider = await keep(startCommand(['examples/oidc/provider.js'], environment))
      service = await keep(
        startTestService({
          servers: overStarttls(await keep(kind.start())),
          environment: {
            PAGE_ORIGINS: PORTAL_URL,
            PAGE_TOKEN_ISSUER: provider.url,
            PAGE_TOKEN_AUDIENCE: 'xmpp:localhost',
            PAGE_TOKEN_JID: '{preferred_username}@localhost',
            XMPP_SERVICE_ACCOUNTS: `localhost=portal:${users.portal}`,
          },
        }),
      )
      const more = { PORT: String(port), ...common, OIDC_ISSUER: provider.url, CHAT_URL: service.url }
      portal = await keep(startCommand(['examples/oidc/main.js'], more))
    })

    const visitPortal = () => visit(portal.url, kind.browser)

    afterEach(async () => {
      for (const jid of [alice, bob]) await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
    })

    const sessionsOf = async (jid: string): Promise<{ id: string; jid: string }[]> =>
      (await callSessions(service.url, 'GET', `/sessions?jid=${jid}`)).json.sessions

    test('sign in on its page, chat, resume after a reload, and sign out everywhere', async () => {
      const [one, other] = [await visitPortal(), await visitPortal()]
      await one.beginSignIn()
      await one.identify('alice', 'hammer')
      await one.sees('do not match')
      await one.identify('alice', passwords.alice)
      await one.sees('Good to see you, alice.')
      await one.sees('You are online.')
      await other.signIn('bob', passwords.bob)

      // The first message is from the last who came: a server without an offline store refuses messages to users whose
      // presence it has not processed yet.
      await other.say(alice, 'Noch Tee? <ja> & nein ☕')
      await one.sees(`${bob}: Noch Tee? <ja> & nein ☕`)
      await one.say(bob, 'lieber Kaffee')
      await other.sees(`${alice}: lieber Kaffee`)

      const [session] = await sessionsOf(alice)
      await one.load()
      await one.sees('You are online.')
      expect(await sessionsOf(alice)).toMatchObject([{ id: session!.id, jid: session!.jid }])

      expect(one.origins).toEqual([portal.url, provider.url, service.url].sort())
      for (const token of [...one.tokens, ...other.tokens]) {
        expect([...one.urls, ...other.urls, ...service.lines].join()).not.toContain(token)
      }
      expect(one.tokens.length).toBe(2)

      await one.signOut()
      await one.tab.waitForURL(`${portal.url}/`)
      expect(await sessionsOf(alice)).toEqual([])
      await one.beginSignIn()
      await one.sees('Your company’s sign-in')
    })

    if (TOKEN_SECONDS === '300') {
      test('are not signed in by a redirect of another browser', async () => {
        const [visitor, victim] = [await visitPortal(), await visitPortal()]
        await visitor.beginSignIn()
        // So that the code in the redirect stays unused.
        await visitor.tab.context().clearCookies({ name: 'sign-in' })
        await visitor.identify('bob', passwords.bob)
        await visitor.sees('You could not be signed in.')
        const url = visitor.tab.url()
        expect(url).toContain('code=')
        await victim.tab.goto(url)
        await victim.sees('You could not be signed in.')
        await victim.beginSignIn()
        await victim.sees('Your company’s sign-in')
        await victim.tab.goto(url)
        await victim.sees('You could not be signed in.')
        await victim.load()
        await victim.sees('Sign in')
        expect((await ask(`${portal.url}/chat/token`)).status).toBe(401)
      })
    } else {
      test('resume their session with a new token before the old expires', async () => {
        const visitor = await visitPortal()
        await visitor.signIn('alice', passwords.alice)
        const [{ id } = { id: '' }] = await sessionsOf(alice)
        await visitor.load()
        await visitor.sees('You are online.')
        expect(new Set(visitor.tokens).size).toBe(2)
        expect(await sessionsOf(alice)).toMatchObject([{ id }])
      })

      test('get tokens for several tabs at the same time', async () => {
        const visitor = await visitPortal()
        await visitor.signIn('alice', passwords.alice)
        // A refresh token that is used twice revokes all tokens.
        const statuses = await visitor.tab.evaluate(async () => {
          const fetchToken = async (tab: number) => (await fetch(`/chat/token?tab=${tab}`)).status
          return [...(await Promise.all([1, 2, 3].map(fetchToken))), await fetchToken(4)]
        })
        expect(statuses).toEqual([200, 200, 200, 200])
      })

      test('are signed out of the portal after they sign out at the provider', async () => {
        const visitor = await visitPortal()
        await visitor.signIn('alice', passwords.alice)
        const elsewhere = await visitor.tab.context().newPage()
        await elsewhere.goto(`${provider.url}/session/end`)
        await elsewhere.getByRole('button', { name: 'Yes' }).click()
        await elsewhere.waitForURL(`${provider.url}/session/end/success`)
        // A page that is loaded without its session needs a new token.
        await visitor.tab.goto('about:blank')
        await callSessions(service.url, 'DELETE', `/sessions?jid=${alice}`)
        await visitor.load()
        await visitor.tab.getByRole('link', { name: 'Sign in' }).waitFor()
      })
    }
  })
}

describeWith(['chromium'], 'The example with an OpenID provider', () => {
  test('runs with one command', async () => {
    const example = await startCommand(['examples/oidc/demo.js'])
    try {
      expect(example.introduction).toContain('Sign in as alice with the password rabbit')
      const [one, other] = [await visit(example.url), await visit(example.url)]
      await one.signIn('alice', passwords.alice)
      await other.signIn('bob', passwords.bob)
      await one.say(bob, 'hello')
      await other.sees(`${alice}: hello`)
    } finally {
      expect(await example.stop()).toBe(0)
    }
  })
})
