// No secret of the settings or of a caller appears in any output, whether the secret is right or wrong.
// Runs in npm run test:all only: ten seconds.
import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { hashSecret } from '../../src/config/kinds/secret-hash.js'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { saslFailure } from '../support/login-server/elements.js'
import { type LoginServer, stages, startLoginServer, type Turn } from '../support/login-server/server.js'
import { type Call, callUrl, jsonHeaders } from '../support/login-server/watched-service.js'
import { scrape } from '../support/scrape.js'
import { ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

/** None may appear in any output. */
const secrets = {
  password: 'pa55-w0rd-of-alice',
  wrongPassword: 'wr0ng-w0rd-of-alice',
  token: 't0ken-of-alice',
  wrongToken: 'wr0ng-t0ken-of-alice',
  servicePassword: 'pa55-w0rd-of-the-robot',
  adminSecret: 'h4shed-s3cret',
  wrongAdminSecret: 'wr0ng-h4shed-s3cret',
  passphrase: 'p4ss-phrase-of-the-key',
  header: 'v4lue-of-a-header',
  cookie: 'v4lue-of-a-cookie',
  eventsSecret: 's3cret-that-signs-events',
  eventsUrl: 'k3y-in-the-url-for-events',
}
/** Values made of the secrets, and secrets of sessions. */
const made = new Set<string>()

let server: LoginServer
let endpoint: ScriptedEndpoint
let service: TestService
let TLS_KEY: string
let written = ''
const replies: HttpAnswer[] = []
const write = process.stderr.write

beforeAll(async () => {
  const certificate = makeCertificate(['IP:127.0.0.1'])
  const cipher = { cipher: 'aes-256-cbc', passphrase: secrets.passphrase }
  const key = createPrivateKey(certificate.key).export({ type: 'pkcs8', format: 'pem', ...cipher })
  TLS_KEY = file('own.key', String(key))
  const adminHash = await hashSecret(secrets.adminSecret)
  made.add(adminHash)
  made.add(adminHash.slice(adminHash.lastIndexOf('$') + 1))
  const serverCertificate = makeCertificate(['DNS:near.example'])
  const ca = file('server.crt', serverCertificate.cert)
  server = await startLoginServer({
    ...{ domain: 'near.example', certificate: serverCertificate },
    mechanisms: ['SCRAM-SHA-256', 'PLAIN', 'OAUTHBEARER'],
    accounts: { alice: secrets.password, robot: secrets.servicePassword },
    tokens: { alice: secrets.token },
    actors: ['robot'],
  })
  endpoint = await ScriptedEndpoint.start()
  void echo()
  const environment = {
    ADMIN_USERS: `portal:${adminHash}`,
    HTTPS_PORT: '0',
    TLS_CERT: file('own.crt', certificate.cert),
    TLS_KEY,
    TLS_KEY_PASSPHRASE_FILE: file('passphrase', secrets.passphrase),
    XMPP_DOMAINS: 'near.example,far.example',
    XMPP_SERVICE_ACCOUNTS: `near.example=robot:${secrets.servicePassword}`,
    REMOTE_HEADERS: `X-Api-Key=${secrets.header}`,
    RATE_FAILED_LOGINS: '2',
    RATE_WARMS_PER_JID: '0',
    // Nothing listens there, so all attempts are logged.
    EVENTS_URL: `http://127.0.0.1:1/events?key=${secrets.eventsUrl}`,
    EVENTS_SECRET: secrets.eventsSecret,
    METRICS_ADDRESS: '127.0.0.1:0',
  }
  process.stderr.write = (chunk: string | Uint8Array) => {
    written += chunk
    return true
  }
  service = await startTestService({
    servers: `near.example=xmpp://127.0.0.1:${server.port}?ca=${encodeURIComponent(ca)},far.example=${endpoint.url}`,
    environment,
  })
})

afterEach(() => {
  server.script = {}
})

afterAll(async () => {
  process.stderr.write = write
  await call('DELETE', '/warm/sessions?jid=alice@near.example')
  await service.stop()
  await server.stop()
  await endpoint.stop()
})

const basic = (secret: string) => `Basic ${Buffer.from(`portal:${secret}`).toString('base64')}`

async function call(method: string, path: string, about: Call = {}): Promise<HttpAnswer> {
  const headers = { ...jsonHeaders, Authorization: basic(secrets.adminSecret), ...about.headers }
  const reply = await callUrl(service.url + path, { ...about, method, headers })
  replies.push(reply)
  return reply
}

const warm = (parameters: object, headers = {}) =>
  call('POST', '/warm', { body: JSON.stringify({ jid: 'alice@near.example', ...parameters }), headers })

/** Warms a session. Its reply must contain secrets, and is not searched. */
async function bind(parameters: object) {
  const reply = await warm(parameters)
  replies.pop()
  expect([reply.status, reply.status === 200 ? '' : reply.text]).toEqual([200, ''])
  const binding = JSON.parse(reply.text)
  for (const secret of [binding.sid, String(binding.rid), binding.cookie?.value]) if (secret) made.add(secret)
  return binding
}

/** A secret as it is, and in encodings. */
const shapesOf = (secret: string) => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('hex'),
  ...['', '\0alice\0', '\0robot\0', 'alice@near.example\0robot\0', 'portal:'].map(before =>
    Buffer.from(before + secret)
      .toString('base64')
      .replace(/=+$/, ''),
  ),
]

/** The headers that the remote endpoint received. It repeats the secret in all its replies. */
const echoed: unknown[] = []
let echoStatus = 200

async function echo(): Promise<void> {
  for (;;) {
    const asked = await endpoint.request()
    echoed.push(asked.message.headers['x-api-key'])
    asked.send(echoStatus, `<body type='terminate' condition='${secrets.header}'>${secrets.header}</body>`, {
      'X-Echo': secrets.header,
    })
  }
}

/** Searches all output so far. */
async function expectNothing(): Promise<void> {
  const { text: metrics } = await scrape(service.service.metricsUrl)
  const outputs = {
    metrics,
    log: service.lines.join(''),
    written,
    replies: replies.map(({ text, headers }) => text + JSON.stringify(headers)).join('\n'),
  }
  for (const secret of [...Object.values(secrets), ...made]) {
    for (const shape of shapesOf(secret))
      for (const [name, text] of Object.entries(outputs))
        expect([name, secret, text.includes(shape)]).toEqual([name, secret, false])
  }
  expect(service.lines.length).toBeGreaterThan(0)
}

describe('no secret appears in any output', () => {
  test('for sessions warmed with a password, a token or the service account', async () => {
    for (const how of [{ password: secrets.password }, { token: secrets.token }, {}]) {
      const { id, sid, rid } = await bind({ ...how, attach_binding: 'cookie' })
      const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
      const first = await client.send(client.compose("<presence xmlns='jabber:client'/>", { pause: '60' }))
      const cookie = /^wb-[^=]+=([^;]+)/.exec(String(first.headers['set-cookie']))?.[1]
      expect(cookie).toMatch(/^[\w-]{32}$/)
      made.add(cookie!)
      const headers = { Cookie: `wb-${id}=${cookie}` }
      replies.push(await client.send(client.compose('', { pause: '60' }), { headers }))
      // An attacker with the sid.
      const stranger = { headers: { Cookie: `wb-${id}=${secrets.cookie}` } }
      replies.push(await client.send(client.compose(), stranger))
      client.close()
      await call('GET', `/warm/${id}`)
      await call('GET', '/warm/sessions', { headers: { Accept: 'text/html' } })
    }
    await expectNothing()
  })

  test('for a session that is resumed and ended, whose events fail', async () => {
    const { id } = await bind({ password: secrets.password, attach_binding: 'reply' })
    const resumed = JSON.parse((await call('POST', `/warm/${id}/resume`, { body: '{}' })).text)
    replies.pop()
    for (const secret of [resumed.sid, String(resumed.rid), resumed.cookie?.value]) if (secret) made.add(secret)
    await warm({ password: secrets.wrongPassword, visit: 'v1' })
    await call('DELETE', `/warm/${id}`)
    await call('DELETE', `/warm/${id}`)
    const failed = () => service.lines.some(line => line.includes('ECONNREFUSED') && line.includes(id))
    await eventually('an attempt to send the event has failed', failed)
    await expectNothing()
  })

  test('for failed logins, in JSON and HTML', async () => {
    const attempts = [
      { password: secrets.wrongPassword },
      { token: secrets.wrongToken },
      { password: secrets.password, authzid: 'bob@near.example' },
      { jid: 'alice@other.example', token: secrets.token },
      { jid: 'robot@near.example', password: secrets.password },
    ]
    for (const Accept of ['application/json', 'text/html'])
      for (const parameters of attempts) expect((await warm(parameters, { Accept })).status).toBeGreaterThanOrEqual(400)
    server.script = {
      success: turn => turn.say(saslFailure('not-authorized').replace('</', `<text>${secrets.token}</text></`)),
    }
    expect((await warm({ token: secrets.token })).status).toBe(403)
    server.script = { features: turn => turn.reset() }
    for (const how of [{ password: secrets.password }, { token: secrets.token }, {}])
      expect((await warm(how)).status).toBe(502)
    await expectNothing()
  })

  test.each(stages.filter(stage => stage !== 'session'))('for a login that fails at the stage %s', async stage => {
    const { password } = secrets
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
    if (stage === 'bind') acts.push(turn => turn.say(turn.usual.replace(/<jid>.*<\/jid>/, `<jid>@${password}/</jid>`)))
    for (const act of acts) {
      server.script = { [stage]: act }
      expect((await warm({ password })).status).toBeGreaterThanOrEqual(400)
    }
    await expectNothing()
  })

  test('for a remote endpoint that repeats what it receives', async () => {
    const far = { jid: 'alice@far.example', password: secrets.password }
    for (const status of [200, 403, 500]) {
      echoStatus = status
      expect((await warm(far)).status).toBe(502)
    }
    const client = new BoshClient(`${service.url}/http-bind`)
    const creation = client.compose('', { to: 'far.example', wait: '5', hold: '1', ver: '1.6' })
    replies.push(await client.send(creation))
    client.close()
    expect(echoed.length).toBeGreaterThan(3)
    expect(new Set(echoed)).toEqual(new Set([secrets.header]))
    await expectNothing()
  })

  test('for wrong, repeatedly wrong and misplaced admin secrets', async () => {
    const statuses: number[] = []
    for (const Authorization of [
      basic(secrets.wrongAdminSecret),
      basic(secrets.wrongAdminSecret),
      basic(secrets.wrongAdminSecret),
      `Basic ${Buffer.from(`${secrets.wrongAdminSecret}:portal`).toString('base64')}`,
      `Bearer ${secrets.adminSecret}`,
      `Basic ${secrets.adminSecret}`,
    ])
      statuses.push((await warm({ password: secrets.password }, { Authorization })).status)
    expect(statuses).toEqual([401, 401, 429, 401, 401, 401])
    await call('GET', `/warm?secret=${secrets.adminSecret}`)
    await call('GET', `/${secrets.adminSecret}/${secrets.token}`)
    await expectNothing()
  })

  test('for requests to the BOSH endpoint', async () => {
    const client = new BoshClient(`${service.url}/http-bind`)
    const post = async (body: string, headers = {}) => {
      const reply = await client.send(body, { headers })
      replies.push(reply)
      return reply
    }
    await post(`<body>${secrets.password}</body>`)
    await post(client.compose('', { to: secrets.password }))
    await post(client.compose('', { sid: secrets.cookie }), { Cookie: `wb-x=${secrets.cookie}` })
    await post('x'.repeat(600_000) + secrets.password)
    const opened = await post(client.compose('', { to: 'near.example', wait: '5', hold: '1', ver: '1.6' }))
    client.sid = attribute(opened.text, 'sid')
    made.add(client.sid!)
    replies.pop()
    const plain = Buffer.from(`\0alice\0${secrets.password}`).toString('base64')
    await post(client.compose(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`))
    await post(client.compose('<not-closed>'))
    client.close()
    await expectNothing()
  })

  test('for pages, and when certificates are reloaded', async () => {
    const pages = ['/', '/openapi.json', '/warm', '/assets/style.css', '/healthz', '/readyz', '/.well-known/host-meta']
    for (const path of pages)
      for (const Accept of ['text/html', 'application/json']) await call('GET', path, { headers: { Accept } })
    service.service.reload()
    writeFileSync(TLS_KEY, `${secrets.passphrase}\nis no key`)
    service.service.reload()
    await expectNothing()
  })
})
