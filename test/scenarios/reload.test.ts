// SIGHUP: settings are read again while sessions go on. Each row changes a setting, and is checked from outside.
// Runs in npm run test:all only: half a minute.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { type Name, settings } from '../../src/config/settings.js'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { ask, type HttpAnswer } from '../support/http-answer.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { type OperatedService, Operator, usualSettings } from '../support/operated-service.js'
import { callConnect } from '../support/page-call.js'
import { pageSecret, pageToken } from '../support/page-token.js'
import { redisForWorkers, workerCounts } from '../support/redis-for-workers.js'
import { scrape } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { WebSocketWire } from '../support/websocket-wire.js'

const authority = makeCertificate([])
const [first, second] = ['first.example', 'second.example'].map(name =>
  makeCertificate([`DNS:${name}`], { issuer: authority }),
)
const [one, two] = ['https://one.example', 'https://two.example']
const issuer = 'https://id.example'
const pageKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })

type ReloadedName = { [N in Name]: (typeof settings)[N]['reloads'] extends true ? N : never }[Name]

let old: LoginServer
let young: LoginServer
/** Of the users of pages. Served all the time. */
let kept: LoginServer
const workersOf = redisForWorkers()
const operator = Operator.ofEachTest()
let service: OperatedService
let url: string
let environment: Record<string, string>

beforeAll(async () => {
  old = await startLoginServer({ domain: 'old.example' })
  const accounts = { alice: 'Pa55-of-alice', bot: 'Pa55-of-bot' }
  young = await startLoginServer({ domain: 'new.example', accounts, actors: ['bot'] })
  kept = await startLoginServer({ domain: 'page.example', accounts, actors: ['bot'] })
})

afterAll(() => Promise.all([old.stop(), young.stop(), kept.stop()]))

const alice = { jid: 'alice@old.example', password: 'Pa55-of-alice' }
const basic = (account: string) => `Basic ${Buffer.from(account).toString('base64')}`
const encrypted = (key: string, passphrase: string) =>
  createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString()
/** The same server, for users of another domain. */
const signed = () => ({ ...kept, domain: 'signed.example' })
const serverAt = (...servers: Pick<LoginServer, 'domain' | 'port'>[]) =>
  servers.map(({ domain, port }) => `${domain}=xmpp://127.0.0.1:${port}?tls=none&plain=on`).join(',')

async function begin(more: Record<string, string>, workers: string): Promise<void> {
  environment = {
    ...{ ...usualSettings, ...workersOf(workers), XMPP_SPARE_LINKS: '0' },
    ...{ XMPP_DOMAINS: 'old.example', XMPP_SERVERS: serverAt(old), RATE_WARMS_PER_JID: '0' },
    ...more,
  }
  writeSettings()
  service = operator.start({}, '--env-file', 'service.env')
  url = await service.url()
}

const listening = () =>
  service.lines.find(({ msg }) => msg === 'listening') as unknown as { urls: string[]; metricsUrl: string }

function writeSettings(): void {
  const lines = Object.entries(environment).map(([name, value]) => `${name}='${value}'`)
  operator.write('service.env', lines.join('\n'))
}

const rereads = () => service.lines.filter(({ msg }) => msg === 'the settings were read again')

/** What the log says of it. */
async function reload(more: Record<string, string>): Promise<OperatedService['lines'][number]> {
  Object.assign(environment, more)
  writeSettings()
  const before = rereads().length
  service.signal('SIGHUP')
  await eventually('the settings were read again', () => rereads().length > before)
  return rereads().at(-1)!
}

const call = (method: string, path: string, headers: Record<string, string> = {}) =>
  ask(url + path, { method, headers: { Accept: 'application/json', ...headers } })
const codeOf = ({ status, text }: HttpAnswer) => (status < 400 ? 'ok' : (JSON.parse(text).code as string))
const warm = (body: object) => callSessions(url, 'POST', '', { body })
const warmed = async (domain: string, more: object = {}) =>
  codeOf(await warm({ jid: `alice@${domain}`, password: 'Pa55-of-alice', ...more }))
const list = (account: string, from = '127.0.0.1') =>
  call('GET', '/warm/sessions', { Authorization: basic(account), 'X-Forwarded-For': from }).then(codeOf)
const statusFrom = (path: string, from: string) =>
  call('GET', path, { 'X-Forwarded-For': from }).then(({ status }) => status)
const connect = (origin: string, token = '') => callConnect(url, origin, { token, body: '{}' }).then(codeOf)
const open = async (wait = '1', to = 'old.example') => {
  const client = new BoshClient(`${url}/http-bind`)
  const text = await client.request('', { to, 'xml:lang': 'en', wait, hold: '1', ver: '1.6' })
  client.sid = attribute(text, 'sid')
  return { client, condition: attribute(text, 'condition') }
}

const upgrade = (Origin: string) =>
  WebSocketWire.open(url, { headers: { Origin } }).then(
    wire => wire.drop(),
    (error: Error) => error.message,
  )

const rsaToken = () =>
  new SignJWT({ email_verified: true })
    .setProtectedHeader({ alg: 'RS256' })
    .setSubject('alice')
    .setIssuer(issuer)
    .setAudience('chat')
    .setExpirationTime('5 min')
    .sign(pageKeys.privateKey)

/** The alternative names, cipher and chain that https clients get; an error's code. */
function handshake(more: object = {}): Promise<string> {
  const { port } = new URL(listening().urls.find(each => each.startsWith('https:'))!)
  return new Promise(resolve => {
    const socket = connectTls({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false, ...more }, () => {
      const { subjectaltname, issuerCertificate } = socket.getPeerCertificate(true)
      const chain = issuerCertificate === undefined ? 'alone' : 'with its chain'
      resolve([subjectaltname, chain, socket.getCipher().name].join(', '))
      socket.destroy()
    }).on('error', ({ code }: NodeJS.ErrnoException) => resolve(String(code)))
  })
}

interface Row {
  /** Before and after; undefined is not set. */
  readonly values: readonly [before: string | undefined, after: string | undefined]
  /** What shows the change. */
  readonly look: () => Promise<unknown>
  readonly seen: readonly [before: unknown, after: unknown]
}

const tls: Pick<Row, 'look' | 'seen'> = {
  look: async () => [await handshake(), await handshake({ maxVersion: 'TLSv1.2' })],
  seen: [
    ['DNS:first.example, alone, TLS_AES_256_GCM_SHA384', 'DNS:first.example, alone, ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['DNS:second.example, with its chain, TLS_AES_128_GCM_SHA256', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
  ],
}
const pages: Pick<Row, 'look' | 'seen'> = {
  look: async () => [
    await connect(one!, pageToken({ iss: issuer })),
    await connect(two!, await rsaToken()),
    await connect(two!, pageToken({ iss: issuer })),
  ],
  seen: [
    ['ok', 'cross-site-request', 'cross-site-request'],
    ['cross-site-request', 'ok', 'invalid-token'],
  ],
}
const cors: Pick<Row, 'look' | 'seen'> = {
  async look() {
    const { headers } = await call('OPTIONS', '/http-bind', { Origin: one!, 'Access-Control-Request-Method': 'POST' })
    return ['origin', 'credentials', 'headers', 'methods']
      .map(name => headers[`access-control-allow-${name}`] ?? headers[`access-control-${name}`])
      .concat(headers['access-control-max-age'])
  },
  seen: [
    ['*', undefined, 'Content-Type', 'GET, POST, OPTIONS', '7200'],
    [one, 'true', 'Content-Type', 'GET, POST, OPTIONS', '7200'],
  ],
}
const file = (name: string, text: string) => {
  operator.write(name, text)
  return operator.pathOf(name)
}

const sealKey = () => file('seal.key', Buffer.alloc(32, 7).toString('base64'))

/** They change all at once. */
const lists: () => { readonly [Name in ReloadedName]?: Row } = () => ({
  TLS_CERT: { values: [file('first.crt', first!.cert), file('second.crt', second!.cert)], ...tls },
  TLS_CHAIN: { values: [undefined, file('authority.crt', authority.cert)], ...tls },
  TLS_KEY: {
    values: [
      file('first.key', encrypted(first!.key, 'first-passphrase')),
      file('second.key', encrypted(second!.key, 'second-passphrase')),
    ],
    ...tls,
  },
  TLS_KEY_PASSPHRASE_FILE: {
    values: [file('first-passphrase', 'first-passphrase'), file('second-passphrase', 'second-passphrase')],
    ...tls,
  },
  TLS_CIPHERS: { values: [undefined, 'TLS_AES_128_GCM_SHA256'], ...tls },
  TLS_MIN_VERSION: { values: [undefined, '1.3'], ...tls },
  TRUSTED_PROXIES: {
    values: ['none', 'loopback'],
    look: () => list('admin:admin-secret', '10.9.9.9'),
    seen: ['ok', 'address-forbidden'],
  },
  WARM_ALLOW: {
    values: [undefined, 'loopback, 10.0.0.0/8, !10.9.9.9'],
    look: async () => [await list('admin:admin-secret', '192.168.1.1'), await list('admin:admin-secret', '10.1.1.1')],
    seen: [
      ['ok', 'ok'],
      ['address-forbidden', 'ok'],
    ],
  },
  BOSH_ALLOW: {
    values: [undefined, 'any, !192.168.0.0/16'],
    look: () => statusFrom('/http-bind', '192.168.1.1'),
    seen: [200, 403],
  },
  WEBSOCKET_ALLOW: {
    values: [undefined, 'loopback, 10.0.0.0/8'],
    look: () => statusFrom('/xmpp-websocket', '192.168.1.1'),
    seen: [200, 403],
  },
  ADMIN_USERS: {
    values: ['admin:admin-secret', 'admin:admin-secret,watcher:w-secret:role=read'],
    look: () => list('watcher:w-secret'),
    seen: ['unauthorized', 'ok'],
  },
  ADMIN_USERS_FILE: {
    values: [file('admins', 'shop:old-secret'), file('new-admins', 'shop:new-secret')],
    look: async () => [await list('shop:old-secret'), await list('shop:new-secret')],
    seen: [
      ['ok', 'unauthorized'],
      ['unauthorized', 'ok'],
    ],
  },
  XMPP_DOMAINS: {
    values: ['page.example,signed.example,old.example', 'page.example,signed.example,new.example'],
    look: () => warmed('old.example'),
    seen: ['ok', 'domain-not-allowed'],
  },
  XMPP_SERVERS: {
    values: [serverAt(kept, signed(), old), serverAt(kept, signed(), young)],
    look: () => warmed('new.example'),
    seen: ['domain-not-allowed', 'ok'],
  },
  XMPP_RETIRED_DOMAINS: {
    values: [undefined, 'gone.example'],
    look: async () => (await open('1', 'gone.example')).condition,
    seen: ['host-unknown', 'host-gone'],
  },
  XMPP_SERVICE_ACCOUNTS: {
    values: ['page.example=bot:Pa55-of-bot', 'new.example=bot:Pa55-of-bot'],
    look: () => warm({ jid: 'alice@new.example' }).then(codeOf),
    seen: ['missing-parameter', 'ok'],
  },
  XMPP_SERVICE_ACCOUNTS_FILE: {
    values: [undefined, file('accounts', 'page.example=bot:Pa55-of-bot')],
    look: () => warm({ jid: 'alice@page.example' }).then(codeOf),
    seen: ['ok', 'ok'],
  },
  XMPP_LOGIN_KEYS_FILE: {
    values: [undefined, file('login-keys', `signed.example={"kty":"oct","k":"${'k'.repeat(43)}"}`)],
    look: () => warm({ jid: 'alice@signed.example' }).then(codeOf),
    seen: ['missing-parameter', 'not-authorized'],
  },
  XMPP_CREATE_ACCOUNTS: {
    values: [undefined, 'signed.example=maker'],
    async look() {
      const logged = (wanted: string) => service.lines.filter(({ msg }) => msg === wanted).length
      const [before, made] = [logged('warm'), logged('account')]
      await warm({ jid: 'bob@signed.example' })
      await eventually('the call is logged', () => logged('warm') > before)
      return logged('account') > made
    },
    seen: [false, true],
  },
  SEAL_KEY_FILE: {
    values: [undefined, sealKey()],
    look: async () => [
      await warmed('old.example', { remember: 'on' }),
      await warmed('new.example', { remember: 'on' }),
    ],
    seen: [
      ['cannot-remember', 'domain-not-allowed'],
      ['domain-not-allowed', 'ok'],
    ],
  },
  CORS_ORIGINS: { values: [undefined, one], ...cors },
  WEBSOCKET_ORIGINS: { values: [one, two], look: () => upgrade(two!), seen: ['no WebSocket but HTTP 403', undefined] },
  PAGE_ORIGINS: { values: [one, two], ...pages },
  PAGE_TOKEN_SECRET_FILE: { values: [file('page-secret', pageSecret), undefined], ...pages },
  PAGE_TOKEN_JWKS: {
    values: [undefined, file('jwks.json', JSON.stringify({ keys: [pageKeys.publicKey.export({ format: 'jwk' })] }))],
    ...pages,
  },
  PAGE_GUESTS: {
    values: [undefined, 'page.example'],
    look: async () => [await connect(one!), await connect(two!)],
    seen: [
      ['invalid-token', 'cross-site-request'],
      ['cross-site-request', 'ok'],
    ],
  },
  LOG_LEVEL: {
    values: ['info', 'info,http=debug,websocket=debug'],
    async look() {
      const before = service.lines.length
      for (let index = 0; index < 6; index += 1) await call('GET', '/nothing')
      return service.lines.slice(before).some(({ level }) => Number(level) === 20)
    },
    seen: [false, true],
  },
})

/** With workers, `SEAL_KEY_FILE` is always set. Credentials that are sealed with a former key are no longer accepted. */
function keysOfWorkers({ SEAL_KEY_FILE: first }: Record<string, string>): Record<string, Row> {
  let credential: string | undefined
  const look = async () => {
    const account = { jid: 'alice@page.example' }
    credential ??= (await warm({ ...account, password: 'Pa55-of-alice', remember: 'on' })).json.credential
    return codeOf(await warm({ ...account, credential }))
  }
  return { SEAL_KEY_FILE: { values: [first, sealKey()], look, seen: ['ok', 'credentials-expired'] } }
}

const valuesOf = (rows: { readonly [name: string]: Row }, at: 0 | 1) =>
  Object.fromEntries(Object.entries(rows).map(([name, { values }]) => [name, values[at] ?? '']))

test.each(workerCounts('0', '2'))(
  'a reload changes all settings at once, with %s workers, and sessions continue',
  async workers => {
    const rows = { ...lists(), ...(workers !== '0' && keysOfWorkers(workersOf(workers))) } as Record<string, Row>
    const fixed = {
      ...{ HTTPS_PORT: '0', PAGE_TOKEN_AUDIENCE: 'chat', PAGE_TOKEN_ISSUER: issuer },
      ...{ PAGE_TOKEN_JID: '{sub}@page.example', PAGE_TOKEN_LOGIN: 'service' },
    }
    await begin({ ...fixed, ...valuesOf(rows, 0) }, workers)
    const see = async (at: 0 | 1) => {
      const looked: Record<string, unknown> = {}
      for (const [name, { look }] of Object.entries(rows)) looked[name] = await look()
      expect(looked).toEqual(Object.fromEntries(Object.entries(rows).map(([name, { seen }]) => [name, seen[at]])))
    }
    await see(0)
    const page = (await warm(alice)).json
    const client = new BoshClient(url + new URL(page.url).pathname, page)
    const held = client.request("<presence xmlns='jabber:client'/>")

    const fixedAtStart = { PORT: '1', ...(workers !== '0' && { WORKERS: '3' }) }
    const { changed, needRestart } = await reload({ ...valuesOf(rows, 1), ...fixedAtStart })
    expect(needRestart).toEqual(Object.keys(fixedAtStart))
    expect([...(changed as string[])].sort()).toEqual(Object.keys(rows).sort())
    await see(1)
    // The session of a domain that is no longer served.
    const next = client.request("<presence xmlns='jabber:client'/>")
    expect(await held).not.toContain('terminate')
    expect((await callSessions(url, 'DELETE', `/${page.id}`)).status).toBe(204)
    expect(await next).toContain('terminate')
    expect(service.stdout).not.toMatch(/w-secret|new-secret|passphrase'|Pa55/)
  },
)

/** Warms up to so many sessions, until one is refused. */
async function warmUntil(times: number) {
  let code = 'ok'
  for (let index = 0; index < times && code === 'ok'; index += 1) code = codeOf(await warm(alice))
  return code
}

/** Three guests: with two workers, each takes one if that is the limit. */
async function comeUntilRefused(): Promise<string> {
  const codes = [await connect(one!), await connect(one!), await connect(one!)]
  return codes.find(code => code !== 'ok') ?? 'ok'
}

/** Opens sessions without a login, and ends them. Why the last is refused. */
async function openMany(times: number): Promise<string | undefined> {
  const all: Awaited<ReturnType<typeof open>>[] = []
  while (all.length < times) all.push(await open())
  return leaveAll(all)
}

/** Three sessions: two are in the same worker. After 5 s, one of them would make room for the next. */
async function openAtOnce(): Promise<string | undefined> {
  return leaveAll(await Promise.all([open(), open(), open()]))
}

/** Why the last of those that were refused was refused. */
async function leaveAll(all: readonly Awaited<ReturnType<typeof open>>[]): Promise<string | undefined> {
  for (const { client, condition } of all) if (condition === undefined) await client.terminate()
  for (const { client } of all) client.close()
  return all.findLast(({ condition }) => condition !== undefined)?.condition
}

/** How each of many connections ends that send this: with an answer's status, or closed. */
async function answers(
  count: number,
  text: string,
  isEnough: (all: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const { port } = new URL(url)
  const all: string[] = []
  const sockets = Array.from({ length: count }, () => {
    const socket = connectTcp({ port: Number(port), host: '127.0.0.1' }, () => socket.write(text))
    socket.on('error', () => {}).once('close', () => void all.push('closed'))
    return socket.once('data', (data: Buffer) => void all.push(data.toString().split(' ')[1]!))
  })
  await eventually('enough of them have ended', () => isEnough(all))
  const seen = [...all]
  for (const socket of sockets) socket.destroy()
  return seen
}

const get = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'
const connectMany = () => answers(20, get, all => all.length === 20)
const someAreClosed = expect.arrayContaining(['200', 'closed'])
const unfinished = `POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n${' '.repeat(400_000)}`

interface Limit {
  readonly values: readonly [loose: string, tight: string]
  readonly look: () => Promise<unknown>
  readonly seen: unknown
}

/** They change one after the other. */
const limits: { readonly [Name in ReloadedName]?: Limit } = {
  MAX_SESSIONS: { values: ['0', '1'], look: () => warmUntil(3), seen: 'service-full' },
  MAX_SESSIONS_PER_JID: { values: ['0', '1'], look: () => warmUntil(2), seen: 'too-many-sessions' },
  RATE_WARMS_PER_JID: { values: ['0', '1'], look: () => warmUntil(2), seen: 'too-many-requests' },
  MAX_SESSIONS_PER_ADDRESS: { values: ['0', '1'], look: () => openMany(2), seen: 'policy-violation' },
  MAX_UNAUTHENTICATED_PER_ADDRESS: { values: ['0', '1'], look: openAtOnce, seen: 'policy-violation' },
  RATE_SESSIONS_PER_ADDRESS: { values: ['0', '1'], look: () => openMany(6), seen: 'policy-violation' },
  BOSH_LOGIN_TIMEOUT: {
    values: ['60', '1'],
    async look() {
      const { client } = await open('10')
      const text = await client.request()
      client.close()
      return attribute(text, 'type')
    },
    seen: 'terminate',
  },
  RATE_FAILED_LOGINS: {
    values: ['0', '1'],
    look: async () => [await list('admin:wrong'), await list('admin:wrong'), await list('admin:wrong')].at(-1),
    seen: 'too-many-requests',
  },
  MAX_CONNECTIONS: { values: ['0', '6'], look: connectMany, seen: someAreClosed },
  MAX_CONNECTIONS_PER_ADDRESS: { values: ['1000', '6'], look: connectMany, seen: someAreClosed },
  MAX_UNFINISHED_MB: {
    values: ['64', '1'],
    look: () => answers(8, unfinished, all => all.includes('503')),
    seen: expect.arrayContaining(['503']),
  },
  RATE_GUESTS: { values: ['0', '1'], look: comeUntilRefused, seen: 'too-many-requests' },
  MAX_GUESTS: { values: ['0', '1'], look: comeUntilRefused, seen: 'too-many-requests' },
  // The memory is measured every 250 ms.
  MAX_MEMORY_MB: { values: ['0', '1'], look: () => warmUntil(2_000), seen: 'service-full' },
}

test.each(workerCounts('0', '2'))('a reload changes each limit, with %s workers', async workers => {
  const rows = Object.entries(limits)
  const ofGuests = {
    ...{ XMPP_DOMAINS: 'old.example,page.example', XMPP_SERVERS: serverAt(old, kept) },
    ...{ XMPP_SERVICE_ACCOUNTS: 'page.example=bot:Pa55-of-bot', PAGE_ORIGINS: one!, PAGE_GUESTS: 'page.example' },
  }
  await begin(
    {
      TRUSTED_PROXIES: 'none',
      ...ofGuests,
      ...Object.fromEntries(rows.map(([name, { values }]) => [name, values[0]])),
    },
    workers,
  )
  for (const [name, { values, look, seen }] of rows) {
    expect((await reload({ [name]: values[1] }))['changed']).toContain(name)
    expect({ [name]: await look() }).toEqual({ [name]: seen })
    await reload({ [name]: values[0] })
    await callSessions(url, 'DELETE', `/sessions?jid=${alice.jid}`)
  }
})

test('each setting that is marked as reloadable is changed in these tests', () => {
  // Their parts read the value at each use (test/config/live-config.test.ts).
  const inTime = ['MAX_UNREAD_MB', 'RATE_LOGINS_PER_ADDRESS', 'RATE_SESSION_BYTES']
  const marked = Object.entries(settings).flatMap(([name, { reloads }]) => (reloads ? [name] : []))
  expect([...Object.keys(lists()), ...Object.keys(limits), ...inTime].sort()).toEqual(marked.sort())
})

test.each(workerCounts('0', '2'))(
  'an invalid reload, also of certificates, changes nothing, and is in the log and in the metrics, with %s workers',
  async workers => {
    const files = { TLS_CERT: file('second.crt', second!.cert), TLS_KEY: file('plain.key', second!.key) }
    await begin({ METRICS_ADDRESS: '127.0.0.1:0', HTTPS_PORT: '0', ...files }, workers)
    const { metricsUrl } = listening()
    const started = Date.now() / 1000
    const last = async () => {
      const { samples } = await scrape(metricsUrl)
      return ['successful', 'success_timestamp_seconds'].map(name => samples.get(`warm_bindings_last_reload_${name}`)!)
    }
    const [atStart, startedAt] = await last()
    expect([atStart, Math.abs(startedAt! - started) < 30]).toEqual([1, true])

    Object.assign(environment, {
      ADMIN_USERS_FILE: file('admins', 'shop'),
      MAX_SESSIONS: 'lots',
      XMPP_DOMAINS: 'new.example',
    })
    writeSettings()
    service.signal('SIGHUP')
    while ((await last())[0] !== 0);
    expect(await last()).toEqual([0, startedAt])
    const refused = service.lines.find(({ msg }) => msg === 'the settings are invalid: nothing has changed')
    expect(refused?.['problems']).toEqual([
      expect.stringMatching(/^ADMIN_USERS_FILE line 1 has no colon/),
      expect.stringMatching(/^MAX_SESSIONS must be a whole number/),
    ])
    expect(await warmed('old.example')).toBe('ok')

    await reload({ ADMIN_USERS_FILE: '', MAX_SESSIONS: '100', XMPP_DOMAINS: 'old.example' })
    while ((await last())[0] !== 1);
    expect((await last())[1]).toBeGreaterThan(startedAt!)

    operator.write('plain.key', first!.key)
    service.signal('SIGHUP')
    while ((await last())[0] !== 0);
  },
)
