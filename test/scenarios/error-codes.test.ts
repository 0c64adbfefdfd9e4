// Every error code, provoked through the whole service as a backend would see it.
// Runs in npm run test:all only: ten seconds.
import { Socket } from 'node:net'
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { Router } from 'express'
import { systemClock } from '../../src/lib/clock.js'
import { type ProblemCode, problems, type Step } from '../../src/lib/errors.js'
import { type Store, StoreUnavailable } from '../../src/store/store.js'
import { memberOf } from '../store/entries.js'
import { ApiDocument } from '../support/api-document.js'
import { makeCertificate } from '../support/certificates.js'
import { calledAfterEach, stoppedAfterAll, stoppedAfterEach } from '../support/closers.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { idOf, saslFailure, saslNamespace } from '../support/login-server/elements.js'
import {
  type LoginServer,
  type LoginServerOptions,
  type Stage,
  startLoginServer,
  type Turn,
} from '../support/login-server/server.js'
import { type Call, callUrl, jsonHeaders, serverSetting } from '../support/login-server/watched-service.js'
import { memoryStore } from '../support/memory-store.js'
import { freePorts } from '../support/ports.js'
import { startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { testFolder } from '../support/test-folder.js'

const domain = 'chat.example'
const { connect: connectSocket } = Socket.prototype
const alice = { jid: 'alice@chat.example', password: 'Pa55-of-alice' }
const { folder, file } = testFolder()

/** A strict server and the service in front of it. `closers` end the other parts of a test. */
let server: LoginServer
let service: TestService
const closers = calledAfterEach()
const stopped = stoppedAfterEach()
const stoppedLast = stoppedAfterAll()

beforeAll(async () => {
  const accounts = { alice: alice.password, bob: 'Pa55-of-bob' }
  const admins = 'elsewhere:scoped-secret:elsewhere.example\nwatcher:read-secret:role=read\n'
  server = await stoppedLast(startLoginServer({ domain, accounts }))
  const environment = { XMPP_DOMAINS: domain, ADMIN_USERS_FILE: file('admins', admins), RATE_WARMS_PER_JID: '0' }
  service = await stoppedLast(startTestService({ servers: serverSetting(server, folder), environment }))
})

afterEach(() => {
  server.script = {}
})

/** A service for one test. */
const startService = ({ environment, ...others }: TestServiceOptions) =>
  stopped(startTestService({ ...others, environment: { XMPP_DOMAINS: domain, ...environment } }))

/** From now on, what is due after exactly `ms` milliseconds of the system's clock waits for the returned function. */
function holdTimers(ms: number): () => void {
  const { after } = systemClock
  const waiting = new Set<() => void>()
  const spy = jest.spyOn(systemClock, 'after').mockImplementation((delay, callback) => {
    if (delay !== ms) return after(delay, callback)
    waiting.add(callback)
    return { cancel: () => void waiting.delete(callback) }
  })
  return () => {
    spy.mockRestore()
    for (const callback of waiting) callback()
    waiting.clear()
  }
}

/** A service for one test, in front of another server. */
async function startBefore(about: Partial<LoginServerOptions>, reach?: (port: number) => string) {
  const other = await stopped(startLoginServer({ domain, ...about }))
  return startService({ servers: reach?.(other.port) ?? serverSetting(other, folder) })
}

/** A call of a service, and its reply. */
interface Provoked {
  readonly at: TestService
  readonly method: string
  readonly path: string
  readonly answer: HttpAnswer
}

async function ask(method: string, path: string, about: Call = {}, at = service): Promise<Provoked> {
  const headers = { ...jsonHeaders, ...about.headers }
  const url = at.url.replace('0.0.0.0', '127.0.0.1')
  return { at, method, path, answer: await callUrl(url + path, { ...about, method, headers }) }
}

const warm = (parameters: object, at = service, about: Call = {}) =>
  ask('POST', '/warm', { body: JSON.stringify(parameters), ...about }, at)

/** A call with the credentials of another admin. */
const warmAs = (name: string, secret: string) => {
  const Authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
  return warm(alice, service, { headers: { Authorization } })
}

/** A login at a server that acts differently at a stage. */
function warmWhere(stage: Stage, act: (turn: Turn) => void): Promise<Provoked> {
  server.script = { [stage]: act }
  return warm(alice)
}

/** A second login of a user, with a limit of one. */
async function warmTwice(environment: Record<string, string>): Promise<Provoked> {
  const at = await startService({ servers: serverSetting(server, folder), environment })
  const { id } = await at.bind(alice)
  closers.push(() => ask('DELETE', `/warm/${id}`, {}, at))
  return warm(alice, at)
}

/** A page sends a token without a valid signature. */
async function connect(environment: Record<string, string>): Promise<Provoked> {
  const at = await startService({
    environment: {
      PAGE_ORIGINS: 'https://portal.example',
      PAGE_TOKEN_SECRET_FILE: file('secrets', 'a-secret-of-the-portal-with-32-bytes'),
      PAGE_TOKEN_AUDIENCE: 'chat',
      PAGE_TOKEN_JID: `{sub}@${domain}`,
      PAGE_TOKEN_LOGIN: 'token',
      ...environment,
    },
  })
  const Authorization = `Bearer ${Buffer.from('{"alg":"RS256"}').toString('base64url')}.e30.AAAA`
  return ask('POST', '/connect', { headers: { Authorization } }, at)
}

const saslRefusal = (condition: string) => () => warmWhere('success', turn => turn.say(saslFailure(condition)))
const streamError = (condition: string) => () =>
  warmWhere('features', turn =>
    turn.say(
      `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
    ),
  )
const bindRefusal = (condition: string) => () =>
  warmWhere('bind', turn =>
    turn.say(
      `<iq type='error' id='${idOf(turn)}'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
    ),
  )

type Provoke = () => Promise<Provoked>

/** A failed login, with its step and the condition of the XMPP server. */
interface FailedLogin {
  readonly step: Step
  readonly condition?: string
  readonly provoke: Provoke
}

const atStep = (step: Step, provoke: Provoke, condition?: string): FailedLogin => ({
  ...{ step, provoke },
  ...(condition !== undefined && { condition }),
})

/** A store whose locks of tabs are away. */
function storeWithoutTabs(): Store {
  const enter = async () => {
    throw new StoreUnavailable('no-answer')
  }
  return Object.create(memoryStore(systemClock), { tabs: { value: { enter } } })
}

const rows: Record<ProblemCode, Provoke | FailedLogin> = {
  'missing-parameter': () => warm({ jid: alice.jid }),
  'invalid-parameter': () => warm({ ...alice, wait: 'long' }),
  'invalid-jid': () => warm({ ...alice, jid: 'alice' }),
  'invalid-body': () => ask('POST', '/warm', { body: '{"jid":' }),
  unauthorized: () => warmAs('admin', 'wrong'),
  forbidden: () => warmAs('elsewhere', 'scoped-secret'),
  'role-forbidden': () => warmAs('watcher', 'read-secret'),
  'insecure-channel': async () => warm(alice, await startService({ environment: { HOST: '0.0.0.0' } })),
  'client-certificate-required': async () => {
    const { cert, key } = makeCertificate(['DNS:localhost'])
    const TLS_CERT = file('https.pem', cert + key)
    const tls = { HTTPS_PORT: '0', TLS_CERT, TLS_CLIENT_CA: TLS_CERT, TLS_CLIENT_AUTH: 'warm' }
    return warm(alice, await startService({ environment: tls }))
  },
  'cross-site-request': () =>
    ask('POST', '/warm', {
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: 'https://evil.example' },
      body: new URLSearchParams(alice).toString(),
    }),
  'address-forbidden': async () => warm(alice, await startService({ environment: { WARM_ALLOW: 'any,!loopback' } })),
  'domain-not-allowed': () => warm({ ...alice, jid: 'alice@other.example' }),
  'address-not-allowed': atStep('connect', async () =>
    warm({ ...alice, jid: 'alice@10.0.0.1' }, await startService({ environment: { XMPP_DOMAINS: '*' } })),
  ),
  'not-authorized': atStep('sasl', () => warm({ ...alice, password: 'wrong' }), 'not-authorized'),
  'account-disabled': atStep('sasl', saslRefusal('account-disabled'), 'account-disabled'),
  'credentials-expired': atStep('sasl', saslRefusal('credentials-expired'), 'credentials-expired'),
  'authzid-refused': atStep(
    'sasl',
    () => warm({ jid: 'bob@chat.example', password: 'Pa55-of-bob', authzid: alice.jid }),
    'invalid-authzid',
  ),
  'not-found': () => ask('GET', '/nothing'),
  'session-not-found': () => ask('GET', `/warm/${'0'.repeat(32)}`),
  'method-not-allowed': () => ask('PUT', '/warm'),
  conflict: atStep('bind', bindRefusal('conflict'), 'conflict'),
  'cannot-remember': () => warm({ ...alice, remember: 'on' }),
  'not-here': async () => {
    const near = await startService({
      servers: `${domain}=${service.url}/http-bind`,
      environment: { REMOTE_ATTACH: 'there' },
    })
    const { id } = await near.bind(alice)
    closers.push(() => ask('DELETE', `/warm/sessions?jid=${alice.jid}`))
    return ask('DELETE', `/warm/${id}`, {}, near)
  },
  'body-too-large': () => warm({ ...alice, password: 'x'.repeat(20_000) }),
  'unsupported-media-type': () => warm(alice, service, { headers: { 'Content-Type': 'text/plain' } }),
  'misdirected-request': async () => {
    const environment = { HTTP_HOSTS: `chat.example=${domain}`, HTTP_DEFAULT_HOST: 'none' }
    return warm(alice, await startService({ environment }))
  },
  'too-many-requests': async () => {
    const at = await startService({
      servers: serverSetting(server, folder),
      environment: { RATE_WARMS_PER_JID: '1' },
    })
    await warm({ ...alice, password: 'wrong' }, at)
    return warm(alice, at)
  },
  'internal-error': async () => {
    const broken = Router().get('/broken', () => {
      throw new TypeError('a detail of ours')
    })
    return ask('GET', '/broken', {}, await startService({ routers: () => [broken] }))
  },
  'host-unknown': atStep('features', streamError('host-unknown'), 'host-unknown'),
  'remote-connection-failed': atStep('connect', async () => {
    const [dead] = await freePorts(1)
    return warm(alice, await startService({ servers: `${domain}=xmpp://127.0.0.1:${dead}` }))
  }),
  'tls-unavailable': atStep('tls', async () =>
    warm(alice, await startBefore({}, port => `${domain}=xmpp://127.0.0.1:${port}`)),
  ),
  'certificate-invalid': atStep('tls', async () =>
    warm(alice, await startBefore({ certificate: makeCertificate([`DNS:other.example`]) })),
  ),
  'remote-protocol-error': atStep('features', () =>
    warmWhere('header', turn => turn.say('220 mail.example ESMTP <&>\r\n')),
  ),
  'remote-stream-error': atStep('features', streamError('policy-violation'), 'policy-violation'),
  'no-mechanism': atStep('sasl', async () => warm(alice, await startBefore({ mechanisms: ['DIGEST-MD5'] }))),
  'server-not-authentic': atStep('sasl', () =>
    warmWhere('success', turn => turn.say(`<success xmlns='${saslNamespace}'/>`)),
  ),
  'login-failed': atStep('sasl', saslRefusal('malformed-request'), 'malformed-request'),
  'bind-refused': atStep('bind', bindRefusal('not-allowed'), 'not-allowed'),
  'jid-mismatch': atStep('bind', () => warmWhere('bind', turn => turn.goOn(turn.usual.replace('alice@', 'bob@')))),
  'temporary-auth-failure': atStep('sasl', saslRefusal('temporary-auth-failure'), 'temporary-auth-failure'),
  'local-ports-exhausted': atStep('connect', async () => {
    const at = await startService({ servers: serverSetting(server, folder) })
    const code = 'EADDRNOTAVAIL'
    const connecting = jest.spyOn(Socket.prototype, 'connect').mockImplementation(function (
      this: Socket,
      ...about: unknown[]
    ) {
      const [{ port }] = [about].flat(2) as unknown as [{ port: number }]
      if (port !== server.port) return connectSocket.apply(this, about as Parameters<typeof connectSocket>)
      const error = Object.assign(new Error(code), { code, syscall: 'connect', address: '127.0.0.1' })
      return this.destroy(error)
    } as Socket['connect'])
    closers.push(() => connecting.mockRestore())
    return warm(alice, at)
  }),
  'service-full': atStep('connect', () => warmTwice({ MAX_SESSIONS: '1' })),
  'too-many-sessions': () => warmTwice({ MAX_SESSIONS_PER_JID: '1' }),
  'invalid-token': () => connect({}),
  'keys-unavailable': () =>
    connect({
      PAGE_TOKEN_SECRET_FILE: '',
      PAGE_TOKEN_JWKS: 'http://127.0.0.1:1/keys',
      PAGE_TOKEN_ISSUER: 'https://id.example',
    }),
  'session-unreachable': async () => {
    const clock = new SteppedClock()
    const store = memoryStore(clock)
    await store.join(memberOf('process1'))
    const at = await startService({ store, clock })
    await store.leave('process1')
    // The service looks each second which processes there are.
    clock.advance(1_000)
    return ask('DELETE', `/warm/process1-${'0'.repeat(32)}`, {}, at)
  },
  'store-unavailable': async () => {
    const at = await startService({ store: storeWithoutTabs() })
    return warm({ ...alice, visit: 'v1', tab: 't1' }, at)
  },
  'shutting-down': async () => {
    const environment = { XMPP_DOMAINS: domain }
    const at = await startTestService({ servers: serverSetting(server, folder), environment })
    // With a session, the service does not stop at once, but after a second.
    await at.bind(alice)
    const goOn = holdTimers(1_000)
    const stopping = at.stop()
    closers.push(() => stopping, goOn)
    return warm(alice, at)
  },
  timeout: atStep('features', async () => {
    const silent = await stopped(startLoginServer({ domain }))
    let isReached = false
    silent.script = {
      features: () => {
        isReached = true
      },
    }
    const hasty = { WARM_TIMEOUT: '1' }
    const service = await startService({ servers: serverSetting(silent, folder), environment: hasty })
    for (;;) {
      const answer = await warm(alice, service)
      // On a busy machine a login may end at an earlier step.
      if (isReached) return answer
    }
  }),
}

/** What the detail of a code names: the parameter, what is allowed, or the limit and its setting. */
const named: { readonly [Code in ProblemCode]?: string } = {
  'missing-parameter': 'Parameter: password. Or send token or credential.',
  'invalid-parameter': 'Parameter: wait. A whole number, 0 or more.',
  unauthorized: 'HTTP Basic is needed, with an account of ADMIN_USERS or ADMIN_USERS_FILE.',
  forbidden: 'Its domains in ADMIN_USERS_FILE: elsewhere.example.',
  'role-forbidden': 'Its role: read.',
  'insecure-channel': 'ASSUME_SECURE',
  'client-certificate-required': 'TLS_CLIENT_AUTH',
  'address-forbidden': 'WARM_ALLOW',
  'domain-not-allowed': 'XMPP_DOMAINS',
  'method-not-allowed': 'Allowed: GET, HEAD, POST, OPTIONS.',
  'cannot-remember': 'SEAL_KEY_FILE',
  'body-too-large': 'At most 16384 bytes',
  'misdirected-request': 'HTTP_HOSTS',
  'too-many-requests': 'Limit: RATE_WARMS_PER_JID.',
  'service-full': 'Limit: MAX_SESSIONS.',
  'local-ports-exhausted': 'Limit: net.ipv4.ip_local_port_range.',
  'too-many-sessions': 'Limit: MAX_SESSIONS_PER_JID.',
  'session-unreachable': 'process1',
  timeout: 'Limit: WARM_TIMEOUT.',
}

/** Codes that belong to no operation of the API. */
const beside: ReadonlySet<ProblemCode> = new Set([
  ...(['not-found', 'method-not-allowed', 'misdirected-request', 'internal-error'] as const),
])

describe('a backend receives', () => {
  test.each(Object.entries(rows) as [ProblemCode, Provoke | FailedLogin][])(
    'the code %s with its status and detail',
    async (code, row) => {
      const { provoke, ...expected } = typeof row === 'function' ? { provoke: row } : row
      const { at, method, path, answer } = await provoke()
      const { status, retry } = problems[code]
      const { title, detail, instance, advice, ...told } = JSON.parse(answer.text)
      expect(told).toEqual({ type: 'about:blank', status, code, retry, ...expected })
      expect(advice).toMatch(/^[A-Z].+\.$/)
      expect(answer.status).toBe(status)
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
      expect(detail).toContain(problems[code].sentence)
      expect(detail).toContain(named[code] ?? '')
      expect(title).not.toBe('')
      const passes = status === 429 || status === 503
      expect(answer.headers['retry-after']).toEqual(passes ? expect.stringMatching(/^[1-9]\d*$/) : undefined)
      const requestId = answer.headers['x-request-id']
      expect(instance).toBe(`urn:uuid:${requestId}`)

      const lines = at.lines
        .map(line => JSON.parse(line))
        .filter(line => line.requestId === requestId && line.msg !== 'login')
      expect(lines).toHaveLength(1)
      // An internal error is logged with its cause.
      expect(lines[0]).toMatchObject(
        code === 'internal-error' ? { level: 50, error: 'TypeError' } : { level: 30, code, ...expected },
      )
      expect(answer.text).not.toMatch(/TypeError|a detail of ours|\.ts/)
      if (!beside.has(code)) (await ApiDocument.of(at.url.replace('0.0.0.0', '127.0.0.1'))).check(method, path, answer)
    },
  )

  test('the tests cover every code of the table of errors', () => {
    expect(Object.keys(rows).sort()).toEqual(Object.keys(problems).sort())
  })
})
