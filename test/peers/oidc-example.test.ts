// The example for users without a password as it is run: from an OpenID provider's page in Chromium to the chat.

import { writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { browserBefore, type Chromium, eitherChromium, sharedChromium } from '../support/chromium.js'
import { startEjabberd } from '../support/ejabberd.js'
import { ask } from '../support/http-answer.js'
import { fewOrAll, runsRest, testRest } from '../support/matrix.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { inFolder } from '../support/server-process.js'
import { callSessions } from '../support/sessions-api.js'
import { admin, startTestService, type TestService } from '../support/start-service.js'
import { type RunningCommand, startCommand } from './command.js'
import { repository } from './documented.js'
import { describeWith } from './needs.js'
import { OidcVisitor } from './oidc-visitor.js'
import { startWarmCalls, type WarmCalls } from './warm-calls.js'

// Each wait in a test has its own, shorter deadline, which says what did not come.
jest.setTimeout(60_000)

const alice = 'alice@localhost'
const bob = 'bob@localhost'
const passwords = { alice: 'rabbit', bob: 'hammer' }
const secrets = { OIDC_CLIENT_SECRET: 'secret-of-portal', INTROSPECTION_SECRET: 'secret-of-xmpp-server' }

const contexts: BrowserContext[] = []

/** The portal's first page in a browser of its own. */
async function visit(portal: string, program = eitherChromium): Promise<OidcVisitor> {
  const context = await (await sharedChromium(program)).newContext()
  contexts.push(context)
  return OidcVisitor.come(context, portal)
}

afterEach(async () => {
  await Promise.all(contexts.splice(0).map(context => context.close()))
})

interface XmppServer {
  readonly c2sPort: number
  readonly caFile: string
  stop(): Promise<void>
}

interface Kind {
  readonly name: string
  readonly packages: readonly string[]
  readonly browser: Chromium
  /** How long the provider's tokens are good, in seconds, and what they look like. */
  readonly tokens: { readonly TOKEN_SECONDS: string; readonly TOKEN_FORMAT: string }
  /** The parameter of `/warm` that takes them. */
  readonly parameter: 'token' | 'password'
  start(issuer: string): Promise<XmppServer>
}

const kinds: readonly Kind[] = [
  {
    name: 'Prosody, which asks the provider',
    packages: ['prosody', 'openssl'],
    browser: browserBefore('Prosody'),
    tokens: { TOKEN_SECONDS: '300', TOKEN_FORMAT: 'opaque' },
    parameter: 'token',
    start: issuer =>
      startProsody({
        config: `
plugin_paths = { "${repository}examples/oidc/prosody" }
c2s_require_encryption = true
authentication = "introspection"
introspection_url = "${issuer}/token/introspection"
introspection_client_id = "xmpp-server"
introspection_client_secret = "${secrets.INTROSPECTION_SECRET}"`,
      }),
  },
  {
    name: 'ejabberd, which knows the provider’s key',
    packages: ['ejabberd', 'openssl'],
    browser: browserBefore('ejabberd'),
    // Shorter than the portal wants them to be good yet.
    tokens: { TOKEN_SECONDS: '20', TOKEN_FORMAT: 'jwt' },
    parameter: 'password',
    start: issuer =>
      inFolder('warm-provider-key-', async (folder, remove) => {
        const { keys } = JSON.parse((await ask(`${issuer}/jwks`, { agent: false })).text)
        writeFileSync(`${folder}/key.json`, JSON.stringify(keys[0]))
        const server = await startEjabberd({
          authentication: `auth_method: jwt\njwt_key: "${folder}/key.json"`,
        })
        await remove()
        return server
      }),
  },
]

for (const kind of fewOrAll(kinds, ({ name }) => name.startsWith('Prosody'))) {
  describeWith([...kind.packages, kind.browser], `Users of an OpenID provider before ${kind.name}`, () => {
    let provider: RunningCommand
    let server: XmppServer
    let service: TestService
    let calls: WarmCalls
    let portal: RunningCommand

    beforeAll(async () => {
      const [port] = await freePorts(1)
      const PORTAL_URL = `http://127.0.0.1:${port}`
      provider = await startCommand(['examples/oidc/provider.js'], { PORTAL_URL, ...secrets, ...kind.tokens })
      server = await kind.start(provider.url)
      service = await startTestService({
        servers: `localhost=xmpp://127.0.0.1:${server.c2sPort}?ca=${server.caFile}`,
        environment: { CORS_ORIGINS: PORTAL_URL },
      })
      calls = await startWarmCalls(service.url)
      portal = await startCommand(['examples/oidc/main.js'], {
        ...{ PORT: String(port), PORTAL_URL, ...secrets, OIDC_ISSUER: provider.url },
        ...{ WARM_URL: `${calls.url}/warm`, WARM_USER: admin.name, WARM_PASSWORD: admin.secret },
        ...{ PUBLIC_URL: service.url, CHAT_TOKEN: kind.parameter },
      })
    }, 100_000)

    const visitPortal = () => visit(portal.url, kind.browser)

    afterEach(async () => {
      for (const jid of [alice, bob]) await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
    })

    afterAll(async () => {
      await portal?.stop()
      await calls?.stop()
      await service?.stop()
      await server?.stop()
      await provider?.stop()
    })

    const sessionsOf = async (jid: string): Promise<{ id: string; jid: string }[]> =>
      (await callSessions(service.url, 'GET', `/sessions?jid=${jid}`)).json.sessions

    /** The calls that warmed a session of this user or tried to. */
    const warms = (jid: string) =>
      calls.made.filter(({ request, parameters }) => request === 'POST /warm' && parameters['jid'] === jid)
    const tokensOf = (jid: string) => warms(jid).map(({ parameters }) => parameters[kind.parameter]!)

    /** The page is left, its session ends, and the page is loaded again: the portal warms another one. */
    const comeBack = async (visitor: OidcVisitor, jid: string) => {
      await visitor.tab.goto('about:blank')
      await callSessions(service.url, 'DELETE', `/sessions?jid=${jid}`)
      await visitor.load()
    }

    test('sign in on its page, chat, and sign out of all', async () => {
      const [one, other] = [await visitPortal(), await visitPortal()]
      await one.beginSignIn()
      await one.identify('alice', 'hammer')
      await one.sees('do not match')
      await one.identify('alice', passwords.alice)
      await one.sees('Good to see you, alice.')
      await one.sees('You are online.')
      await other.signIn('bob', passwords.bob)

      await one.say(bob, 'Noch Tee? <ja> & nein ☕')
      await other.sees(`${alice}: Noch Tee? <ja> & nein ☕`)
      await other.say(alice, 'lieber Kaffee')
      await one.sees(`${bob}: lieber Kaffee`)

      const before = calls.made.length
      const [session] = await sessionsOf(alice)
      await one.load()
      await one.sees('You are online.')
      expect(calls.made.slice(before).map(({ request }) => request)).toEqual([`POST /warm/${session!.id}/resume`])

      const origins = new Set(one.urls.map(url => new URL(url).origin))
      expect([...origins].sort()).toEqual([portal.url, provider.url, service.url].sort())
      for (const token of [...tokensOf(alice), ...tokensOf(bob)]) {
        expect([...one.urls, ...other.urls, ...service.lines].join()).not.toContain(token)
      }

      await one.signOut()
      await one.tab.waitForURL(`${portal.url}/`)
      expect(await sessionsOf(alice)).toEqual([])
      await one.beginSignIn()
      await one.sees('Your company’s sign-in')
    })

    testRest('are refused with the token of another', async () => {
      const visitor = await visitPortal()
      await visitor.signIn('bob', passwords.bob)
      const ofBob = { [kind.parameter]: tokensOf(bob).at(-1)! }
      expect((await service.warm({ jid: bob, ...ofBob })).status).toBe(200)
      const { status, json } = await service.warm({ jid: alice, ...ofBob })
      expect([status, json['code']]).toEqual([403, 'not-authorized'])
    })

    if (kind.parameter === 'token') {
      testRest('are not signed in by an answer to another browser', async () => {
        const [visitor, victim] = [await visitPortal(), await visitPortal()]
        await visitor.beginSignIn()
        // So the code of the answer stays unused.
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
        expect((await ask(`${portal.url}/chat/binding?tab=x`, { agent: false })).status).toBe(401)
      })

      const asPortal = `Basic ${Buffer.from(`portal:${secrets.OIDC_CLIENT_SECRET}`).toString('base64')}`

      test('go on with a new token where the old one is refused, which is asked for once', async () => {
        const visitor = await visitPortal()
        await visitor.signIn('alice', passwords.alice)
        await comeBack(visitor, alice)
        await visitor.sees('You are online.')
        const [first, second] = tokensOf(alice).slice(-2)
        expect(second).toBe(first)

        const body = new URLSearchParams({ token: second! }).toString()
        const headers = { Authorization: asPortal, 'Content-Type': 'application/x-www-form-urlencoded' }
        const revocation = { method: 'POST', agent: false, headers }
        expect((await ask(`${provider.url}/token/revocation`, revocation, body)).status).toBe(200)
        await comeBack(visitor, alice)
        await visitor.sees('You are online.')
        const [refused, renewed] = warms(alice).slice(-2)
        expect([refused!.parameters['token'], refused!.code]).toEqual([second, 'credentials-expired'])
        expect(renewed!.status).toBe(200)
        expect(renewed!.parameters['token']).not.toBe(second)
      })

      testRest('are signed out of the portal as well when the provider has signed them out', async () => {
        const visitor = await visitPortal()
        await visitor.signIn('alice', passwords.alice)
        const elsewhere = await visitor.tab.context().newPage()
        await elsewhere.goto(`${provider.url}/session/end`)
        await elsewhere.getByRole('button', { name: 'Yes' }).click()
        await elsewhere.waitForURL(`${provider.url}/session/end/success`)
        await comeBack(visitor, alice)
        await visitor.tab.getByRole('link', { name: 'Sign in' }).waitFor()
        expect(warms(alice).at(-1)!.code).toBe('credentials-expired')
      })
    } else {
      testRest('go on with a new token before the old one has expired', async () => {
        const visitor = await visitPortal()
        await visitor.signIn('alice', passwords.alice)
        await comeBack(visitor, alice)
        await visitor.sees('You are online.')
        const [first, second] = warms(alice).slice(-2)
        expect([first!.status, second!.status]).toEqual([200, 200])
        expect(second!.parameters['password']).not.toBe(first!.parameters['password'])
      })

      testRest('have several tabs, which want a new token at the same time', async () => {
        const visitor = await visitPortal()
        await visitor.signIn('alice', passwords.alice)
        const statuses = await visitor.tab.evaluate(() =>
          Promise.all(['a', 'b', 'c'].map(async tab => (await fetch(`/chat/binding?tab=${tab}`)).status)),
        )
        expect(statuses).toEqual([200, 200, 200])
        expect(new Set(tokensOf(alice).slice(-3)).size).toBe(1)
      })
    }
  })
}

describeWith(['prosody', eitherChromium], 'The example with an OpenID provider', () => {
  if (runsRest)
    test('runs by one command', async () => {
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
