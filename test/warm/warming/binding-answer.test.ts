import { expect, test } from '@jest/globals'
import type { Express } from 'express'
import request from 'supertest'
import type { Config } from '../../../src/config/config.js'
import { createFormTokens } from '../../../src/http/access/form-tokens.js'
import { secretKeys } from '../../../src/lib/secrets/secret-hashes.js'
import type { WarmedBinding } from '../../../src/warm/warming/session-login.js'
import { isXhtml } from '../../support/xhtml.js'
import { asAdmin, binding, credentials, fakeService, parameters } from '../fake-login.js'
import { FakeSessions } from '../fake-sessions.js'
import { cookieOf, portal, tokenIn } from '../sessions/sessions-stage.js'

interface Sent {
  readonly settings?: Partial<Config>
  readonly bound?: Partial<WarmedBinding>
  readonly headers?: Readonly<Record<string, string>>
  readonly now?: () => number
}

/** Fetches and sends the form like a browser, up to the redirect. */
async function postForm({ settings, bound, headers, now }: Sent = {}) {
  const sessions = new FakeSessions()
  sessions.add(0, { id: binding.id, transport: undefined, state: 'waiting' })
  const login = async () => ({ ...binding, ...bound })
  const service = fakeService({ ...settings, sessions, login, ...(now && { now }) })
  const { app } = service
  const form = await asAdmin(app).get('/warm')
  const sent = { Host: 'web.example', Origin: 'https://web.example', 'Sec-Fetch-Site': 'same-origin', ...headers }
  const reply = await asAdmin(app)
    .post('/warm')
    .type('form')
    .set(sent)
    .send({ ...parameters, csrf_token: tokenIn(form.text) })
  const cookie = reply.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  /** Follows the redirect. */
  const show = (more: Record<string, string> = {}, [name, secret]: readonly [string, string] = credentials) =>
    request(app)
      .get(`/warm/${binding.id}/binding`)
      .auth(name, secret)
      .set({ ...sent, Cookie: cookie, ...more })
  return { ...service, sessions, reply, show }
}

const sendForm = async (sent?: Sent) => (await postForm(sent)).show()

const policy = (connect: string) =>
  "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'; script-src 'self'; " +
  `connect-src ${connect}; img-src 'self'`

test('the admin form gets a page with the values, which can attach with them', async () => {
  const { status, headers, text } = await sendForm({ now: () => 0 })
  expect(status).toBe(200)
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy': policy("'self'"),
  })
  expect(isXhtml(text)).toBe(true)
  expect(text).toContain('"-//W3C//DTD XHTML 1.0 Transitional//EN"')
  expect(text).toContain('<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">')
  expect(text).toContain('<title>Logged in · Warm Bindings</title>')
  expect(text.match(/<p>.*?<\/p>/g)).toEqual(['<p>Logged in</p>'])
  expect(text.match(/<dl\b.*?<\/dl>/gs)).toEqual([
    '<dl class="binding">\n<dt class="jid">JID</dt><dd class="jid">juliet@chat.example/balcony</dd>\n' +
      `<dt class="sid">SID</dt><dd class="sid">${binding.sid}</dd>\n` +
      '<dt class="rid">RID</dt><dd class="rid">4400120076</dd>\n</dl>',
  ])
  expect(text).toContain('data-url="/http-bind" data-seconds="120" data-wait="60" data-hold="1" data-requests="2"')
  expect(text).toMatch(/within <span id="within">[^<]+<\/span> \(until \d\d:\d\d:\d\d UTC\)\./)
  expect(text).toContain('<noscript>')
  expect(text).not.toMatch(/<style| style=| on\w+=|<script[^>]*>[^<]/)
  expect(text).not.toContain(parameters.password)
})

test('the page is XHTML for browsers that accept it, and JSON on request', async () => {
  const page = await sendForm({ headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } })
  expect(page.headers['content-type']).toBe('application/xhtml+xml; charset=utf-8')
  const { reply: json } = await postForm({ headers: { Accept: 'application/json' } })
  expect(JSON.parse(json.text)).toMatchObject({ sid: binding.sid, url: 'https://web.example/http-bind' })
})

test('the files and links of the page are below the public path', async () => {
  const { text } = await sendForm({ settings: { externalUrl: 'https://web.example/chat' } })
  const addresses = [...text.matchAll(/(?:href|src|data-url)="([^"]+)"/g)].map(match => match[1]!)
  const some = ['/chat/http-bind', '/chat/warm/sessions', '/chat/assets/attach.js']
  expect(addresses).toEqual(expect.arrayContaining(some))
  expect(addresses.filter(address => !address.startsWith('/chat/'))).toEqual(['#main'])
})

const bosh = 'https://web.example/http-bind'

test.each<[string, Sent, string, string, string?]>([
  ['its own host', { settings: { externalUrl: undefined } }, '/http-bind', "'self'", '/http-bind'],
  ['a path of its own host', {}, '/http-bind', "'self'"],
  [
    'the public address, if the page came from another',
    { headers: { Host: 'internal.example:8080', Origin: 'http://internal.example:8080' } },
    bosh,
    "'self' https://web.example",
  ],
  [
    'the endpoint that serves the session',
    { bound: { url: 'https://bosh.example:5281/http-bind?x=1&y=2' } },
    'https://bosh.example:5281/http-bind?x&#x3D;1&amp;y&#x3D;2',
    "'self' https://bosh.example:5281",
    'https://bosh.example:5281/http-bind?x&#x3D;1&amp;y&#x3D;2',
  ],
])('the page attaches at %s, and may connect nowhere else', async (_where, sent, url, connect, whole = bosh) => {
  const { text, headers } = await sendForm(sent)
  expect(text).toContain(`data-url="${url}"`)
  expect(text).toContain(`at the BOSH address <code>${whole}</code>`)
  expect(headers['content-security-policy']).toBe(policy(connect))
})

test('the page stays well-formed for any JID that the XMPP server binds', async () => {
  const jid = `a@chat.example/<b>&"'\u0001\ufffe\ud800]]>`
  const { text } = await sendForm({ bound: { jid } })
  expect(isXhtml(text)).toBe(true)
  expect(text).toContain('a@chat.example/&lt;b&gt;&amp;&quot;&#x27;\ufffd]]&gt;')
})

test('the admin form gets a redirect to a URL without a secret', async () => {
  const { reply, log } = await postForm({ settings: { externalUrl: 'https://web.example/chat' } })
  expect([reply.status, reply.text]).toEqual([303, ''])
  expect(reply.headers['location']).toBe(`/chat/warm/${binding.id}/binding`)
  expect(reply.headers['cache-control']).toBe('no-store')
  const [cookie] = reply.headers['set-cookie']!
  const attributes = `Path=/chat/warm/${binding.id}/binding; HttpOnly; SameSite=Strict; Max-Age=120; Secure`
  expect(cookie).toMatch(new RegExp(`^warm-binding=[\\w-]+; ${attributes}$`))
  for (const secret of [binding.sid, String(binding.rid)]) {
    expect(Buffer.from(cookie!.split(/[=;]/)[1]!, 'base64url').includes(secret)).toBe(false)
    expect(log()).not.toContain(secret)
  }
})

test('the values are shown to the same admin in the same browser only, and for a short time', async () => {
  let now = Date.now()
  const { show } = await postForm({ settings: { now: () => now } as object })
  const hidden = async (reply: ReturnType<typeof show>) => {
    const { status, text } = await reply
    expect([status, text.includes(binding.sid)]).toEqual([410, false])
    expect(text).toContain('<title>The values are no longer shown · Warm Bindings</title>')
  }
  await hidden(show({}, portal))
  await hidden(show({ Cookie: '' }))
  await hidden(show({ Cookie: 'warm-binding=AQ' }))
  const other = await postForm()
  expect((await show({ Cookie: `warm-binding=AQ; ${cookieOf(other.reply)}` })).status).toBe(200)
  now += 120_000
  await hidden(show())
})

test.each([
  ['held', 'The values are used up'],
  [undefined, 'The session has ended'],
] as const)('the headline of the page depends on the session: %s', async (state, title) => {
  const { show, sessions } = await postForm()
  if (state === undefined) sessions.views.clear()
  else sessions.views.set(binding.id, { ...sessions.views.get(binding.id)!, state })
  const { status, text } = await show()
  expect([status, text.includes(binding.sid), isXhtml(text)]).toEqual([410, false, true])
  expect(text).toContain(`aria-level="1" data-state="over"><p>${title}</p>`)
})

test('a token for WebSocket is shown with its URL', async () => {
  const { text } = await sendForm({ bound: { token: 'one-time-token' } })
  expect(text).toContain('<dt class="token">WebSocket token</dt><dd class="token">one-time-token</dd>')
  expect(text).toContain('<code>wss://web.example/xmpp-websocket/warm</code>')
})

test('values that are too long for a cookie are shown at once, without a redirect', async () => {
  const { reply } = await postForm({ bound: { jid: `a@chat.example/${'x'.repeat(3000)}` } })
  expect(reply.status).toBe(200)
  expect(reply.text).toContain(binding.sid)
})

test('only processes with the same admins show the values', async () => {
  const { reply, sessions } = await postForm()
  const showAt = (app: Express) => asAdmin(app).get(reply.headers['location']!).set('Cookie', cookieOf(reply))
  expect((await showAt(fakeService({ sessions }).app)).text).toContain(binding.sid)
  const formTokens = createFormTokens(
    secretKeys(() => undefined),
    Date.now,
  )
  const { status, text } = await showAt(fakeService({ sessions, formTokens }).app)
  expect([status, text.includes(binding.sid)]).toEqual([410, false])
})
