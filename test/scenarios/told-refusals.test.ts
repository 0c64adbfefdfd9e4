// Who is refused reads why, and the operator finds the reason and the setting in the log.
import { beforeAll, describe, expect, test } from '@jest/globals'
import { stoppedAfterAll } from '../support/closers.js'
import { HttpSocket } from '../support/http-socket.js'
import { startTestService, type TestService } from '../support/start-service.js'

const webSocket = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const version = 'Sec-WebSocket-Version: 13\r\n'
const protocol = 'Sec-WebSocket-Protocol: xmpp\r\n'

const stoppedLast = stoppedAfterAll()

type Refused = readonly [what: string, request: string, status: number, sentence: RegExp, line: Line]

async function refusedBy(service: TestService, request: string, status: number, sentence: RegExp) {
  const before = service.lines.length
  const client = new HttpSocket(Number(new URL(service.url).port))
  const { head, body } = await client.send(request).reply()
  client.socket.destroy()
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(body).toMatch(sentence)
  return service.lines.slice(before).map(line => JSON.parse(line) as object)
}

const http = (method: string, path: string, headers = 'Host: a\r\n') =>
  `${method} ${path} HTTP/1.1\r\n${headers}${headers.includes('Upgrade:') ? '' : 'Connection: close\r\n'}\r\n`
const upgrade = (headers: string, path = '/xmpp-websocket') => http('GET', path, `Host: a\r\n${webSocket}${headers}`)

const creation =
  "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' wait='5' hold='1' ver='1.6'/>"

type Line = Readonly<Record<string, unknown>>

/** The log lines about such clients. */
const ofWebSocket = (reason: string, more: Line = {}): Line => ({
  ...{ part: 'websocket', msg: 'a WebSocket client was refused', address: '127.0.0.1', reason },
  ...more,
})
const ofHttp = (reason: string, more: Line = {}): Line => ({
  ...{ part: 'http', msg: 'an HTTP request was refused', address: '127.0.0.1', reason },
  ...more,
})

const byUsual: readonly Refused[] = [
  ['PUT to BOSH', http('PUT', '/http-bind'), 405, /with POST/, { part: 'bosh', reason: 'method' }],
  ['DELETE at a health check', http('DELETE', '/healthz'), 405, /^Allowed: GET, HEAD/, ofHttp('method')],
  ['PUT to WebSocket', http('PUT', '/xmpp-websocket'), 405, /^Open a WebSocket here/, ofWebSocket('method')],
  [
    'a handshake that has lost its Upgrade',
    http('GET', '/xmpp-websocket', `Host: a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`),
    426,
    /does a proxy take that out/,
    ofWebSocket('lost-upgrade'),
  ],
  ['another version of WebSocket', upgrade(protocol), 426, /is 13/, ofWebSocket('version')],
  [
    'a WebSocket with other subprotocols',
    upgrade(`${version}Sec-WebSocket-Protocol: mqtt, XMPP\r\n`),
    400,
    /^Offer the subprotocol "xmpp"/,
    ofWebSocket('subprotocol'),
  ],
  [
    'an expectation',
    http('POST', '/http-bind', 'Host: a\r\nExpect: tea\r\nContent-Length: 0\r\n'),
    417,
    /100-continue/,
    ofHttp('expectation'),
  ],
  ['no HTTP', 'nonsense\r\n\r\n', 400, /not an HTTP request/, ofHttp('unreadable')],
  ['no Host header', http('GET', '/healthz', ''), 400, /no Host header/, ofHttp('no-host')],
  [
    'headers that are too long',
    http('GET', '/', `Host: a\r\nCookie: ${'x'.repeat(20_000)}\r\n`),
    431,
    /longer than 16384 bytes/,
    ofHttp('long-headers', { setting: 'NODE_OPTIONS=--max-http-header-size' }),
  ],
  [
    'a page at an endpoint that is off',
    http('POST', '/connect', 'Host: a\r\nAccept: application/json\r\nContent-Length: 0\r\n'),
    404,
    /PAGE_ORIGINS/,
    { msg: 'refused', code: 'not-found', setting: 'PAGE_ORIGINS' },
  ],
]

const stranger = 'X-Forwarded-For: 192.0.2.7\r\n'
const byRestricted: readonly Refused[] = [
  [
    'for an origin of WebSockets',
    upgrade(`${version}${protocol}Origin: https://evil.example\r\n`),
    403,
    /WEBSOCKET_ORIGINS/,
    ofWebSocket('origin', { setting: 'WEBSOCKET_ORIGINS', subject: 'https://evil.example' }),
  ],
  [
    'for an address of WebSockets',
    upgrade(`${version}${protocol}${stranger}`),
    403,
    /Clients with this address/,
    ofWebSocket('address', { setting: 'WEBSOCKET_ALLOW', address: '192.0.2.7' }),
  ],
  [
    'for BOSH without TLS',
    `${http('POST', '/http-bind', `Host: a\r\nContent-Length: ${creation.length}\r\n`)}${creation}`,
    200,
    /condition='policy-violation'.*<text>This service needs https\.</,
    { part: 'bosh', reason: 'policy-violation', setting: 'REQUIRE_SECURE' },
  ],
]

const restrictions = {
  WEBSOCKET_ORIGINS: 'https://chat.example',
  WEBSOCKET_ALLOW: 'any,!192.0.2.7',
  REQUIRE_SECURE: 'on',
  TRUSTED_PROXIES: 'loopback',
}

describe.each([
  ['without restrictions answers and logs', {}, byUsual],
  ['with restrictions names the setting', restrictions, byRestricted],
] as const)('a service %s', (_which, environment, refusals) => {
  const stopped = stoppedAfterAll()
  let service: TestService
  beforeAll(async () => {
    service = await stopped(startTestService({ environment }))
  })

  test.each(refusals)('%s', async (_what, request, status, sentence, line) => {
    expect(await refusedBy(service, request, status, sentence)).toContainEqual(expect.objectContaining(line))
  })
})

test('a request behind a body that is too large is not processed', async () => {
  const service = await stoppedLast(startTestService({ demo: [{ alice: 'wonderland' }] }))
  const client = new HttpSocket(Number(new URL(service.url).port))
  const post = (text: string) => `POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  client.send(post('x'.repeat(2_200_000)) + post(creation))
  expect((await client.reply()).head).toMatch(/^HTTP\/1\.1 413 /)
  expect(await client.rest()).toBe('')
  client.socket.destroy()
  expect(service.lines.filter(line => line.includes('"kind":"browser"'))).toEqual([])
})
