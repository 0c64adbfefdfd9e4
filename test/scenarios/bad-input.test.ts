import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import type { HttpAnswer } from '../support/http-answer.js'
import type { LoginConnection } from '../support/login-server/connection.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { jsonHeaders, startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const httpbind = 'http://jabber.org/protocol/httpbind'

const body = (attributes: string, inner = '') => `<body ${attributes} xmlns='${httpbind}'>${inner}</body>`
/** A request for a session. */
const creation = (inner: string) => body("rid='5' to='plain.example' wait='1' hold='1'", inner)

/** Requests that are refused, with the condition. Their parts are in `test/cases/bodies` and `test/browsers/bosh`. */
const refused: [what: string, condition: string, body: string | Buffer][] = [
  ['an empty body', 'bad-request', ''],
  ['an external entity', 'bad-request', `<!DOCTYPE body [<!ENTITY x SYSTEM "file:///etc/passwd">]>${creation('&x;')}`],
  ['elements nested 5000 deep', 'bad-request', creation('<a>'.repeat(5000) + '</a>'.repeat(5000))],
  ['ten thousand stanzas', 'bad-request', creation("<presence xmlns='jabber:client'/>".repeat(10_000))],
  ['bytes that are not UTF-8', 'bad-request', Buffer.from([0, 1, 2, 0xff, 0xfe, 0x80])],
  ['a rid beyond 2^53', 'bad-request', body("rid='9007199254740993' to='plain.example'")],
  ['an invalid domain', 'improper-addressing', body("rid='5' to='a b'")],
  ['a domain that is not allowed', 'host-unknown', body("rid='5' to='elsewhere.example'")],
  ['a sid with markup', 'item-not-found', body("rid='5' sid='&lt;&quot;&gt;'")],
]

/** Secrets that may be in no answer and not in the log. */
const secret = 's3cret-t0ken'

/** Calls that are refused, with status and code. The rules for parameters are in `test/warm/warming`. */
const badCalls: [what: string, status: number, code: string, body: string | Buffer][] = [
  ['half an object', 400, 'invalid-body', `{"jid":"alice@plain.example","password":"${secret}`],
  ['deep JSON', 400, 'invalid-body', '['.repeat(8000)],
  ['JSON in UTF-16', 400, 'invalid-body', Buffer.from(JSON.stringify(alice), 'utf16le')],
  ['too much JSON', 413, 'body-too-large', JSON.stringify({ ...alice, password: secret.repeat(2000) })],
  ['a password twice', 400, 'invalid-parameter', `{"jid":"a@plain.example","password":"a","password":"${secret}"}`],
  ['a password with a NUL', 400, 'invalid-parameter', JSON.stringify({ ...alice, password: `${secret}\0` })],
  ['no jid', 400, 'missing-parameter', JSON.stringify({ password: secret })],
  ['a jid with half a surrogate pair', 400, 'invalid-parameter', `{"jid":"a@b/\\ud800","password":"${secret}"}`],
  ['a jid with markup', 400, 'invalid-jid', JSON.stringify({ ...alice, jid: '<alice>@plain.example' })],
  ['another domain', 403, 'domain-not-allowed', JSON.stringify({ jid: 'alice@pl\u0430in.example', password: secret })],
]

let server: LoginServer
let service: WatchedService
let healthy: BoshClient
let connectionOfHealthy: LoginConnection

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
  service = await startWatchedService([server])
})

beforeEach(async () => {
  const { sid, rid } = JSON.parse((await service.warm({ ...alice, hold: 0 })).text)
  healthy = new BoshClient(`${service.url}/http-bind`, { sid, rid })
  connectionOfHealthy = server.last
})

/** Whatever was sent, the earlier session still works, and no other session exists. */
afterEach(async () => {
  const connection = connectionOfHealthy
  const before = connection.stanzas.length
  expect(await healthy.request("<presence xmlns='jabber:client'/>")).toBe(`<body xmlns='${httpbind}'/>`)
  await eventually('the presence arrives', () => connection.stanzas.length === before + 1)
  expect(service.service.counts()).toEqual({ sessions: 1, links: 1, forwarded: 0 })
  await healthy.terminate()
  healthy.close()
  await service.emptied()
  expect(service.lines.filter(line => /"level":[56]0/.test(line))).toEqual([])
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

function expectNoTrace({ text }: HttpAnswer): void {
  expect(text).not.toMatch(/\n\s+at |node_modules|node:internal|\.[jt]s:\d/)
}

/** Sends raw bytes, and resolves with all that is received until the service closes the connection. */
function raw(bytes: string | Buffer, { end = false } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(service.url)
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', data => {
      text += data
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    if (end) socket.end(bytes)
    else socket.write(bytes)
  })
}

describe('the BOSH path', () => {
  test.each(refused)('answers %s with the condition %s', async (_what, condition, text) => {
    const answer = await service.call('/http-bind', { method: 'POST', body: text })
    expect(answer.status).toBe(200)
    const start = `<body type='terminate' condition='${condition}' xmlns='${httpbind}'`
    const sentence = condition === 'item-not-found' ? '/>' : '><text>[^<>]{20,}</text></body>'
    expect(answer.text).toMatch(new RegExp(`^${start}${sentence}$`))
    expect(answer.headers['content-length']).toBe(String(answer.text.length))
  })
})

describe('the warm API', () => {
  test.each(badCalls)('rejects %s with %i %s', async (_what, status, code, sent) => {
    const connections = server.connections.length
    const answer = await service.call('/warm', { method: 'POST', headers: jsonHeaders, body: sent })
    expect({ status: answer.status, code: JSON.parse(answer.text).code }).toEqual({ status, code })
    expect(answer.headers['cache-control']).toBe('no-store')
    expectNoTrace(answer)
    expect(answer.text + service.lines.join()).not.toContain(secret)
    expect(server.connections.length).toBe(connections)
  })

  test('contacts no server for a call whose body is cut off', async () => {
    const head = `POST /warm HTTP/1.1\r\nHost: x\r\nAuthorization: ${jsonHeaders.Authorization}\r\nContent-Type: application/json\r\n`
    const connections = server.connections.length
    await raw(`${head}Content-Length: 500\r\n\r\n{"jid":`, { end: true }).catch(() => {})
    expect(server.connections.length).toBe(connections)
  })
})

test.each([
  '/nothing',
  '/warm/nothing',
  '/http-bind/nothing',
  '/assets/../package.json',
  '/assets/%2e%2e/package.json',
  '/%',
  '/%ff',
  '/assets/%00',
])('%s returns 400, 401, 404 or 405, and no stack trace', async path => {
  for (const method of ['GET', 'POST']) {
    const answer = await service.call(path, { method, headers: { Accept: 'application/json' } })
    // /assets allows only GET. Ids of sessions are for admins.
    const others = [...(method === 'GET' ? [] : [405]), ...(path.startsWith('/warm/') ? [401] : [])]
    expect([400, 404, ...others]).toContain(answer.status)
    expectNoTrace(answer)
  }
})
