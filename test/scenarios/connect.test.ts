// Pages log their users in with a token of the portal, without a call of its backend.
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { callConnect, type PageCall, problemOf } from '../support/page-call.js'
import { pageSecret, pageToken } from '../support/page-token.js'
import { counted } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { testFolder } from '../support/test-folder.js'

const certificate = makeCertificate(['DNS:chat.example'])
const portal = 'https://portal.example'
const alice = 'alice@chat.example'

const { file } = testFolder()
const secrets = file('secrets', `${pageSecret}\n`)

const usual = {
  PAGE_ORIGINS: portal,
  PAGE_TOKEN_SECRET_FILE: secrets,
  PAGE_TOKEN_AUDIENCE: 'chat',
  PAGE_TOKEN_JID: '{sub}@chat.example',
  XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal',
}

let server: LoginServer
let service: WatchedService

async function start(environment: Record<string, string> = {}): Promise<void> {
  service = await startWatchedService([server], { ...usual, ...environment })
}

beforeEach(async () => {
  server = await startLoginServer({
    ...{ domain: 'chat.example', certificate, mechanisms: ['SCRAM-SHA-256', 'PLAIN', 'OAUTHBEARER'] },
    accounts: { alice: 'Pa55-of-alice', bob: 'Pa55-of-bob', portal: 'Pa55-of-portal' },
    actors: ['portal'],
  })
})

afterEach(async () => {
  for (const { jid } of await sessions()) await callSessions(service.url, 'DELETE', `/sessions?jid=${bare(jid)}`)
  await service.emptied()
  expect(server.complaints).toEqual([])
  await service.stop()
  await server.stop()
})

const sessions = async (): Promise<{ id: string; jid: string }[]> =>
  (await callSessions(service.url, 'GET', '/sessions')).json.sessions
const bare = (jid: string) => jid.split('/')[0]!
const logged = (msg: string) => service.lines.map(line => JSON.parse(line)).filter(line => line.msg === msg)

function bindingOf({ status, text }: HttpAnswer) {
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  return JSON.parse(text)
}

/** Calls as a page of the portal does. */
const connect = (page: PageCall = {}) => callConnect(service.url, portal, { token: pageToken({}), ...page })

describe('a page with a token', () => {
  test('gets a session that it can use, and no value of a cookie with ATTACH_BINDING=reply', async () => {
    await start({ ATTACH_BINDING: 'reply' })
    const reply = await connect({ body: '{"tab":"t1"}' })
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({
      'access-control-allow-origin': portal,
      'cache-control': 'no-store',
      vary: expect.stringContaining('Origin'),
    })
    expect(reply.headers).not.toHaveProperty('access-control-allow-credentials')
    const binding = JSON.parse(reply.text)
    expect(binding.jid).toMatch(/^alice@chat\.example\//)
    expect(binding).not.toHaveProperty('cookie')
    const client = new BoshClient(`${service.url}/http-bind`, binding)
    expect(attribute(await client.terminate(), 'type')).toBe('terminate')
    client.close()
    expect(server.last).toMatchObject({ user: 'portal' })
    expect(logged('connect')).toMatchObject([
      { part: 'warm', admin: ':pages', jid: alice, login: 'service', code: 'ok' },
    ])
    const all = service.lines.join('\n')
    for (const hidden of [pageSecret, pageToken({}).split('.')[1]!, binding.sid]) expect(all).not.toContain(hidden)
  })

  test('is accepted only from PAGE_ORIGINS, by preflight and by call', async () => {
    await start()
    const preflight = (origin: string) => connect({ method: 'OPTIONS', token: '', headers: { Origin: origin } })
    const allowed = await preflight(portal)
    expect(allowed.status).toBe(204)
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': portal,
      'access-control-allow-methods': expect.stringContaining('POST'),
      'access-control-allow-headers': 'Authorization, Content-Type',
      'access-control-max-age': '7200',
    })
    for (const origin of ['https://evil.example', 'null', `${portal}.evil.example`, 'http://portal.example']) {
      for (const method of ['OPTIONS', 'POST', 'DELETE']) {
        const answer = await connect({ method, headers: { Origin: origin } })
        expect(problemOf(answer)).toEqual([403, 'cross-site-request'])
        expect(Object.keys(answer.headers).filter(name => name.startsWith('access-control'))).toEqual([])
      }
    }
    expect(server.connections).toHaveLength(0)
    expect(service.lines.join()).toContain('PAGE_ORIGINS does not list https://evil.example.')
    expect((await connect({ headers: { Origin: '' } })).status).toBe(403)
  })

  test('can read its error, which is counted, and no server is contacted', async () => {
    await start({ METRICS_ADDRESS: '127.0.0.1:0' })
    const expired = await connect({ token: pageToken({ exp: 1 }) })
    expect(problemOf(expired)).toEqual([401, 'invalid-token'])
    expect(expired.headers).toMatchObject({
      'www-authenticate': 'Bearer error="invalid_token"',
      'content-type': 'application/problem+json; charset=utf-8',
      'access-control-allow-origin': portal,
      'access-control-expose-headers': 'Retry-After, WWW-Authenticate, X-Request-Id',
    })
    expect(JSON.parse(expired.text).detail).toContain('It has expired.')
    for (const sub of ['portal', 'PORTAL']) {
      const ofService = await connect({ token: pageToken({ sub }) })
      expect(problemOf(ofService)).toEqual([401, 'invalid-token'])
      expect(JSON.parse(ofService.text).detail).toMatch(/no user the name of this account|capital letters/)
    }
    const missing = await connect({ token: '' })
    expect([problemOf(missing), missing.headers['www-authenticate']]).toEqual([[401, 'invalid-token'], 'Bearer'])
    const basic = await connect({ token: '', headers: { Authorization: 'Basic cG9ydGFsOng=' } })
    expect(problemOf(basic)).toEqual([401, 'invalid-token'])
    expect(problemOf(await connect({ method: 'GET', body: '' }))).toEqual([405, 'method-not-allowed'])
    const look = await connect({ method: 'GET', headers: { Accept: 'text/html' } })
    expect([look.status, look.headers.allow]).toEqual([405, 'POST, DELETE, OPTIONS'])
    expect(look.text).toContain('<h1>Login address for pages</h1>')
    for (const body of ['{"tab":7}', '{"tab":"t","jid":"bob@chat.example"}'])
      expect(problemOf(await connect({ body }))).toEqual([400, 'invalid-parameter'])
    expect(problemOf(await connect({ body: '{' }))).toEqual([400, 'invalid-body'])
    expect(problemOf(await connect({ body: ' '.repeat(20_000) }))).toEqual([413, 'body-too-large'])
    expect(await counted(service.service.metricsUrl, 'api_calls_total')).toEqual({
      ...{ 'call="connect",code="invalid-token"': 5, 'call="connect",code="method-not-allowed"': 1 },
      ...{ 'call="connect",code="invalid-parameter"': 2, 'call="connect",code="invalid-body"': 1 },
      'call="connect",code="body-too-large"': 1,
    })
    expect(server.connections).toHaveLength(0)
  })

  test('is limited by address before its token is checked, and by user', async () => {
    await start({ RATE_SESSIONS_PER_ADDRESS: '1', TRUSTED_PROXIES: '127.0.0.0/8', RATE_WARMS_PER_JID: '1' })
    const from = (address: string, token = pageToken({})) => connect({ token, headers: { 'X-Forwarded-For': address } })
    const wrong = await Promise.all(Array.from({ length: 5 }, () => from('192.0.2.1', 'a.b.c')))
    expect(wrong.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401])
    const late = await from('192.0.2.1')
    expect([...problemOf(late), late.headers['retry-after']]).toEqual([429, 'too-many-requests', '5'])
    expect((await from('192.0.2.2')).status).toBe(200)
    const again = await from('192.0.2.3')
    expect(problemOf(again)).toEqual([429, 'too-many-requests'])
    expect(JSON.parse(again.text).detail).toContain('Limit: RATE_WARMS_PER_JID.')
  })

  test.each([
    [{ BOSH_ALLOW: 'any,!192.0.2.0/24', WEBSOCKET_ALLOW: 'any,!192.0.2.0/25' }, [403, 200, 200]],
    [{ BOSH_ALLOW: 'any,!192.0.2.0/24' }, [200, 200, 200]],
    [{ BOSH_ALLOW: 'any,!192.0.2.0/24', WEBSOCKET_ENABLED: 'off' }, [403, 403, 200]],
    [{ BOSH_ENABLED: 'off', BOSH_ALLOW: 'none', WEBSOCKET_ALLOW: '192.0.2.0/24, loopback' }, [200, 200, 403]],
  ])('can call only from an address that may use a transport: %j', async (lists, statuses) => {
    await start({ TRUSTED_PROXIES: '127.0.0.0/8', ...lists })
    const answers: HttpAnswer[] = []
    for (const address of ['192.0.2.1', '192.0.2.129', '198.51.100.1'])
      answers.push(await connect({ headers: { 'X-Forwarded-For': address } }))
    expect(answers.map(({ status }) => status)).toEqual(statuses)
    for (const answer of answers.filter(({ status }) => status === 403)) {
      expect(problemOf(answer)).toEqual([403, 'address-forbidden'])
      expect(answer.headers['access-control-allow-origin']).toBe(portal)
    }
  })

  test('is limited to the domains of PAGE_ADMIN', async () => {
    const admins = file('admins', 'elsewhere:a-long-enough-secret:elsewhere.example\n')
    await start({ ADMIN_USERS_FILE: admins, PAGE_ADMIN: 'elsewhere' })
    expect(problemOf(await connect())).toEqual([403, 'forbidden'])
    expect(server.connections).toHaveLength(0)
  })
})

describe('a page with a visit', () => {
  const bind = async (page: PageCall) => bindingOf(await connect(page))
  const at = (tab: string, claims: object = { visit: 'v1' }) => ({ token: pageToken(claims), tab })

  test('gets the session of its tab again, and other pages do not, and ends only its own sessions', async () => {
    await start()
    const first = await bind(at('t1'))
    expect(await bind(at('t1'))).toMatchObject({ id: first.id, jid: first.jid, resumed: true })
    expect(server.connections).toHaveLength(1)
    const others = [at('t2'), at('t1', { visit: 'v2' }), at('t1', { visit: 'v1', sub: 'bob' }), at('t1', {})]
    const ids: string[] = []
    for (const page of others) {
      const { id, resumed } = await bind(page)
      expect([id === first.id, resumed]).toEqual([false, false])
      ids.push(id)
    }
    expect(server.connections).toHaveLength(5)

    const end = (claims: object) => connect({ method: 'DELETE', token: pageToken(claims) })
    const { status, text, headers } = await end({ visit: 'v1' })
    expect([status, JSON.parse(text)]).toEqual([200, { ended: 2 }])
    expect(headers['access-control-allow-origin']).toBe(portal)
    expect((await sessions()).map(({ id }) => id).sort()).toEqual(ids.slice(1).sort())
    expect(problemOf(await end({}))).toEqual([401, 'invalid-token'])
    expect(problemOf(await end({ visit: 'v1', aud: 'x' }))).toEqual([401, 'invalid-token'])
  })

  test('ends although its backend signs out many users, and others behind its address send wrong tokens', async () => {
    await start({ RATE_SESSIONS_PER_ADDRESS: '1', TRUSTED_PROXIES: '127.0.0.0/8' })
    const headers = { 'X-Forwarded-For': '192.0.2.1' }
    await bind({ ...at('t1'), headers })
    const end = (claims: object) => connect({ method: 'DELETE', token: pageToken(claims), headers })
    // One address may make five calls in five seconds.
    const others = await Promise.all(Array.from({ length: 12 }, () => end({ visit: 'v2' })))
    expect(others.map(({ status }) => status)).toEqual(others.map(() => 200))
    for (let call = 0; call < 8; call++) {
      expect(problemOf(await end({ visit: 'v1', aud: 'x' }))[0]).toBe(401)
      expect(problemOf(await connect({ method: 'DELETE', token: '', headers }))[0]).toBe(401)
    }
    // Sign-outs do not count for logins.
    for (let call = 0; call < 4; call++) expect(problemOf(await connect({ token: '', headers }))[0]).toBe(401)
    expect(problemOf(await connect({ headers }))).toEqual([429, 'too-many-requests'])
    const last = await end({ visit: 'v1' })
    expect([last.status, JSON.parse(last.text)]).toEqual([200, { ended: 1 }])
  })

  test('may sign out as often as a user may log in, and ends of nothing are one line a minute', async () => {
    await start({ RATE_WARMS_PER_JID: '5' })
    await bind(at('t1'))
    const end = (claims: object) => connect({ method: 'DELETE', token: pageToken(claims) })
    const answers: HttpAnswer[] = []
    for (let call = 0; call < 8; call++) answers.push(await end({ visit: 'v1' }))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429, 429])
    expect(Number(answers[7]!.headers['retry-after'])).toBeGreaterThan(0)
    expect((await end({ visit: 'v2' })).status).toBe(200)
    const audited = service.lines.map(line => JSON.parse(line)).filter(({ audit, level }) => audit && level >= 30)
    const logouts = audited.filter(({ msg }) => msg === 'logout')
    expect(logouts.map(({ ended, count }) => [ended, count])).toEqual([
      [1, undefined],
      [0, 1],
    ])
    expect(audited.filter(({ code }) => code === 'too-many-requests')).toHaveLength(1)
  })

  test('shares its sessions with the backend of its portal, if that is PAGE_ADMIN', async () => {
    await start({ PAGE_ADMIN: 'admin' })
    const page = await bind(at('t1'))
    const backend = await service.warm({ jid: alice, visit: 'v1', tab: 't1' })
    expect(JSON.parse(backend.text)).toMatchObject({ id: page.id, resumed: true })
    expect((await callSessions(service.url, 'DELETE', '/sessions?visit=v1')).json).toEqual({ ended: 1 })
  })
})

test('a page logs in with the sealed credential in its token', async () => {
  const sealed = {
    SEAL_KEY_FILE: file('seal.key', randomBytes(32).toString('base64')),
    PAGE_TOKEN_LOGIN: 'credential',
    PAGE_ADMIN: 'admin',
  }
  await start(sealed)
  const { credential } = JSON.parse(
    (await service.warm({ jid: alice, password: 'Pa55-of-alice', remember: 'on' })).text,
  )
  expect((await connect({ token: pageToken({ credential }) })).status).toBe(200)
  expect(server.last).toMatchObject({ mechanism: 'SCRAM-SHA-256', user: 'alice' })
  expect(problemOf(await connect({ token: pageToken({ sub: 'bob', credential }) }))).toEqual([
    403,
    'credentials-expired',
  ])
  expect(problemOf(await connect())).toEqual([401, 'invalid-token'])
})

test('a host of several domains serves the pages of all at one path', async () => {
  await start({
    XMPP_DOMAINS: 'chat.example, elsewhere.example, other.example',
    HTTP_HOSTS:
      'web.example=elsewhere.example?bosh=/x&warm=/a, web.example=chat.example?bosh=/y&warm=/b, other.example=other.example',
  })
  const { status, text } = await connect({ headers: { Host: 'web.example' } })
  expect([status, JSON.parse(text).url]).toEqual([200, expect.stringContaining('/y')])
  expect(problemOf(await connect({ headers: { Host: 'other.example' } }))).toEqual([403, 'domain-not-allowed'])
})

describe('guests: visitors of pages who have no account and no token', () => {
  const ofGuests = {
    ...{ PAGE_GUESTS: 'chat.example', TRUSTED_PROXIES: '127.0.0.0/8' },
    SEAL_KEY_FILE: file('guests.key', randomBytes(32).toString('base64')),
  }
  const alone = { ...ofGuests, PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_AUDIENCE: '', PAGE_TOKEN_JID: '' }

  const call = ({ from = '192.0.2.1', headers, ...page }: PageCall & { readonly from?: string } = {}) =>
    callConnect(service.url, portal, { ...page, headers: { 'X-Forwarded-For': from, ...headers } })
  const come = async (page?: Parameters<typeof call>[0]) => bindingOf(await call(page))

  test('a guest gets a session, and comes back with the token, also after a restart', async () => {
    await start(alone)
    const first = await come({ tab: 't1' })
    expect(first.jid).toMatch(/^[0-9a-f]{32}@chat\.example\//)
    expect(first).toMatchObject({ resumed: false, guest_token: expect.stringMatching(/^guest-/) })
    expect(server.last).toMatchObject({ user: 'portal' })
    const reloaded = await come({ tab: 't1', token: first.guest_token })
    expect(reloaded).toMatchObject({ id: first.id, jid: first.jid, resumed: true })
    const otherTab = await come({ tab: 't2', token: reloaded.guest_token })
    expect(bare(otherTab.jid)).toBe(bare(first.jid))
    expect(otherTab.id).not.toBe(first.id)
    expect(bare((await come({ tab: 't1' })).jid)).not.toBe(bare(first.jid))
    expect(logged('connect')[0]).toMatchObject({ admin: ':pages', jid: bare(first.jid), login: 'service', code: 'ok' })
    expect(service.lines.join('\n')).not.toContain(first.guest_token.slice(0, 60))

    for (const { jid } of await sessions()) await callSessions(service.url, 'DELETE', `/sessions?jid=${bare(jid)}`)
    await service.stop()
    await start(alone)
    expect(bare((await come({ tab: 't1', token: otherTab.guest_token })).jid)).toBe(bare(first.jid))
  })

  test('a guest signs out, and ends only own sessions', async () => {
    await start(alone)
    const [guest, other] = [await come({ tab: 't1' }), await come({ tab: 't1' })]
    await come({ tab: 't2', token: guest.guest_token })
    const end = await call({ method: 'DELETE', token: guest.guest_token })
    expect([end.status, JSON.parse(end.text)]).toEqual([200, { ended: 2 }])
    expect((await sessions()).map(({ jid }) => jid)).toEqual([other.jid])
    expect(problemOf(await call({ method: 'DELETE' }))).toEqual([401, 'invalid-token'])
  })

  test('a call without a token needs an origin of PAGE_ORIGINS', async () => {
    await start(alone)
    const without = await service.call('/connect', { method: 'POST' })
    const ofOthers = ['https://evil.example', 'null'].map(Origin => call({ headers: { Origin } }))
    for (const answer of [without, ...(await Promise.all(ofOthers))])
      expect(problemOf(answer)).toEqual([403, 'cross-site-request'])
    const { detail } = JSON.parse(without.text)
    expect(detail).toContain('A guest has no token, so the call needs the header Origin')
    expect(server.connections).toHaveLength(0)
  })

  test('new guests are limited by address, and guests who come back are not', async () => {
    await start({ ...alone, RATE_GUESTS: '2' })
    const { guest_token: token } = await come()
    await come()
    const late = await call()
    expect(problemOf(late)).toEqual([429, 'too-many-requests'])
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(30)
    expect(JSON.parse(late.text).detail).toContain('RATE_GUESTS')
    await come({ token })
    await come({ from: '192.0.2.2' })
    expect(logged('a limit was reached')).toMatchObject([{ limit: 'guests-address', setting: 'RATE_GUESTS' }])
  })

  test('one address does not take the places of all guests', async () => {
    await start({ ...alone, MAX_GUESTS: '6', MAX_SESSIONS_PER_ADDRESS: '3' })
    const { guest_token: token } = await come({ tab: 't1' })
    const calls = Array.from({ length: 9 }, (_, tab) => call({ tab: `more${tab}`, token }))
    const answers = await Promise.all(calls)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
    const late = answers.find(({ status }) => status !== 200)!
    expect([...problemOf(late), late.headers['retry-after']]).toEqual([429, 'too-many-requests', '60'])
    expect(JSON.parse(late.text).detail).toContain('MAX_SESSIONS_PER_ADDRESS')
    expect(problemOf(await call())).toEqual([429, 'too-many-requests'])
    await come({ tab: 't1', token })
    await come({ from: '192.0.2.2' })
    expect(logged('a limit was reached')).toMatchObject([{ limit: 'address', address: '192.0.2.1' }])
    await call({ method: 'DELETE', token })
    await come()
  })

  test('live sessions of guests are limited in total, other users are not, and a resumed session is none more', async () => {
    await start({ ...ofGuests, MAX_GUESTS: '2' })
    const { guest_token: token } = await come({ tab: 't1' })
    await come()
    const late = await call()
    expect([...problemOf(late), late.headers['retry-after']]).toEqual([429, 'too-many-requests', '60'])
    expect(JSON.parse(late.text).detail).toContain('MAX_GUESTS')
    expect(problemOf(await call({ tab: 't2', token }))).toEqual([429, 'too-many-requests'])
    const again = await come({ tab: 't1', token })
    expect(again.resumed).toBe(true)
    const ofPortal = await come({ token: pageToken({}) })
    expect(ofPortal.jid).toMatch(/^alice@chat/)
    expect(ofPortal).not.toHaveProperty('guest_token')
    await callSessions(service.url, 'DELETE', `/sessions?jid=${alice}`)
    expect(logged('a limit was reached')).toMatchObject([{ limit: 'guests', setting: 'MAX_GUESTS' }])
    const client = new BoshClient(`${service.url}/http-bind`, again)
    await client.terminate()
    client.close()
    expect((await come()).resumed).toBe(false)
  })
})
