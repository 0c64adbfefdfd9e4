// Several HTTP hosts in front of one service, each for its own domain.
// Runs in npm run test:all only: fifteen seconds.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { ask, type HttpAnswer } from '../support/http-answer.js'
import type { Call } from '../support/login-server/watched-service.js'
import { adminHeader, startTestService, type TestService, type WarmBinding } from '../support/start-service.js'

let server: DemoServer
let service: TestService

beforeAll(async () => {
  server = await startDemoServer({ alice: 'wonderland' })
})

afterEach(() => service.stop())

afterAll(() => server.stop())

/** The demo server knows one domain. Its refusal of other domains is all that these tests need. */
const start = async (environment: Record<string, string>) => {
  service = await startTestService({
    servers: `*=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: { XMPP_DOMAINS: 'localhost,other.example', TRUSTED_PROXIES: 'loopback', ...environment },
  })
}

/** Asks the service with this Host header. */
function askAt(host: string, path: string, { method = 'GET', headers = {}, body = '' }: Call = {}) {
  const length = { 'Content-Length': String(Buffer.byteLength(body)) }
  return ask(service.url + path, { method, headers: { Host: host, ...length, ...headers } }, body)
}

const bosh = (host: string, path: string, attributes: string) =>
  askAt(host, path, {
    method: 'POST',
    body: `<body xmlns='http://jabber.org/protocol/httpbind' rid='1' wait='5' hold='0' ver='1.6' ${attributes}/>`,
  })

const warm = (host: string, path = '/warm', jid = 'alice@localhost') =>
  askAt(host, path, {
    ...{ method: 'POST', body: JSON.stringify({ jid, password: 'wonderland' }) },
    headers: { Authorization: adminHeader, 'Content-Type': 'application/json' },
  })

const bindingOf = ({ status, text }: HttpAnswer): WarmBinding => {
  expect({ status, text }).toMatchObject({ status: 200 })
  return JSON.parse(text)
}

const codeOf = ({ text }: HttpAnswer) => JSON.parse(text).code

describe('a host of one domain', () => {
  beforeEach(() =>
    start({
      HTTP_HOSTS: 'chat.local=localhost?url=https://chat.local/c,web.local=other.example?bosh=/b/$host&warm=off',
      ATTACH_BINDING: 'reply',
    }),
  )

  test('has its own paths, and disabled endpoints return 404', async () => {
    expect((await askAt('web.local', '/b/other.example')).status).toBe(200)
    expect((await askAt('web.local', '/http-bind')).status).toBe(404)
    expect((await warm('web.local', '/warm', 'alice@other.example')).status).toBe(404)
    expect((await askAt('web.local', '/')).text).not.toContain('/warm')
    expect((await askAt('chat.local', '/b/other.example')).status).toBe(404)
  })

  test('leaves all domains to hosts that are not named, which return its URL and cookie path', async () => {
    expect(codeOf(await warm('any.local', '/warm', 'alice@other.example'))).toBe('host-unknown')
    expect(bindingOf(await warm('any.local'))).toMatchObject({
      url: 'https://chat.local/c/http-bind',
      cookie: { attributes: expect.stringMatching(/^Path=\/c\/http-bind; .*; Secure$/) },
    })
  })

  test('shares the lines about refused requests with other hosts, one a minute', async () => {
    for (const host of ['chat.local', 'web.local', 'chat.local'])
      expect((await askAt(host, '/nothing')).status).toBe(404)
    await service.stop()
    const told = service.lines.map(line => JSON.parse(line)).filter(({ code, count }) => code === 'not-found' && count)
    expect(told.map(({ count }) => count)).toEqual([1, 2])
  })
})

describe('a host of several domains', () => {
  const HTTP_HOSTS = 'web.local=localhost,web.local=other.example'
  const at = (path: string) => `http://web.local${path}`

  test('has a BOSH endpoint for each domain, and one warm API at a shared path', async () => {
    await start({
      HTTP_HOSTS,
      BOSH_PATH: '/$host/http-bind',
      HTTP_DEFAULT_HOST: 'none',
      ATTACH_BINDING: 'reply',
    })
    const binding = bindingOf(await warm('web.local'))
    expect(binding).toMatchObject({
      url: at('/localhost/http-bind'),
      cookie: { attributes: expect.stringMatching(/^Path=\/localhost\/http-bind;/) },
    })
    const headers = { Authorization: adminHeader, Accept: 'application/json' }
    const resumed = await askAt('web.local', `/warm/${binding.id}/resume`, { method: 'POST', headers })
    expect(bindingOf(resumed).url).toBe(at('/localhost/http-bind'))
    // The demo server is asked for the other domain, and does not know it.
    expect(codeOf(await warm('web.local', '/warm', 'alice@other.example'))).toBe('host-unknown')
    expect(codeOf(await warm('web.local', '/warm', 'alice@third.example'))).toBe('domain-not-allowed')

    const own = await bosh('web.local', '/localhost/http-bind', '')
    expect(own.text).toContain("from='localhost'")
    const refused = await bosh('web.local', '/localhost/http-bind', "to='other.example'")
    expect(refused.text).toContain("condition='host-unknown'")
    const other = await bosh('web.local', '/other.example/http-bind', '')
    expect(other.text).toContain("condition='remote-stream-error'")
    expect((await bosh('web.local', '/http-bind', "to='localhost'")).status).toBe(404)
    expect((await askAt('web.local', '/')).text).toContain('<a href="/warm">')
  })

  test('can have a warm API for each domain', async () => {
    await start({
      HTTP_HOSTS: `${HTTP_HOSTS}?url=https://web.local`,
      ...{ BOSH_PATH: '/$host/b', WARM_PATH: '/$host/w', HTTP_DEFAULT_HOST: 'web.local' },
    })
    expect(bindingOf(await warm('web.local', '/localhost/w')).url).toBe(at('/localhost/b'))
    const other = (jid: string) => warm('web.local', '/other.example/w', jid)
    expect(codeOf(await other('alice@localhost'))).toBe('domain-not-allowed')
    expect(codeOf(await other('alice@other.example'))).toBe('host-unknown')
    const headers = { Authorization: adminHeader }
    const list = (path: string) => askAt('web.local', path, { headers })
    expect(JSON.parse((await list('/localhost/w/sessions')).text).total).toBe(1)
    expect(JSON.parse((await list('/other.example/w/sessions')).text).total).toBe(0)
    expect((await warm('web.local')).status).toBe(404)
    expect((await warm('any.local', '/localhost/w')).status).toBe(200)
  })
})

test('an absolute URI in the request line is read like a path, and its host replaces the header', async () => {
  await start({ HTTP_HOSTS: 'chat.local=localhost', HTTP_DEFAULT_HOST: 'none', METRICS_ADDRESS: '127.0.0.1:0' })
  const at = async (path: string, headers: Record<string, string> = {}, base = service.url) =>
    (await ask(base, { path, agent: false, headers: { Host: 'any.local', ...headers } })).status
  for (const path of ['/healthz', '/http-bind', '/xmpp-websocket', '/openapi.json'])
    expect([path, await at(`http://chat.local${path}`)]).toEqual([path, 200])
  expect(await at('http://chat.local/warm/sessions?limit=1', { Authorization: adminHeader })).toBe(200)
  const handshake = { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' }
  const upgrade = { ...handshake, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'other' }
  expect(await at('http://chat.local/xmpp-websocket', upgrade)).toBe(400)
  expect(await at('/http-bind', { Host: 'chat.local' })).toBe(200)
  expect(await at('http://elsewhere.local/http-bind', { Host: 'chat.local' })).toBe(421)
  expect(await at('http://any.local/metrics', {}, service.service.metricsUrl!)).toBe(200)
})

const HTTP_HOSTS = 'chat.local=localhost?url=https://chat.local&bosh=/b,web.local=other.example?warm=/w'

test('a host that HTTP_HOSTS does not name gets 421 with HTTP_DEFAULT_HOST=none', async () => {
  await start({ HTTP_HOSTS, HTTP_DEFAULT_HOST: 'none' })
  const refused = await warm('any.local')
  expect([refused.status, codeOf(refused)]).toEqual([421, 'misdirected-request'])
  const page = await askAt('any.local', '/')
  expect([page.status, page.headers['content-type']]).toEqual([421, 'text/html; charset=utf-8'])
  expect(page.headers).toMatchObject({ 'x-frame-options': 'DENY' })
  expect((await askAt('any.local', '/assets/style.css')).status).toBe(200)
  const session = await bosh('any.local', '/http-bind', "to='localhost'")
  expect([session.status, session.text]).toEqual([421, expect.stringContaining('HTTP_HOSTS')])
  const json = { headers: { Accept: 'application/json' } }
  for (const path of ['/http-bind', '/warm'])
    expect((await askAt('any.local', path, json)).text).toContain('see HTTP_HOSTS. It is any.local.')
  const lines = service.lines.join()
  expect(lines).toContain('"detail":"It is any.local."')
  expect(lines).toContain('"subject":"any.local"')
  expect((await warm('chat.local')).status).toBe(200)
})

test('with WARM_ENABLED=pages, admins can only look, and with BOSH_ENABLED=off, there is no BOSH endpoint', async () => {
  const ADMIN_USERS = 'admin:admin-secret,backend:backend-s3cret:role=warm'
  await start({ WARM_ENABLED: 'pages', BOSH_ENABLED: 'off', ADMIN_USERS })
  expect((await bosh('chat.local', '/http-bind', "to='localhost'")).status).toBe(404)
  const refused = await warm('chat.local')
  expect([refused.status, refused.text]).toEqual([404, expect.stringContaining('The warm API is off here.')])
  const page = (path: string, user = 'admin:admin-secret', method = 'GET') =>
    askAt('chat.local', path, {
      method,
      headers: { Authorization: `Basic ${Buffer.from(user).toString('base64')}`, Accept: 'text/html' },
    })
  expect(await page('/warm')).toMatchObject({ status: 303, headers: { location: '/warm/sessions' } })
  const sessions = await page('/warm/sessions')
  expect(sessions.status).toBe(200)
  expect(sessions.text).not.toContain('Log a user in')
  expect((await page('/warm/sessions', 'backend:backend-s3cret')).status).toBe(401)
  expect((await page('/warm/sessions?jid=alice@localhost', undefined, 'DELETE')).status).toBe(404)
  expect((await page('/warm/sessions/end', undefined, 'POST')).status).toBe(404)
  for (const form of ['/warm/sessions/end', '/warm/0123/end', '/warm/0123/end/']) {
    const { status, text } = await page(form)
    expect([status, text]).toEqual([404, expect.stringContaining('The warm API is off here.')])
  }
  const home = await askAt('chat.local', '/')
  expect(home.text).toContain('/warm/sessions')
  expect(home.text).not.toContain('Log a user in')
})
