import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import type { HttpAnswer } from '../support/http-answer.js'
import type { LoginConnection } from '../support/login-server/connection.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { jsonHeaders, startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { body, creation, httpbind, refused } from './bad-bodies.js'
import { alice, badCalls, secret } from './bad-calls.js'

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

  test('returns 413 for a body that is too large', async () => {
    const answer = await service.call('/http-bind', { method: 'POST', body: creation('x'.repeat(600_000)) })
    expect(answer.status).toBe(413)
    expect(answer.headers.connection).toBe('close')
  })

  test('ends a session whose page sends a body that is too large', async () => {
    const { sid, rid } = JSON.parse((await service.warm({ ...alice, hold: 0 })).text)
    const text = body(`rid='${rid}' sid='${sid}'`, `<message>${'x'.repeat(600_000)}</message>`)
    const answer = await service.call('/http-bind', { method: 'POST', body: text })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain("condition='policy-violation'")
    expect(server.last.stanzas).toEqual([])
  })

  test.each([
    ['a rid far above the window', 1000],
    ['a rid far below the window', -1000],
  ])('ends only the session that sends %s', async (_what, offset) => {
    const { sid, rid } = JSON.parse((await service.warm({ ...alice, hold: 0 })).text)
    const text = body(`rid='${rid + offset}' sid='${sid}'`)
    const answer = await service.call('/http-bind', { method: 'POST', body: text })
    expect(answer.text).toBe(`<body type='terminate' condition='item-not-found' xmlns='${httpbind}'/>`)
  })

  test.each([
    ['with an incomplete body', 'POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n<body'],
    ['with an invalid chunk', 'POST /http-bind HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n<body'],
    ['with a length that is not a number', 'POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n<body'],
    [
      'with two lengths',
      'POST /http-bind HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n<body/>',
    ],
    ['with an endless header', `POST /http-bind HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(70_000)}\r\n`],
    ['that is not HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01'],
  ])('answers a request %s with 4xx or closes the connection', async (_what, bytes) => {
    const answer = await raw(bytes, { end: true }).catch(error => String(error.code))
    expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |ECONNRESET$|EPIPE$|$)/)
  })

  test('answers a request that arrives in small pieces', async () => {
    const text = body("rid='5' sid='nobody'")
    const head = `POST /http-bind HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n`
    const { hostname, port } = new URL(service.url)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let answer = ''
    socket.setEncoding('utf8').on('data', data => {
      answer += data
    })
    const closed = new Promise(resolve => socket.once('close', resolve))
    for (const part of (head + text).match(/.{1,9}/gs)!) {
      socket.write(part)
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    await closed
    expect(answer).toContain('item-not-found')
  })

  test.each(['PUT', 'DELETE', 'PATCH', 'TRACE'])('returns 405 for %s', async method => {
    const answer = await service.call('/http-bind', { method })
    expect(answer.status).toBe(405)
    expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS, POST')
  })
})

describe('the warm API', () => {
  test.each(badCalls)('rejects %s with %i %s', async (_what, status, code, call) => {
    const connections = server.connections.length
    const answer = await service.call('/warm', { method: 'POST', ...call })
    expect({ status: answer.status, code: JSON.parse(answer.text).code }).toEqual({ status, code })
    expect(answer.headers['cache-control']).toBe('no-store')
    expectNoTrace(answer)
    expect(answer.text + service.lines.join()).not.toContain(secret)
    expect(server.connections.length).toBe(connections)
  })

  test.each([
    ['XML', { 'Content-Type': 'text/xml' }],
    ['JSON in another charset', { 'Content-Type': 'application/json; charset=utf-16' }],
    ['a compressed body', { 'Content-Encoding': 'gzip' }],
  ])('returns 415 for %s', async (_what, headers) => {
    const call = { method: 'POST', headers: { ...jsonHeaders, ...headers }, body: JSON.stringify(alice) }
    const answer = await service.call('/warm', call)
    expect({ status: answer.status, code: JSON.parse(answer.text).code }).toEqual({
      status: 415,
      code: 'unsupported-media-type',
    })
  })

  test('contacts no server for a call whose body is cut off', async () => {
    const head = `POST /warm HTTP/1.1\r\nHost: x\r\nAuthorization: ${jsonHeaders.Authorization}\r\nContent-Type: application/json\r\n`
    const connections = server.connections.length
    await raw(`${head}Content-Length: 500\r\n\r\n{"jid":`, { end: true }).catch(() => {})
    expect(server.connections.length).toBe(connections)
  })

  test.each(['PUT', 'DELETE', 'PATCH'])('returns 405 for %s', async method => {
    const answer = await service.call('/warm', { method, headers: jsonHeaders })
    expect({ status: answer.status, code: JSON.parse(answer.text).code }).toEqual({
      status: 405,
      code: 'method-not-allowed',
    })
    expect(answer.headers.allow).toBe('GET, HEAD, POST, OPTIONS')
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
