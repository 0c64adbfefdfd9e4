import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { createDemoRouter } from '../../../src/command/demo/router.js'
import { isXhtml } from '../../support/xhtml.js'
import { binding, config, credentials, fakeService } from '../../warm/fake-login.js'
import { FakeSessions } from '../../warm/fake-sessions.js'

function demo() {
  const settings = { externalUrl: undefined, domains: ['localhost'] }
  const passwords = { alice: 'demo', bob: 'demo' }
  const router = createDemoRouter({ ...config, ...settings }, credentials.join(':'), passwords)
  const sessions = new FakeSessions()
  return { sessions, ...fakeService({ ...settings, sessions, routers: () => [router] }) }
}

const own = { Host: '127.0.0.1:8080', Origin: 'http://127.0.0.1:8080', 'Sec-Fetch-Site': 'same-origin' }

const warm = (app = demo().app, headers: Record<string, string> = own) =>
  request(app).post('/demo/warm').set(headers).send({ account: 'alice' })

describe('the demo page', () => {
  test('is well-formed, with only its own scripts and styles, which are served', async () => {
    const { app } = demo()
    const page = await request(app).get('/demo').set('Host', 'localhost:8080')
    expect(page.status).toBe(200)
    expect(page.headers['content-security-policy']).toBe(
      "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'; script-src 'self'; " +
        "connect-src 'self'; img-src 'self'",
    )
    expect(isXhtml(page.text)).toBe(true)
    expect(page.text).not.toMatch(/<style| style=| on\w+=|<script[^>]*>[^<]/)
    expect(page.text).toContain('id="alice"')
    const paths = [...page.text.matchAll(/(?:src|href)="(\/assets[^"]+)"/g)].map(match => match[1]!)
    expect(paths).toContain('/assets/strophe.js')
    for (const path of paths) expect((await request(app).get(path)).status).toBe(200)
  })

  test.each([
    { Host: 'evil.example' },
    { Host: 'localhost.evil.example:8080' },
    { Host: 'localhost', 'Sec-Fetch-Site': 'cross-site' },
  ])('is refused with the headers %j', async headers => {
    expect((await request(demo().app).get('/demo').set(headers)).status).toBe(403)
  })
})

describe('a login from the demo page', () => {
  test('logs the chosen account in and returns the session', async () => {
    const { app, logins } = demo()
    const reply = await warm(app)
    expect([reply.status, reply.type]).toEqual([200, 'application/json'])
    expect(reply.body).toMatchObject({ jid: binding.jid, sid: binding.sid, rid: binding.rid })
    expect(reply.body.url).toBe('http://127.0.0.1:8080/http-bind')
    expect(reply.text).not.toContain('demo')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(logins).toMatchObject([
      { jid: { local: 'alice', domain: 'localhost' }, credentials: { kind: 'password', password: 'demo' } },
    ])
  })

  test('resumes the session of its tab, and of no other tab or account', async () => {
    const { app, logins, sessions } = demo()
    const tab = 'a'.repeat(32)
    const user = 'alice@localhost'
    const { id } = sessions.add(1, { jid: `${user}/x`, tab: { admin: credentials[0], visit: 'demo', user, tab } })
    const call = async (fields: object) => (await request(app).post('/demo/warm').set(own).send(fields)).body
    expect(await call({ account: 'alice', tab })).toMatchObject({ id, jid: `${user}/x`, resumed: true })
    expect(logins).toEqual([])
    for (const other of [
      { account: 'alice', tab: 'b'.repeat(32) },
      { account: 'bob', tab },
      { account: 'alice', tab: '' },
      { account: 'alice' },
    ])
      expect(await call(other)).toMatchObject({ id: binding.id, resumed: false })
    expect(logins.map(({ tab }) => tab?.tab)).toEqual(['b'.repeat(32), tab, undefined, undefined])
  })

  test.each([
    ['from another site', { ...own, Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }],
    [
      'from a page whose DNS name points to this machine',
      { ...own, Host: 'evil.example:8080', Origin: 'http://evil.example:8080' },
    ],
    ['from a page with the origin null', { ...own, Origin: 'null' }],
    ['without an origin', { Host: own.Host }],
  ])('is refused %s', async (_what, headers) => {
    const { app, logins } = demo()
    const reply = await warm(app, headers)
    expect([reply.status, reply.body.code]).toEqual([403, 'cross-site-request'])
    expect(logins).toEqual([])
  })

  test('accepts only JSON', async () => {
    for (const type of ['form', 'text/plain']) {
      const reply = await request(demo().app).post('/demo/warm').set(own).type(type).send('account=alice')
      expect(reply.status).toBe(415)
    }
    expect((await request(demo().app).post('/demo/warm').set(own).type('json').send('{')).status).toBe(400)
  })

  test.each(['eve', '__proto__', 5])('rejects the account %j', async account => {
    const reply = await request(demo().app).post('/demo/warm').set(own).send({ account })
    expect([reply.status, reply.body.code]).toEqual([400, 'invalid-parameter'])
  })
})
