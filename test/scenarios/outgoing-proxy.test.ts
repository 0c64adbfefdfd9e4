// A machine whose only way outside is a proxy. Its XMPP server is on the same network.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { startDemoServer } from '../../src/command/demo/server.js'
import { makeCertificate } from '../support/certificates.js'
import { ConnectProxy } from '../support/connect-proxy.js'
import { eventsSecret } from '../support/event-receiver.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { type OperatedService, Operator, usualSettings } from '../support/operated-service.js'
import { callSessions } from '../support/sessions-api.js'

const certificate = makeCertificate(['DNS:id.example', 'DNS:portal.example', 'DNS:far.example', 'DNS:bosh.far.example'])
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keys = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'ES256' }] }
const hostMeta = { links: [{ rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://bosh.far.example/http-bind' }] }
const password = 'Pa55@of-the-proxy'

let xmpp: Awaited<ReturnType<typeof startDemoServer>>
let outside: Server
let received: string[]
let proxy: ConnectProxy
const operator = Operator.ofEachTest()
let service: OperatedService | undefined

beforeEach(async () => {
  xmpp = await startDemoServer({ alice: 'secret', portal: 'portal-secret' })
  received = []
  outside = createServer(certificate, async (request, response) => {
    const path = `${request.headers.host}${request.url}`
    const body = await text(request)
    received.push(body.startsWith('{') ? `${path} ${JSON.parse(body).type}` : path)
    const documents: Partial<Record<string, object>> = {
      'id.example/keys': keys,
      'far.example/.well-known/host-meta.json': hostMeta,
      'portal.example/events': {},
    }
    const document = documents[path]
    response.writeHead(document === undefined ? 404 : 200).end(JSON.stringify(document))
  }).listen(0, '127.0.0.1')
  await once(outside, 'listening')
  const { port } = outside.address() as AddressInfo
  const names = ['id.example', 'portal.example', 'far.example', 'bosh.far.example']
  proxy = await ConnectProxy.start(Object.fromEntries(names.map(name => [`${name}:443`, port])))
  operator.write('authority.pem', certificate.cert)
})

afterEach(async () => {
  await proxy.stop()
  outside.close()
  outside.closeAllConnections()
  await xmpp.stop()
  expect(proxy.complaints).toEqual([])
  for (const secret of [password, encodeURIComponent(password), btoa(`chat:${password}`)])
    expect(`${service?.stdout}${service?.stderr}`).not.toContain(secret)
  service = undefined
})

function start(environment: Readonly<Record<string, string>> = {}): Promise<string> {
  const started = operator.start({
    ...usualSettings,
    LOG_LEVEL: 'trace',
    XMPP_DOMAINS: 'localhost,far.example',
    XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${xmpp.port}?tls=none,far.example=host-meta?ca=authority.pem`,
    NODE_EXTRA_CA_CERTS: 'authority.pem',
    EVENTS_URL: 'https://portal.example/events',
    EVENTS_SECRET: eventsSecret,
    PAGE_ORIGINS: 'https://portal.example',
    PAGE_TOKEN_JWKS: 'https://id.example/keys',
    PAGE_TOKEN_ISSUER: 'https://id.example',
    PAGE_TOKEN_AUDIENCE: 'chat',
    PAGE_TOKEN_JID: '{sub}@localhost',
    XMPP_SERVICE_ACCOUNTS: 'localhost=portal:portal-secret',
    HTTPS_PROXY: `http://chat:${encodeURIComponent(password)}@127.0.0.1:${proxy.port}`,
    ...environment,
  })
  service = started
  return started.url()
}

/** Logs in at the XMPP server, and ends the session. */
async function endSession(url: string): Promise<void> {
  const { status, json } = await callSessions(url, 'POST', '', { body: { jid: 'alice@localhost', password: 'secret' } })
  expect(status).toBe(200)
  await callSessions(url, 'DELETE', `/${json.id}`)
}

const warmFar = (url: string) => callSessions(url, 'POST', '', { body: { jid: 'bob@far.example', password: 'secret' } })

describe('through the proxy', () => {
  test('go keys, events, host-meta and remote endpoints, but no link to an XMPP server', async () => {
    const url = await start()
    await eventually('the keys are fetched', () => received.includes('id.example/keys'))
    await endSession(url)
    await eventually('the event', () => received.includes('portal.example/events session.ended'))
    expect((await warmFar(url)).json).toMatchObject({ code: 'host-unknown', step: 'connect' })
    expect(received).toEqual([
      'id.example/keys',
      'portal.example/events session.ended',
      'far.example/.well-known/host-meta.json',
      'bosh.far.example/http-bind',
    ])
    expect(proxy.asked).toEqual(['id.example:443', 'portal.example:443', 'far.example:443', 'bosh.far.example:443'])
    expect([...proxy.accounts]).toEqual([`Basic ${btoa(`chat:${password}`)}`])
    service?.signal('SIGTERM')
    expect(await service?.exit).toBe(0)
  })

  test('come keys that a page can use', async () => {
    const url = await start({ https_proxy: `127.0.0.1:${proxy.port}`, HTTPS_PROXY: 'http://127.0.0.1:1' })
    const token = await new SignJWT({ sub: 'alice' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer('https://id.example')
      .setAudience('chat')
      .setExpirationTime('5 min')
      .sign(privateKey)
    const headers = { Origin: 'https://portal.example', Authorization: `Bearer ${token}`, 'Content-Length': '0' }
    const { text } = await ask(`${url}/connect`, { method: 'POST', agent: false, headers })
    // The demo server does not let one account act for another.
    expect(JSON.parse(text)).toMatchObject({ step: 'sasl' })
    expect(proxy.asked).toEqual(['id.example:443'])
    expect([...proxy.accounts]).toEqual([undefined])
  })
})
