// A machine whose only way outside is a proxy. Its XMPP server is on the same network.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { startDemoServer } from '../../src/command/demo/server.js'
import { makeCertificate } from '../support/certificates.js'
import { stoppedAfterEach } from '../support/closers.js'
import { ConnectProxy } from '../support/connect-proxy.js'
import { eventsSecret } from '../support/event-receiver.js'
import { eventually } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { Operator, usualSettings } from '../support/operated-service.js'
import { callSessions } from '../support/sessions-api.js'

const certificate = makeCertificate(['DNS:id.example', 'DNS:portal.example', 'DNS:far.example', 'DNS:bosh.far.example'])
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const hostMeta = { links: [{ rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://bosh.far.example/http-bind' }] }
const password = 'Pa55@of-the-proxy'

const documents: Partial<Record<string, object>> = {
  'id.example/keys': { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'ES256' }] },
  'far.example/.well-known/host-meta.json': hostMeta,
  'portal.example/events': {},
}

const operator = Operator.ofEachTest()
const stopped = stoppedAfterEach()

test('through the proxy go keys, events, host-meta and remote endpoints, but no link to an XMPP server', async () => {
  const xmpp = await stopped(startDemoServer({ alice: 'secret', portal: 'portal-secret' }))
  const received: string[] = []
  const portal = createServer(certificate, async (request, response) => {
    const path = `${request.headers.host}${request.url}`
    const body = await text(request)
    received.push(body.startsWith('{') ? `${path} ${JSON.parse(body).type}` : path)
    response.writeHead(documents[path] === undefined ? 404 : 200).end(JSON.stringify(documents[path]))
  })
  const outside = await stopped(Listener.start(portal))
  const names = ['id.example', 'portal.example', 'far.example', 'bosh.far.example'].map(name => `${name}:443`)
  const proxy = await stopped(ConnectProxy.start(Object.fromEntries(names.map(name => [name, outside.port]))))
  operator.write('authority.pem', certificate.cert)
  const service = operator.start({
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
  })
  const url = await service.url()
  const warm = (jid: string) => callSessions(url, 'POST', '', { body: { jid, password: 'secret' } })

  await eventually('the keys are fetched', () => received.includes('id.example/keys'))
  const { status, json } = await warm('alice@localhost')
  expect(status).toBe(200)
  await callSessions(url, 'DELETE', `/${json.id}`)
  await eventually('the event', () => received.includes('portal.example/events session.ended'))
  expect((await warm('bob@far.example')).json).toMatchObject({ code: 'host-unknown', step: 'connect' })
  expect(received).toEqual([
    'id.example/keys',
    'portal.example/events session.ended',
    'far.example/.well-known/host-meta.json',
    'bosh.far.example/http-bind',
  ])
  expect(proxy.asked).toEqual(names)
  expect(proxy.complaints).toEqual([])
  expect([...proxy.accounts]).toEqual([`Basic ${btoa(`chat:${password}`)}`])
  service.signal('SIGTERM')
  expect(await service.exit).toBe(0)
  for (const secret of [password, encodeURIComponent(password), btoa(`chat:${password}`)])
    expect(service.stdout + service.stderr).not.toContain(secret)
})
