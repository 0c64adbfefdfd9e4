import { expect, test } from '@jest/globals'
import request from 'supertest'
import { isXhtml } from '../support/xhtml.js'
import { asAdmin, credentials, fakeService } from './fake-login.js'

const signOut = (headers: Record<string, string>) =>
  asAdmin(fakeService({ externalUrl: 'https://web.example/chat' }).app)
    .get('/warm/sign-out')
    .set(headers)

const firefoxName = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'
const chromeName = 'Mozilla/5.0 AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36'

test('a browser that signs out gets 401, so that it drops the credentials', async () => {
  const firefox = await signOut({ 'User-Agent': firefoxName })
  expect([firefox.status, firefox.headers['cache-control']]).toEqual([401, 'no-store'])
  expect(firefox.headers['www-authenticate']).toBe('Basic realm="HTTP Binding Warm", charset="UTF-8"')
  expect(firefox.text).toContain('<title>Signed out · Warm Bindings</title>')
  expect(firefox.text).toContain('<a href="/chat/warm">Sign in again</a>')
  expect(isXhtml(firefox.text)).toBe(true)
  // Chromium would ask for a password again.
  const chrome = await signOut({ 'User-Agent': chromeName })
  expect([chrome.status, chrome.headers['www-authenticate']]).toEqual([401, undefined])
})

test('a link from another site signs nobody out', async () => {
  const { status, text } = await signOut({ 'Sec-Fetch-Site': 'cross-site' })
  expect(status).toBe(403)
  expect(text).toContain('cross-site-request')
})

test('every page has the bar with the current page, and sign-out if the browser is signed in', async () => {
  const get = (path: string) => request(fakeService().app).get(path).set('Accept', 'text/html')
  const { text: home } = await get('/')
  expect(home).toContain('<a class="brand" href="/" aria-current="page">')
  expect(home).not.toMatch(/Sign out|class="bar"/)
  expect(home).toContain('<a class="sign-in" href="/warm">Admin</a>')
  const { text: form } = await get('/warm').auth(...credentials)
  expect(form).toContain('<a class="skip" href="#main">')
  expect(form).toContain('<a href="/warm" aria-current="page">Log a user in</a>')
  expect(form).toContain('<a href="/warm/sessions">Sessions</a>')
  expect(form).toContain('<a class="sign-out" href="/warm/sign-out">Sign out</a>')
  const { text: sessions } = await get('/warm/sessions').auth(...credentials)
  expect(sessions).toContain('<a href="/warm/sessions" aria-current="page">Sessions</a>')
})

test.each([
  ['get', '/warm/sessions', '/warm/sessions'],
  ['post', '/warm/sessions/end', '/warm'],
] as const)('a browser that is not signed in, and sends %s %s, is led to the page %s', async (method, path, back) => {
  const { status, text } = await request(fakeService().app)[method](path).set('Accept', 'text/html')
  expect([status, text]).toEqual([401, expect.stringContaining(` href="${back}">Sign in</a>`)])
})
