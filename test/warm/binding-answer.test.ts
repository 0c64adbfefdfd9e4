import { expect, test } from '@jest/globals'
import request from 'supertest'
import type { Config } from '../../src/config/config.js'
import type { Binding } from '../../src/warm/session-login.js'
import { isXhtml } from '../support/xhtml.js'
import { binding, credentials, fakeService, parameters } from './fake-login.js'

interface Sent {
  readonly settings?: Partial<Config>
  readonly bound?: Partial<Binding>
  readonly headers?: Readonly<Record<string, string>>
}

/** Fetches the form and sends it as a browser does. */
async function sendForm({ settings, bound, headers }: Sent = {}) {
  const { app } = fakeService({ ...settings, login: async () => ({ ...binding, ...bound }) })
  const form = await request(app)
    .get('/warm')
    .auth(...credentials)
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(form.text)![1]!
  return request(app)
    .post('/warm')
    .auth(...credentials)
    .type('form')
    .set({ Host: 'web.example', Origin: 'https://web.example', 'Sec-Fetch-Site': 'same-origin', ...headers })
    .send({ ...parameters, csrf_token })
}

const policy = (connect: string) =>
  "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'; script-src 'self'; " +
  `connect-src ${connect}; img-src 'self'`

test('our own form is answered with a page that has the values and can attach with them', async () => {
  const { status, headers, text } = await sendForm()
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
  expect(text).toContain('<title>Logged in</title>')
  expect(text.match(/<p>.*?<\/p>/g)).toEqual(['<p>Logged in</p>'])
  expect(text.match(/<dl\b.*?<\/dl>/gs)).toEqual([
    '<dl class="binding"><dt class="jid">JID</dt><dd class="jid">juliet@chat.example/balcony</dd>' +
      `<dt class="sid">SID</dt><dd class="sid">${binding.sid}</dd>` +
      '<dt class="rid">RID</dt><dd class="rid">4400120076</dd></dl>',
  ])
  expect(text).toContain('data-url="/http-bind" data-wait="60" data-hold="1" data-requests="2"')
  expect(text).toContain('within 120 seconds')
  expect(text).toContain('<noscript>')
  expect(text).not.toMatch(/<style| style=| on\w+=|<script[^>]*>[^<]/)
  expect(text).not.toContain(parameters.password)
})

test('the answer is XHTML for browsers that accept it, and JSON if that is asked for', async () => {
  const page = await sendForm({ headers: { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } })
  expect(page.headers['content-type']).toBe('application/xhtml+xml; charset=utf-8')
  const json = await sendForm({ headers: { Accept: 'application/json' } })
  expect(JSON.parse(json.text)).toMatchObject({ sid: binding.sid, url: 'https://web.example/http-bind' })
})

test('all its files and links are below the public path', async () => {
  const { text } = await sendForm({ settings: { externalUrl: 'https://web.example/chat' } })
  const addresses = [...text.matchAll(/(?:href|src|data-url)="([^"]+)"/g)].map(match => match[1]!)
  expect(addresses).toEqual([
    '/chat/assets/icon.svg',
    '/chat/assets/style.css',
    ...['#main', '/chat/', '/chat/warm', '/chat/warm/sessions', '/chat/warm/sign-out'],
    '/chat/http-bind',
    '/chat/warm',
    `/chat/warm/${binding.id}`,
    '/chat/warm/sessions',
    '/chat/assets/strophe.js',
    '/chat/assets/attach.js',
  ])
})

test.each<[string, Sent, string, string]>([
  ['its own host', { settings: { externalUrl: undefined } }, '/http-bind', "'self'"],
  [
    'the public address, if the page came from another',
    { headers: { Host: 'internal.example:8080', Origin: 'http://internal.example:8080' } },
    'https://web.example/http-bind',
    "'self' https://web.example",
  ],
  [
    'the endpoint that serves the session',
    { bound: { url: 'https://bosh.example:5281/http-bind?x=1&y=2' } },
    'https://bosh.example:5281/http-bind?x&#x3D;1&amp;y&#x3D;2',
    "'self' https://bosh.example:5281",
  ],
])('it attaches at %s, and may ask nowhere else', async (_where, sent, url, connect) => {
  const { text, headers } = await sendForm(sent)
  expect(text).toContain(`data-url="${url}"`)
  expect(headers['content-security-policy']).toBe(policy(connect))
})

test('the page stays well-formed for any JID that the XMPP server binds', async () => {
  const jid = `a@chat.example/<b>&"'\u0001\ufffe\ud800]]>`
  const { text } = await sendForm({ bound: { jid } })
  expect(isXhtml(text)).toBe(true)
  expect(text).toContain('a@chat.example/&lt;b&gt;&amp;&quot;&#x27;\ufffd]]&gt;')
})
