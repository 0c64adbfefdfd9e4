import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { saslFailure } from '../support/login-server/elements.js'
import { type LoginServer, stages, startLoginServer, type Turn } from '../support/login-server/server.js'
import { jsonHeaders, startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { scrape } from '../support/scrape.js'

const password = 'c0rrect-h0rse'
const wrong = 'wr0ng-batt3ry'
const misplaced = 'misplac3d-staple'
const adminSecret = 'adm1n-tr0ub4dor'
const wrongAdmin = 'adm1n-wr0ng'

const basic = (secret: string) => `Basic ${Buffer.from(`admin:${secret}`).toString('base64')}`
const headers = { ...jsonHeaders, Authorization: basic(adminSecret) }

/** A secret as it is, and in encodings. */
const shapes = (secret: string) => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(`\0alice\0${secret}`).toString('base64').replace(/=+$/, ''),
  basic(secret).slice(6),
]
const secrets = [password, wrong, misplaced, adminSecret, wrongAdmin].flatMap(shapes)

let server: LoginServer
let service: WatchedService
let onStderr = ''
const replies: HttpAnswer[] = []
const write = process.stderr.write

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts: { alice: password } })
  service = await startWatchedService([server], {
    ...{ ADMIN_USERS: `admin:${adminSecret}`, WARM_TIMEOUT: '1', METRICS_ADDRESS: '127.0.0.1:0' },
  })
})

afterEach(async () => {
  server.script = {}
  await service.emptied()
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

async function post(body: string, about: Record<string, string> = {}): Promise<HttpAnswer> {
  const reply = await service.call('/warm', { method: 'POST', headers: { ...headers, ...about }, body })
  replies.push(reply)
  return reply
}

const call = (jid: string, given: string) => post(JSON.stringify({ jid, password: given }))

async function expectNoSecrets(): Promise<void> {
  const { text: metrics } = await scrape(service.service.metricsUrl)
  for (const secret of secrets) {
    expect(metrics).not.toContain(secret)
    expect(service.lines.filter(line => line.includes(secret))).toEqual([])
    expect(onStderr).not.toContain(secret)
    for (const { text, headers } of replies) expect(text + JSON.stringify(headers)).not.toContain(secret)
  }
}

beforeAll(() => {
  process.stderr.write = (chunk: string | Uint8Array) => {
    onStderr += chunk
    return true
  }
})

afterAll(() => {
  process.stderr.write = write
})

test('the sid of a session appears only in its binding', async () => {
  const binding = await call('alice@plain.example', password)
  expect(binding.status).toBe(200)
  const { sid, rid, id } = JSON.parse(binding.text)
  expect(binding.text.split(sid)).toHaveLength(2)
  expect(id).not.toContain(sid)
  const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
  const later = [
    await client.request("<presence xmlns='jabber:client'/>", { pause: '20' }),
    await client.terminate(),
    (await service.call('/http-bind', { method: 'POST', body: client.compose() })).text,
  ]
  client.close()
  for (const reply of later) expect(reply).not.toContain(sid)
  expect(service.lines.join('')).not.toContain(sid)
  expect(service.lines.join('')).not.toContain(String(rid))
  const { text: metrics } = await scrape(service.service.metricsUrl)
  for (const named of [sid, id, 'alice']) expect(metrics).not.toContain(named)
  expect(service.lines.join('')).toContain(id)
  await expectNoSecrets()
})

test('secrets of a session that is resumed, shown and ended appear only in the reply to resume', async () => {
  const about = { jid: 'alice@plain.example', password, attach_binding: 'reply' }
  const warmed = JSON.parse((await post(JSON.stringify(about))).text)
  const path = `/warm/${warmed.id}`
  const control = (method: string, to: string) =>
    service.call(to, { method, headers, ...(method === 'POST' && { body: '{"attach_binding":"reply"}' }) })
  const resumed = JSON.parse((await control('POST', `${path}/resume`)).text)
  const looked = [
    await control('GET', path),
    await service.call('/warm/sessions', { headers: { ...headers, Accept: 'text/html' } }),
    await control('GET', '/warm/sessions?jid=alice@plain.example'),
    await control('GET', `/warm/sessions?sid=${warmed.sid}`),
    await control('GET', `/warm/${warmed.sid}`),
    await post(JSON.stringify({ ...about, password: wrong, visit: 'v1' })),
    await service.call('/http-bind', {
      method: 'POST',
      body: new BoshClient('', { sid: warmed.sid, rid: resumed.rid }).compose(),
    }),
    await control('DELETE', path),
    await control('DELETE', '/warm/sessions?jid=alice@plain.example'),
  ]
  expect(looked.map(({ status }) => status)).toEqual([200, 200, 200, 400, 404, 403, 200, 204, 200])
  expect(resumed.cookie.value).not.toBe(warmed.cookie.value)
  const told = [warmed.sid, warmed.cookie.value, resumed.cookie.value]
  for (const secret of [...told, String(warmed.rid), String(resumed.rid)]) {
    expect(service.lines.filter(line => line.includes(secret))).toEqual([])
    for (const { text, headers } of looked) expect(text + JSON.stringify(headers)).not.toContain(secret)
  }
  const logged = service.lines.map(line => JSON.parse(line).msg)
  expect(logged).toEqual(expect.arrayContaining(['warm', 'resume', 'sessions', 'logout']))
  await expectNoSecrets()
})

test('no rejected call shows a secret', async () => {
  const cases: [string, number][] = [
    [JSON.stringify({ jid: 'alice@plain.example', password: wrong }), 403],
    [JSON.stringify({ jid: `${misplaced}`, password }), 400],
    [JSON.stringify({ jid: 'alice@plain.example', password, language: `${misplaced}!` }), 400],
    [JSON.stringify({ jid: 'alice@plain.example', password, wait: misplaced }), 400],
    [JSON.stringify({ jid: 'alice@plain.example', password, [misplaced]: misplaced, ver: password }), 400],
    [JSON.stringify({ jid: 'alice@plain.example', password: `${password}\0` }), 400],
    [`{"jid":"alice@plain.example","password":"${password}","password":"${wrong}"}`, 400],
    [`{"jid":"alice@plain.example","password":"${password}"`, 400],
    [`jid=alice%40plain.example&password=${password}`, 400],
    [JSON.stringify({ jid: 'alice@elsewhere.example', password }), 403],
    [JSON.stringify({ jid: 'alice@plain.example', password: password.repeat(2000) }), 413],
  ]
  for (const [body, status] of cases) expect((await post(body)).status).toBe(status)
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'text/html' }
  expect((await post(`jid=alice%40plain.example&password=${wrong}`, form)).status).toBe(403)
  expect((await post(`jid=alice%40plain.example&password=${password}%zz`, form)).status).toBe(400)
  expect((await post(password, { 'Content-Type': 'text/plain' })).status).toBe(415)
  const body = JSON.stringify({ jid: 'alice@plain.example', password })
  expect((await post(body, { Authorization: basic(wrongAdmin) })).status).toBe(401)
  expect((await post(body, { Authorization: `Bearer ${wrongAdmin}` })).status).toBe(401)
  // An admin who swaps the two fields sends the secret as the name.
  const swapped = Buffer.from(`${misplaced}:admin`).toString('base64')
  expect((await post(body, { Authorization: `Basic ${swapped}` })).status).toBe(401)
  const inQuery = await service.call(`/warm?password=${password}`, { headers })
  const inPath = await service.call(`/${misplaced}?sid=${misplaced}`, { headers })
  expect([inQuery.status, inPath.status]).toEqual([200, 404])
  replies.push(inQuery, inPath)
  await expectNoSecrets()
})

test.each(stages.filter(stage => !['starttls', 'proceed', 'session'].includes(stage)))(
  'a login that fails at the stage %s shows no secret',
  async stage => {
    const acts: ((turn: Turn) => void)[] = [
      turn => turn.close(),
      turn => turn.reset(),
      turn => turn.say(`<${password}>&${password};`),
      turn => turn.say(saslFailure('not-authorized').replace('</', `<text>${password}</text></`)),
      turn =>
        turn.say(
          `<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text>${password}</text></stream:error>`,
        ),
    ]
    for (const act of acts) {
      server.script = { [stage]: act }
      expect((await call('alice@plain.example', password)).status).toBeGreaterThanOrEqual(400)
    }
    await expectNoSecrets()
  },
)

test('a secret in an invalid JID from the server is not shown', async () => {
  server.script = { bind: turn => turn.say(turn.usual.replace(/<jid>.*<\/jid>/, `<jid>@${password}/</jid>`)) }
  expect((await call('alice@plain.example', password)).status).toBe(502)
  await expectNoSecrets()
})
