import { expect, test } from '@jest/globals'
import { isXhtml } from '../../support/xhtml.js'
import { parameters, warm } from '../fake-login.js'
import { portal, setUp } from '../sessions-stage.js'

const html = { Accept: 'text/html' }

test('the page has charts with a text, the capacity, and the sessions by state', async () => {
  const { sessions, service, get } = setUp()
  sessions.add(1, { state: 'held' })
  await warm(service).send(parameters)
  const { status, text, headers } = await get('/warm/numbers').set(html)
  expect([status, isXhtml(text)]).toEqual([200, true])
  expect(text).toContain('role="img" aria-label="Sessions, last hour. No values yet."')
  expect(text).toMatch(/<span class="what">Connections<\/span> <span class="amount"><b>3<\/b><\/span>/)
  expect(text).toContain('<b>20</b> of 1\u2009000 (2 %)')
  expect(text).toContain('<a href="/warm/sessions?state=held"><b>1</b> held</a>')
  expect(text).toMatch(/As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
  expect(text).not.toMatch(/style="|<script(?! type="text\/javascript" src="\/assets\/live.js")/)
  expect(headers['content-security-policy']).toContain("script-src 'self'; connect-src 'self'; img-src 'self'")
})

test('programs get JSON', async () => {
  const { service, get } = setUp()
  await warm(service).send(parameters)
  const { body } = await get('/warm/numbers')
  expect(body).toMatchObject({
    sessions: { held: 0, quiet: 0 },
    logins: { minutes: 15, done: 1, refused: 0, p50: expect.any(Number) },
    capacity: { descriptors: { used: 20, most: 1000 }, connections: { used: 3, most: null } },
  })
  expect(body.last_hour.sessions).toHaveLength(60)
  expect(body).not.toHaveProperty('processes')
  expect((await get('/warm/numbers?sid=x')).status).toBe(400)
})

test('an admin of some domains gets the sessions of these alone', async () => {
  const { sessions, call } = setUp()
  sessions.add(1)
  sessions.add(2, { jid: 'juliet@other.chat.example/x', domain: 'other.chat.example' })
  const get = call('get', portal)
  expect((await get('/warm/numbers')).body).toMatchObject({ sessions: { quiet: 1 } })
  expect(Object.keys((await get('/warm/numbers')).body)).toEqual(['sessions'])
  const { text } = await get('/warm/numbers').set(html)
  expect(text).toContain('Charts and capacity are for admins of all domains.')
  expect(text).not.toMatch(/<svg|MiB/)
})

test('looking is logged, but is no part of the audit trail', async () => {
  const { service, get } = setUp()
  await get('/warm/numbers')
  expect(service.lines()).toMatchObject([{ msg: 'numbers', code: 'ok', admin: 'admin@host' }])
  expect(service.lines()[0]).not.toHaveProperty('audit')
})
