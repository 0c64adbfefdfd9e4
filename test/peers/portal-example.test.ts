// The example portal at each XMPP server: its page in Chromium, and requests from other sites.

import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { BrowserContext } from 'playwright-core'
import { sharedChromium } from '../support/chromium.js'
import { stoppedAfterAll } from '../support/closers.js'
import { ask } from '../support/http-answer.js'
import { pageSecret, settingsForPages } from '../support/page-token.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { type RunningCommand, startCommand } from './command.js'
import { excessWidth } from './legibility.js'
import { describeWith } from './needs.js'
import { PortalVisitor } from './portal-visitor.js'
import { bothServers, overStarttls } from './servers.js'
import { becomeContacts, User } from './user.js'

declare const sessionStorage: { readonly length: number }

/** Unknown to the portal. */
const passwords = { alice: 'demo', bob: 'demo' }
const alice = { jid: 'alice@localhost', password: passwords.alice }
const bobs = { jid: 'bob@localhost', password: passwords.bob }
/** The service account. */
const account = { portal: 'secret-of-portal' }

const kinds = bothServers(
  { ...passwords, ...account },
  `
plugin_paths = { "${join(root, 'deploy/prosody')}" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "posix", "bosh", "service_account" }
modules_disabled = { "s2s", "offline" }
service_accounts = { "portal@localhost" }
c2s_require_encryption = true`,
)

const { file } = testFolder()

/** Starts the service for pages of a portal, then the portal. */
async function startFor(servers: string, keep: ReturnType<typeof stoppedAfterAll>) {
  const [port] = await freePorts(1)
  const environment = settingsForPages(`http://127.0.0.1:${port}`, file('page-secrets', pageSecret))
  const service = await keep(startTestService({ servers, environment }))
  const own = { PORT: String(port), CHAT_URL: service.url, CHAT_SECRET: pageSecret }
  return { service, portal: await keep(startCommand(['examples/portal/main.js'], own)) }
}

for (const kind of kinds) {
  describeWith([...kind.packages, kind.browser], `The example portal at ${kind.name}`, () => {
    const keep = stoppedAfterAll()
    let service: TestService
    let portal: RunningCommand
    let context: BrowserContext
    let bob: User
    let visitor: PortalVisitor

    beforeAll(async () => {
      ;({ service, portal } = await startFor(overStarttls(await keep(kind.start())), keep))
      await becomeContacts(await User.warm(service, alice), await User.warm(service, bobs))
    })

    beforeEach(async () => {
      bob = await User.warm(service, bobs)
      context = await (await sharedChromium(kind.browser)).newContext()
      visitor = new PortalVisitor(await context.newPage(), portal.url)
      await visitor.load()
    })

    afterEach(async () => {
      await context?.close()
      await bob?.leave()
      await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
    })

    /** Sessions of alice, oldest first. */
    const sessions = async (): Promise<{ id: string; jid: string; state: string }[]> =>
      (await callSessions(service.url, 'GET', `/sessions?jid=${alice.jid}`)).json.sessions

    /** The calls for her pages, from the service's log. */
    const calls = () =>
      service.lines
        .map(line => JSON.parse(line))
        .filter(({ msg, jid }) => msg === 'connect' && jid === alice.jid)
        .map(({ resumed, id, code }) => `${resumed ? 'resume' : 'warm'} ${id} ${code}`)

    test('shows that there is no chat while the service is down, and signs out', async () => {
      const { tab } = visitor
      await tab.route(`${service.url}/assets/*`, route => route.abort())
      await visitor.signIn('alice', 'rabbit')
      await visitor.sees('There is no chat at the moment.')
      await tab.unrouteAll()
      await tab.getByRole('button', { name: 'Try now' }).click()
      await visitor.seesContact('Bob', 'online')
      await tab.route(`${service.url}/connect`, route => route.abort())
      await visitor.tab.reload()
      await visitor.sees('Next try in')
      await visitor.signOut()
      await visitor.sees('Sign in to the portal.')
    })

    test('signs a user in, resumes the chat after a reload, and signs out', async () => {
      const before = calls().length
      await visitor.signIn('alice', 'rabbit')
      await visitor.sees('Good to see you, Alice.')
      await visitor.seesContact('Bob', 'online')
      const [{ id, jid } = { id: '', jid: '' }, ...more] = await sessions()
      expect(more).toEqual([])
      await bob.seesPresence(jid, undefined)

      await visitor.turnTo('Bob')
      await visitor.say('Noch Tee? <ja> & nein ☕')
      expect(await bob.receives('Noch Tee? &lt;ja&gt; &amp; nein ☕')).toContain(jid)
      bob.say(jid, 'lieber Kaffee')
      await visitor.reads('lieber Kaffee')

      await visitor.tab.goto('about:blank')
      bob.say(jid, 'while you were away')
      await bob.isUpToDate()
      await visitor.load()
      await visitor.turnTo('Bob')
      for (const text of ['lieber Kaffee', 'while you were away']) {
        await visitor.reads(text)
        expect(await visitor.count(text)).toBe(1)
      }
      expect(bob.hasSeen(jid, 'unavailable')).toBe(false)
      expect(calls().slice(before)).toEqual([`warm ${id} ok`, `resume ${id} ok`])

      const gone = bob.seesPresence(jid, 'unavailable')
      await visitor.signOut()
      await visitor.sees('Sign in to the portal.')
      await gone
      expect(await sessions()).toEqual([])
      expect(await visitor.tab.locator('#chat').count()).toBe(0)
      // A function: the page's CSP allows only one evaluation of a string, and waiting needs more.
      await visitor.tab.waitForFunction(() => sessionStorage.length === 0)
      await visitor.load()
      await visitor.sees('Sign in to the portal.')
      expect(visitor.origins).toEqual([portal.url, service.url].sort())
    })

    test('has a page with Converse, which resumes the chat after a reload, and signs out', async () => {
      await visitor.signIn('alice', 'rabbit')
      const { tab } = visitor
      const message = (text: string) => tab.locator('converse-chat-message-body').getByText(text, { exact: true })
      const say = async (text: string) => {
        await tab.locator('converse-chat .chat-textarea').fill(text)
        await tab.keyboard.press('Enter')
      }
      await tab.getByRole('link', { name: 'Use Converse' }).click()
      await tab.locator('converse-roster').getByText('Bob', { exact: false }).last().click()
      const { jid } = (await sessions()).at(-1)!
      await bob.seesPresence(jid, undefined)
      await say('Noch Tee?')
      expect(await bob.receives('Noch Tee?')).toContain(jid)
      bob.say(jid, 'lieber Kaffee')
      await message('lieber Kaffee').first().waitFor()
      await tab.setViewportSize({ width: 390, height: 844 })
      expect(await excessWidth(tab)).toBe(0)
      await tab.reload()
      await message('lieber Kaffee').first().waitFor()
      await say('still here')
      expect(await bob.receives('still here')).toContain(jid)
      for (const text of ['Noch Tee?', 'lieber Kaffee']) expect(await message(text).count()).toBe(1)
      expect(bob.hasSeen(jid, 'unavailable')).toBe(false)

      const gone = bob.seesPresence(jid, 'unavailable')
      await visitor.signOut()
      await visitor.sees('Sign in to the portal.')
      await gone
      expect(await sessions()).toEqual([])
      await visitor.tab.waitForFunction(() => sessionStorage.length === 0)
    })

    if (kind.name === 'Prosody')
      test('shows that a message was not delivered, and sends it again', async () => {
        await visitor.signIn('alice', 'rabbit')
        await visitor.seesContact('Bob', 'online')
        await bob.leave()
        await visitor.seesContact('Bob', 'offline')
        await visitor.turnTo('Bob')
        // This Prosody has no offline store.
        await visitor.say('are you there?')
        await visitor.sees('The recipient cannot be reached.')
        await visitor.tab.reload()
        await visitor.turnTo('Bob')
        await visitor.sees('The recipient cannot be reached.')
        bob = await User.warm(service, bobs)
        await visitor.seesContact('Bob', 'online')
        await visitor.tab.getByRole('button', { name: 'Send again' }).click()
        await bob.receives('are you there?')
        await visitor.tab.getByRole('button', { name: 'Send again' }).waitFor({ state: 'detached' })
        expect(await visitor.count('are you there?')).toBe(1)
      })
  })
}

describeWith(['prosody', 'openssl', 'chromium'], 'The example portal with an archive', () => {
  const keep = stoppedAfterAll()
  let started: Awaited<ReturnType<typeof startFor>>
  let context: BrowserContext

  beforeAll(async () => {
    const home = await startProsody({
      users: { ...passwords, ...account },
      config: `
plugin_paths = { "${join(root, 'deploy/prosody')}" }
modules_enabled = { "roster", "saslauth", "tls", "posix", "bosh", "service_account", "mam", "vcard_legacy", "pep" }
service_accounts = { "portal@localhost" }`,
    })
    started = await startFor(overStarttls(await keep(home)), keep)
    context = await (await sharedChromium('chromium')).newContext()
    await keep({ stop: () => context.close() })
  })

  test('shows names, who is typing, what was seen, and earlier messages', async () => {
    const { service, portal } = started
    await becomeContacts(await User.warm(service, alice), await User.warm(service, bobs))
    const bob = await User.warm(service, bobs)
    bob.send("<iq xmlns='jabber:client' type='set' id='c'><vCard xmlns='vcard-temp'><FN>Bob Baker</FN></vCard></iq>")
    const earlier = await User.warm(service, alice)
    bob.say(alice.jid, 'old words')
    await earlier.receives('old words')
    await earlier.leave()
    await bob.isUpToDate()
    const visitor = new PortalVisitor(await context.newPage(), portal.url)
    await visitor.load()
    await visitor.signIn('alice', 'rabbit')
    await visitor.seesContact('Bob Baker', 'online')
    await visitor.turnTo('Bob Baker')
    await visitor.tab.getByRole('button', { name: 'Earlier messages' }).click()
    await visitor.reads('old words')
    const tell = (inside: string) =>
      bob.send(`<message xmlns='jabber:client' type='chat' to='${alice.jid}'>${inside}</message>`)
    const state = (word: string) => `<${word} xmlns='http://jabber.org/protocol/chatstates'/>`
    tell(state('composing'))
    await visitor.sees('Bob Baker is typing…')
    tell(`<body>tea?</body>${state('active')}`)
    await visitor.reads('tea?')
    await visitor.tab.getByText('is typing').waitFor({ state: 'detached' })
    await visitor.tab.getByRole('textbox', { name: 'Message' }).pressSequentially('ye')
    await bob.receives('<composing ')
    await visitor.say('yes')
    const [, id] = / id='([^']+)'/.exec(/<message[^>]*>(?=<body>yes)/.exec(await bob.receives('<body>yes'))![0])!
    tell(`<displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/>`)
    await visitor.sees('Seen')
    expect(await visitor.count('old words')).toBe(1)
    await visitor.tab.getByRole('button', { name: 'Earlier messages' }).waitFor({ state: 'hidden' })
    await bob.leave()
  })
})

describe('The example portal', () => {
  const keep = stoppedAfterAll()
  let service: TestService
  let portal: RunningCommand

  beforeAll(async () => {
    // No XMPP server listens.
    ;({ service, portal } = await startFor('localhost=xmpp://127.0.0.1:1?tls=none', keep))
  })

  const call = (method: string, path: string, headers: Record<string, string>, body = '', { url } = portal) =>
    ask(`${url}${path}`, { method, headers: { 'Content-Length': String(Buffer.byteLength(body)), ...headers } }, body)
  const signIn = (body: string, headers: Record<string, string> = {}, at = portal) =>
    call('POST', '/sign-in', { 'Content-Type': 'application/x-www-form-urlencoded', ...headers }, body, at)

  const visit = async (before: Record<string, string> = {}, at = portal) => {
    const { headers } = await signIn('name=alice&password=rabbit', before, at)
    const [cookie = ''] = headers['set-cookie'] ?? []
    return { cookie, headers: { Cookie: cookie.replace(/;.*/, '') } }
  }

  test('returns 403 for a wrong password', async () => {
    for (const body of [
      'name=alice&password=hammer',
      'name=mallory&password=rabbit',
      'name=alice&name=bob&password=rabbit',
      '',
    ]) {
      const reply = await signIn(body)
      expect(reply.status).toBe(403)
      expect(reply.text).toContain('do not match')
      expect(reply.headers['set-cookie']).toBeUndefined()
    }
  })

  test('sets a cookie with HttpOnly and SameSite, and sends a page with CSP and no-store', async () => {
    const { cookie, headers } = await visit()
    expect(cookie).toMatch(/^visit=[\da-f]{64}; Path=\/; HttpOnly; SameSite=Lax$/)
    const page = await call('GET', '/', headers)
    expect(page.text).toContain('Good to see you, Alice.')
    expect(page.headers['cache-control']).toBe('no-store')
    expect(page.headers['content-security-policy']).toContain(
      `script-src 'self' ${service.url}; connect-src 'self' ${service.url} ${service.url.replace('http', 'ws')};`,
    )
    expect(page.text).not.toContain(pageSecret)
  })

  test('ends the earlier visit if a browser signs in again', async () => {
    const [one, other] = [await visit(), await visit()]
    const again = await visit(one.headers)
    const page = async ({ headers }: { headers: Record<string, string> }) => (await call('GET', '/', headers)).text
    expect(await page(one)).toContain('Sign in to the portal.')
    for (const each of [other, again]) expect(await page(each)).toContain('Good to see you, Alice.')
  })

  test('returns 401 instead of a token to visitors who are not signed in', async () => {
    for (const headers of [{}, { Cookie: `visit=${'0'.repeat(64)}` }]) {
      expect((await call('GET', '/chat/token', headers)).status).toBe(401)
    }
  })

  test('signs a token for the user and the visit, valid for five minutes', async () => {
    const [one, other] = [await visit(), await visit()]
    const token = async ({ headers }: { headers: Record<string, string> }) => {
      const reply = await call('GET', '/chat/token', headers)
      expect(reply.status).toBe(200)
      expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
      const [head, body, signature] = JSON.parse(reply.text).token.split('.')
      expect(createHmac('sha256', pageSecret).update(`${head}.${body}`).digest('base64url')).toBe(signature)
      return JSON.parse(Buffer.from(body!, 'base64url').toString())
    }
    const claims = await token(one)
    expect(claims).toEqual({ sub: 'alice', aud: 'chat', visit: expect.stringMatching(/^\w{64}$/), exp: claims.exp })
    expect(Math.abs(claims.exp - Date.now() / 1000 - 300)).toBeLessThan(10)
    expect(one.cookie).not.toContain(claims.visit)
    expect((await token(other)).visit).not.toBe(claims.visit)
  })

  test('returns 403 to pages of other sites', async () => {
    const { headers } = await visit()
    const foreign = { 'Sec-Fetch-Site': 'cross-site' }
    const evil = { Origin: 'https://evil.example' }
    for (const from of [foreign, evil]) {
      expect((await signIn('name=alice&password=rabbit', from)).status).toBe(403)
      expect((await call('GET', '/chat/token', { ...headers, ...from })).status).toBe(403)
      expect((await call('POST', '/sign-out', { ...headers, ...from })).status).toBe(403)
    }
    expect((await call('GET', '/', headers)).text).toContain('Good to see you, Alice.')
  })

  test('signs a user out while the service cannot be reached', async () => {
    const lonely = await startCommand(['examples/portal/main.js'], {
      CHAT_URL: 'http://127.0.0.1:1',
      CHAT_SECRET: pageSecret,
    })
    const { headers } = await visit({}, lonely)
    expect((await call('POST', '/sign-out', headers, '', lonely)).status).toBe(303)
    expect((await call('GET', '/', headers, '', lonely)).text).toContain('Sign in to the portal.')
    expect(await lonely.stop()).toBe(0)
  })

  test('runs with one command, with an XMPP server inside', async () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    const [build, run] = scripts.example.split(' && ')
    expect(build).toBe('npm run --silent build')
    // Without `exec`, a signal to npm would end only the shell.
    const [exec, node, ...args] = run.split(' ')
    expect([exec, node]).toEqual(['exec', 'node'])
    const example = await startCommand(args)
    try {
      expect(example.introduction).toContain('Sign in as alice with the password rabbit.')
      expect((await ask(example.url)).text).toContain('Sign in to the portal.')
    } finally {
      expect(await example.stop()).toBe(0)
    }
  })
})
