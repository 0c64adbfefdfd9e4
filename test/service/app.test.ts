import { describe, expect, test } from '@jest/globals'
import type { Express } from 'express'
import request from 'supertest'
import { documents } from '../../src/http/answers/documents.js'
import type { Logins } from '../../src/warm/warming/session-login.js'
import { isXhtml } from '../support/xhtml.js'
import { asAdmin, config, credentials, failing, fakeService, parameters, warmByForm } from '../warm/fake-login.js'

describe('the pages of the service', () => {
  test.each([
    ['/', 200],
    ['/warm', 200],
    ['/nowhere', 404],
  ])(
    'at %s are well-formed XHTML, without scripts, under a content type that the browser accepts',
    async (path, status) => {
      const get = () => asAdmin(fakeService().app).get(path)
      const html = await get()
      const xhtml = await get().set('Accept', 'text/html,application/xhtml+xml,*/*;q=0.8')
      expect([html.status, xhtml.status]).toEqual([status, status])
      const { headers, text } = html
      expect(headers['content-type']).toBe('text/html; charset=utf-8')
      expect(xhtml.headers['content-type']).toBe('application/xhtml+xml; charset=utf-8')
      expect(isXhtml(text)).toBe(true)
      // They allow no script, no frame, and only styles and pictures of the service.
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'; img-src 'self'",
      )
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
      expect(headers).not.toHaveProperty('x-powered-by')
      expect(text).not.toMatch(/<script|<style| style=| on\w+=/)
    },
  )

  test('that fail to render are an empty 500 without a reason', async () => {
    const service = failing(new TypeError('Pa55-of-alice'))
    const { counts, lines } = service
    Object.defineProperty(counts, 'faults', {
      get: () => 0,
      set() {
        throw new RangeError('Pa55-of-alice')
      },
    })
    const { status, text } = await warmByForm({ jid: 'a@chat.example', password: 'x' }, service)
    expect({ status, text }).toEqual({ status: 500, text: '' })
    expect(lines().filter(({ msg }) => msg === 'failed')).toMatchObject([{ error: 'RangeError' }])
    expect(JSON.stringify(lines())).not.toContain('Pa55')
  })

  test('link their files below the public path', async () => {
    const { app } = fakeService({ externalUrl: 'https://web.example/chat' })
    for (const path of ['/', '/warm', '/nowhere']) {
      const { text } = await asAdmin(app).get(path)
      const addresses = [...text.matchAll(/(?:href|src|action)="([^"]+)"/g)].map(match => match[1]!)
      expect(addresses).toContain('/chat/assets/style.css')
      expect(addresses.filter(address => !address.startsWith('/chat/'))).toEqual(['#main'])
    }
  })

  test.each([
    ['style.css', 'text/css'],
    ['icon.svg', 'image/svg+xml'],
    ['strophe.js', 'text/javascript'],
  ])('may load %s', async (name, type) => {
    const reply = await request(fakeService().app).get(`/assets/${name}`)
    expect([reply.status, reply.type]).toEqual([200, type])
    expect(reply.headers['cache-control']).toBe('public, max-age=3600')
  })

  test.each(['', '%ff', '..%2fpackage.json', 'strophe.umd.min.js'])('return 404 for /assets/%s', async name => {
    expect((await request(fakeService().app).get(`/assets/${name}`)).status).toBe(404)
  })

  test.each([
    ...['/nothing', '/warm/nothing', '/%', '/%ff'],
    ...['/assets/../package.json', '/assets/%2e%2e/package.json', '/assets/%00'],
  ])('are none at %s: 400, 401, 404 or 405, without a stack trace', async path => {
    for (const method of ['get', 'post'] as const) {
      const { status, text } = await request(fakeService().app)[method](path).set('Accept', 'application/json')
      // Ids of sessions are for admins.
      expect([400, path === '/warm/nothing' ? 401 : 404, ...(method === 'get' ? [] : [405])]).toContain(status)
      expect(text).not.toMatch(/\n\s+at |node_modules|node:internal|\.[jt]s:\d/)
    }
  })

  test.each(['/', '/openapi.json', '/assets/style.css', '/assets/none', '/.well-known/host-meta'])(
    'at %s allow only GET and HEAD',
    async path => {
      for (const method of ['post', 'put', 'delete'] as const) {
        const { status, headers, body } = await request(fakeService().app)
          [method](path)
          .set('Accept', 'application/json')
        expect([status, headers['allow'], body.code]).toEqual([405, 'GET, HEAD', 'method-not-allowed'])
      }
    },
  )

  test.each(['/WARM', '/warm/SESSIONS', '/Assets/style.css', '/OpenAPI.json', '/.Well-Known/host-meta'])(
    'are not found at %s, because paths are case-sensitive',
    async path => {
      for (const method of ['get', 'delete'] as const) {
        const { status } = await request(fakeService().app)
          [method](path)
          .auth(...credentials)
        expect(status).toBe(404)
      }
    },
  )

  test('begin with a front page that links to the other pages only', async () => {
    const links = async (app: Express) =>
      Array.from((await request(app).get('/')).text.split('id="main"')[1]!.matchAll(/<li><a href="([^"]+)">/g)).map(
        ([, href]) => href,
      )
    const docs = (path: string) => (documents.size === 0 ? [] : [`${path}/docs/`])
    expect(await links(fakeService({ warmPath: '/w' }).app)).toEqual([
      ...['/w', '/w/sessions', '/w/numbers', '/w/failures', '/w/audit'],
      ...docs('/w'),
    ])
    const { app } = fakeService({ warm: { ...config.warm, enabled: false, hasPages: false } })
    expect(await links(app)).toEqual([])
    expect((await links(fakeService({ demoPath: '/demo' }).app))[0]).toBe('/demo')
  })
})

describe('a warm API that is off', () => {
  const { app } = fakeService({ warmPath: '/w', warm: { ...config.warm, enabled: false, hasPages: false } })

  test.each([
    ['/w', true],
    ['/w/sessions', true],
    ['/warm', false],
  ])('is named as the reason for 404 at %s: %s', async (path, isNamed) => {
    const { status, body } = await request(app).post(path).set('Accept', 'application/json')
    expect([status, body.code]).toEqual([404, 'not-found'])
    const why = 'The warm API and the pages for admins are off here: see WARM_ENABLED and HTTP_HOSTS.'
    expect(body.detail.includes(why)).toBe(isNamed)
  })
})

describe('an error page', () => {
  const browser = { Origin: 'https://web.example', Host: 'web.example', 'Sec-Fetch-Site': 'same-origin' }
  const send = (headers: Record<string, string>, login?: Logins['login'], body = parameters) =>
    asAdmin(fakeService({ externalUrl: 'https://web.example/chat', ...(login && { login }) }).app)
      .post('/warm')
      .type('form')
      .set(headers)
      .send(body)

  test('contains the error, its reason, and its id in the log', async () => {
    const { text, headers } = await request(fakeService().app).get('/nowhere')
    expect(text).toContain('<title>Not Found · Warm Bindings</title>')
    expect(text).toContain('<p>Not Found</p>')
    expect(text).toContain('<h1 class="outcome">There is nothing at this address</h1>')
    expect(text).toContain('<dd class="advice">Check the address, or start at the front page.</dd>')
    expect(text).toContain('<dd class="code">not-found</dd>')
    expect(text).toContain(`<dd class="code">${headers['x-request-id']}</dd>`)
    expect(text).toContain('<a class="sign-in" href="/warm">Admin</a>')
    expect(text).not.toContain('href="/warm/sessions"')
    expect(text).not.toContain('Back to the form')
  })

  test('links back to the form, to all sessions or to the session, depending on the error', async () => {
    const { text } = await send(browser)
    expect(text).toContain('<a href="/chat/warm">Back to the form</a>')
    expect(text).toContain('<dd class="code">cross-site-request</dd>')
    const pageAt = async (path: string) => (await asAdmin(fakeService().app).get(path).set('Accept', 'text/html')).text
    const session = `/warm/${'0'.repeat(32)}`
    const unknown = await pageAt(session)
    expect(unknown).toContain('<dd class="code">session-not-found</dd>')
    expect(unknown).toContain('<a href="/warm/sessions">All sessions</a>')
    const ofPrograms = await pageAt(`${session}/resume`)
    expect(ofPrograms).toContain('<h1 class="outcome">This address is for programs</h1>')
    expect(ofPrograms).toContain(`<a href="${session}">The session</a>`)
  })

  test('for missing credentials only asks to sign in', async () => {
    const { text, headers } = await request(fakeService().app).get('/warm')
    expect(text).toContain('<title>Unauthorized · Warm Bindings</title>')
    expect(text.match(/<p\b.*?<\/p>/g)).toEqual(['<p>Unauthorized</p>'])
    expect(text).toContain('<h1 class="outcome">Sign in</h1>')
    expect(text).toContain('<a class="button" href="/warm">Sign in</a>')
    expect(text).not.toContain(headers['x-request-id'])
  })
})
