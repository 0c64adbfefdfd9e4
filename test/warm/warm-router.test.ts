import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { advice } from '../../src/http/answers/advice.js'
import { Problem, problems } from '../../src/lib/errors.js'
import { asAdmin, binding, config, failing, fakeService, parameters, warm, warmByForm } from './fake-login.js'
import { portal, refusalOf } from './sessions/sessions-stage.js'

describe('a warm call', () => {
  test('gets exactly the page of the documented example', async () => {
    const reply = await warm().type('form').send(parameters)
    expect(reply.status).toBe(200)
    expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(reply.text.trimEnd()).toBe(
      '<?xml version="1.0" encoding="utf-8"?>\n' +
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n' +
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><head><title>Success</title></head><body><p>Success</p><dl class="binding">' +
        '<dt class="jid">JID</dt><dd class="jid">juliet@chat.example/balcony</dd>' +
        `<dt class="sid">SID</dt><dd class="sid">${binding.sid}</dd>` +
        '<dt class="rid">RID</dt><dd class="rid">4400120076</dd></dl></body></html>',
    )
  })

  test('gets JSON with all values of a BOSH session creation', async () => {
    const reply = await warm().set('Accept', 'application/json').type('form').send(parameters)
    expect(reply.type).toBe('application/json')
    expect(reply.text).toBe(
      `{"jid":"juliet@chat.example/balcony","sid":"${binding.sid}","rid":4400120076,"id":"${binding.id}",` +
        '"wait":60,"hold":1,"requests":2,"inactivity":150,"polling":5,"maxpause":300,"ver":"1.6",' +
        '"url":"https://web.example/http-bind","expires_in":120,"csi":true,"link_state":true,"resumed":false}',
    )
  })

  test('gets JSON with the cookie and the URL that the page needs', async () => {
    const cookie = { name: 'wb-1', value: 'c00kie-value', attributes: 'HttpOnly; SameSite=Lax' }
    const url = 'https://elsewhere.example/http-bind'
    const service = fakeService({ login: async () => ({ ...binding, cookie, url }) })
    const reply = await warm(service).send({ ...parameters, attach_binding: 'reply' })
    expect(reply.body).toMatchObject({ cookie, url })
    expect(service.log()).not.toContain('c00kie-value')
    const page = await warmByForm({ ...parameters, attach_binding: 'reply' }, service)
    expect(page.text).not.toContain('c00kie-value')
    // A page cannot show the cookie, so the BOSH endpoint sets it.
    expect(service.logins.map(({ attachBinding }) => attachBinding)).toEqual(['reply', 'cookie'])
  })

  test('is passed to the login with all its parameters', async () => {
    const service = fakeService()
    const reply = await warmByForm({ ...parameters, lang: 'de', wait: '300', hold: '5', ver: '1.10' }, service)
    expect(service.logins).toEqual([
      {
        jid: { local: 'juliet', domain: 'chat.example', resource: 'balcony' },
        credentials: { kind: 'password', password: parameters.password },
        attachBinding: 'off',
        ...{ language: 'de', wait: 60, hold: 1, ver: '1.10', attachSeconds: 120 },
        ids: { requestId: reply.headers['x-request-id'] },
        openedBy: { admin: 'admin@host', isPage: false },
        guestAddress: undefined,
        isRefusalCounted: false,
      },
    ])
  })

  test('has a URL with the requested host if that is known and EXTERNAL_URL is not set', async () => {
    const http = { ...config.http, names: ['chat.lan'] }
    const at = async (assumeSecure: boolean) => {
      const service = fakeService({ externalUrl: undefined, assumeSecure, http })
      return (await warm(service).set('Host', 'chat.lan').send(parameters)).body.url
    }
    expect(await at(false)).toBe('http://chat.lan/http-bind')
    expect(await at(true)).toBe('https://chat.lan/http-bind')
  })

  test('ignores parameters in the query string', async () => {
    const reply = await asAdmin(fakeService().app).post('/warm?jid=juliet@chat.example&password=x')
    expect(reply.status).toBe(400)
  })

  describe('by each kind of login', () => {
    const service = (domains = config.domains) =>
      fakeService({
        serviceAccounts: new Map([['*', { user: 'bot', password: 'secret-of-bot' }]]),
        domains,
        warm: { ...config.warm, anonymous: true },
      })
    const ways = (domain: string) => [
      { jid: `juliet@${domain}` },
      { authzid: `juliet@${domain}` },
      { jid: `romeo@${domain}`, password: 'x', authzid: `juliet@${domain}` },
      { jid: `juliet@${domain}`, token: 'x' },
      { jid: domain },
      { jid: `juliet@${domain}`, password: 'x' },
    ]

    test.each(ways('other.example'))('is rejected for admins of other domains: %j', async body => {
      const { app, logins } = service(['*'])
      expect(await refusalOf(asAdmin(app, portal).post('/warm').send(body))).toEqual([403, 'forbidden'])
      expect(logins).toHaveLength(0)
    })

    test.each(ways('evil.example'))('is rejected for a domain that is not allowed: %j', async body => {
      const narrow = service()
      expect(await refusalOf(warm(narrow).send(body))).toEqual([403, 'domain-not-allowed'])
      expect(narrow.logins).toHaveLength(0)
    })
  })

  test.each([
    ['Bad Request', 400, { jid: 'juliet@chat.example' }, 'missing-parameter', 'password'],
    ['Bad Request', 400, { ...parameters, wait: 'x' }, 'invalid-parameter', 'wait'],
    ['Bad Request', 400, { ...parameters, jid: 'juliet' }, 'invalid-jid', 'JID'],
  ])('with a mistake gets %s, %i, with the reason', async (title, status, body, code, word) => {
    const page = await warm().type('form').send(body)
    expect(page.status).toBe(status)
    expect(page.text).toContain(`<title>${title} · Warm Bindings</title>`)
    expect(page.text.match(/<p>.*<\/p>/g)).toEqual([`<p>${title}</p>`])
    expect(page.text).toContain(`<dd class="code">${code}</dd>`)
    const json = JSON.parse((await warm().send(body)).text)
    expect(json).toMatchObject({ type: 'about:blank', title, status, code })
    expect(json.detail).toContain(word)
  })

  test.each([
    ['p@ssw0rd-of-alice@chat.example', 'second-at'],
    ['Pa55"w0rd@chat.example', 'character-in-local'],
    ['secr3t-of-alice', 'no-at'],
    ['@Pa55w0rd', 'empty-local'],
  ])('with a misplaced password as jid logs only the kind of its mistake: %s', async (jid, cause) => {
    const service = fakeService()
    expect((await warm(service).send({ ...parameters, jid })).body.code).toBe('invalid-jid')
    expect(service.log()).toContain(`"cause":"${cause}"`)
    for (const part of ['w0rd', 'secr3t', '\\"', 'U+0022']) expect(service.log()).not.toContain(part)
  })

  test('with another content type or compression gets 415, and 413 if it is too long', async () => {
    expect((await warm().type('text/plain').send('x')).status).toBe(415)
    const zipped = await warm().type('form').set('Content-Encoding', 'gzip').send('x')
    expect(zipped.status).toBe(415)
    expect((await warm().type('form').set('Content-Encoding', 'identity').send(parameters)).status).toBe(200)
    const long = 'x'.repeat(16_385)
    expect((await warm().type('form').send(long)).status).toBe(413)
    const chunked = warm().type('form').set('Transfer-Encoding', 'chunked')
    chunked.write(long)
    expect((await chunked).status).toBe(413)
    expect((await warm().type('form').send('x'.repeat(16_384))).status).toBe(400)
  })
})

test.each([
  ['not-authorized', 403, 'Forbidden'],
  ['service-full', 503, 'Service Unavailable'],
] as const)('a warm call whose login fails with %s gets %i %s', async (code, status, title) => {
  const problem = new Problem(code, { step: 'sasl', condition: 'policy-violation' })
  const page = await warm(failing(problem)).type('form').send(parameters)
  expect(page.status).toBe(status)
  expect(page.text).toContain(`<title>${title} · Warm Bindings</title>`)
  const [headline] = problem.message.replaceAll("'", '&#x27;').split(/[:.]/)
  expect(page.text).toContain(`<h1 class="outcome">${headline}</h1>`)
  expect(page.text).toContain(`<dd class="code">${code}</dd>`)
  expect(page.text.includes('<dd class="retry">')).toBe(problems[code].retry)
  const reply = await warm(failing(problem)).send(parameters)
  const instance = `urn:uuid:${reply.headers['x-request-id']}`
  const login = { code, step: 'sasl', condition: 'policy-violation' }
  const about = { type: 'about:blank', title, status, detail: problem.message, instance }
  expect(JSON.parse(reply.text)).toEqual({ ...about, ...login, advice: advice[code], retry: problems[code].retry })
})

test('the replies to warm calls must not be cached, interpreted differently or read by another site', async () => {
  const service = fakeService()
  const replies = [
    await warm(service).send(parameters),
    await warm(service).send({}),
    await asAdmin(service.app).get('/warm'),
    await request(service.app).post('/warm'),
  ]
  for (const { headers } of replies) {
    expect(headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache', vary: 'Accept' })
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect(headers).not.toHaveProperty('etag')
  }
  const policies = replies.map(({ headers }) => headers['referrer-policy'])
  expect(policies).toEqual(['no-referrer', 'no-referrer', 'same-origin', 'no-referrer'])
})
