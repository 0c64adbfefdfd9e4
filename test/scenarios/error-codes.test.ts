// Error codes, provoked through the whole service as a backend would see them.
// Runs in npm run test:all only: ten seconds.
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import { type ProblemCode, problems, type Step } from '../../src/lib/errors.js'
import { ApiDocument } from '../support/api-document.js'
import { stoppedAfterAll } from '../support/closers.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { idOf, saslFailure } from '../support/login-server/elements.js'
import { type LoginServer, type Stage, startLoginServer, type Turn } from '../support/login-server/server.js'
import { type Call, callUrl, jsonHeaders, serverSetting } from '../support/login-server/watched-service.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

const domain = 'chat.example'
const alice = { jid: 'alice@chat.example', password: 'Pa55-of-alice' }
const { folder, file } = testFolder()

/** A strict server and the service in front of it. */
let server: LoginServer
let service: TestService
const stopped = stoppedAfterAll()

beforeAll(async () => {
  const accounts = { alice: alice.password, bob: 'Pa55-of-bob' }
  const admins = 'elsewhere:scoped-secret:elsewhere.example\nwatcher:read-secret:role=read\n'
  server = await stopped(startLoginServer({ domain, accounts }))
  const environment = { XMPP_DOMAINS: domain, ADMIN_USERS_FILE: file('admins', admins), RATE_WARMS_PER_JID: '0' }
  service = await stopped(startTestService({ servers: serverSetting(server, folder), environment }))
})

afterEach(() => {
  server.script = {}
})

/** A call, its reply, and of a failed login the step and the condition of the XMPP server. */
interface Provoked {
  readonly method: string
  readonly path: string
  readonly answer: HttpAnswer
  readonly failed?: { readonly step: Step; readonly condition?: string }
}

async function ask(method: string, path: string, about: Call = {}): Promise<Provoked> {
  const headers = { ...jsonHeaders, ...about.headers }
  return { method, path, answer: await callUrl(service.url + path, { ...about, method, headers }) }
}

const warm = (parameters: object, headers: Call['headers'] = {}) =>
  ask('POST', '/warm', { body: JSON.stringify(parameters), headers })

/** A call with the credentials of another admin. */
const warmAs = (name: string, secret: string) => {
  const Authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
  return warm(alice, { Authorization })
}

/** A login at a server that acts differently at a stage. */
function warmWhere(stage: Stage, act: (turn: Turn) => void): Promise<Provoked> {
  server.script = { [stage]: act }
  return warm(alice)
}

const failedAt = async (step: Step, call: Promise<Provoked>, condition?: string): Promise<Provoked> => ({
  ...(await call),
  failed: { step, ...(condition !== undefined && { condition }) },
})

const saslRefusal = (condition: string) => () =>
  failedAt(
    'sasl',
    warmWhere('success', turn => turn.say(saslFailure(condition))),
    condition,
  )

const bindRefusal = (condition: string) => () => {
  const error = `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
  const refused = warmWhere('bind', turn => turn.say(`<iq type='error' id='${idOf(turn)}'>${error}</iq>`))
  return failedAt('bind', refused, condition)
}

/** They have tests of their own, of parts or of the whole service. All others have a row. */
const elsewhere = [
  ...(['client-certificate-required', 'misdirected-request', 'not-here', 'internal-error', 'invalid-token'] as const),
  ...(['local-ports-exhausted', 'keys-unavailable', 'session-unreachable', 'store-unavailable'] as const),
  ...(['address-not-allowed', 'service-full', 'too-many-sessions', 'shutting-down', 'timeout'] as const),
  ...(['remote-connection-failed', 'remote-protocol-error', 'remote-stream-error', 'host-unknown'] as const),
  ...(['insecure-channel', 'address-forbidden', 'cross-site-request', 'too-many-requests'] as const),
  ...(['tls-unavailable', 'certificate-invalid', 'no-mechanism', 'server-not-authentic'] as const),
] satisfies readonly ProblemCode[]

const rows: Record<Exclude<ProblemCode, (typeof elsewhere)[number]>, () => Promise<Provoked>> = {
  'missing-parameter': () => warm({ jid: alice.jid }),
  'invalid-parameter': () => warm({ ...alice, wait: 'long' }),
  'invalid-jid': () => warm({ ...alice, jid: 'alice' }),
  'invalid-body': () => ask('POST', '/warm', { body: '{"jid":' }),
  unauthorized: () => warmAs('admin', 'wrong'),
  forbidden: () => warmAs('elsewhere', 'scoped-secret'),
  'role-forbidden': () => warmAs('watcher', 'read-secret'),
  'domain-not-allowed': () => warm({ ...alice, jid: 'alice@other.example' }),
  'not-authorized': () => failedAt('sasl', warm({ ...alice, password: 'wrong' }), 'not-authorized'),
  'account-disabled': saslRefusal('account-disabled'),
  'credentials-expired': saslRefusal('credentials-expired'),
  'authzid-refused': () =>
    failedAt('sasl', warm({ jid: 'bob@chat.example', password: 'Pa55-of-bob', authzid: alice.jid }), 'invalid-authzid'),
  'not-found': () => ask('GET', '/nothing'),
  'session-not-found': () => ask('GET', `/warm/${'0'.repeat(32)}`),
  'method-not-allowed': () => ask('PUT', '/warm'),
  conflict: bindRefusal('conflict'),
  'cannot-remember': () => warm({ ...alice, remember: 'on' }),
  'body-too-large': () => warm({ ...alice, password: 'x'.repeat(20_000) }),
  'unsupported-media-type': () => warm(alice, { 'Content-Type': 'text/plain' }),
  'login-failed': saslRefusal('malformed-request'),
  'bind-refused': bindRefusal('not-allowed'),
  'jid-mismatch': () =>
    failedAt(
      'bind',
      warmWhere('bind', turn => turn.goOn(turn.usual.replace('alice@', 'bob@'))),
    ),
  'temporary-auth-failure': saslRefusal('temporary-auth-failure'),
}

/** What the detail of a code names: the parameter, what is allowed, or the limit and its setting. */
const named: { readonly [Code in ProblemCode]?: string } = {
  'missing-parameter': 'Parameter: password. Or send token or credential.',
  'invalid-parameter': 'Parameter: wait. A whole number, 0 or more.',
  unauthorized: 'HTTP Basic is needed, with an account of ADMIN_USERS or ADMIN_USERS_FILE.',
  forbidden: 'Its domains in ADMIN_USERS_FILE: elsewhere.example.',
  'role-forbidden': 'Its role: read.',
  'domain-not-allowed': 'XMPP_DOMAINS',
  'method-not-allowed': 'Allowed: GET, HEAD, POST, OPTIONS.',
  'cannot-remember': 'SEAL_KEY_FILE',
  'body-too-large': 'At most 16384 bytes',
}

test.each(Object.entries(rows) as [ProblemCode, () => Promise<Provoked>][])(
  'a backend receives the code %s with its status and detail',
  async (code, provoke) => {
    const { method, path, answer, failed } = await provoke()
    const { status, retry } = problems[code]
    const { title, detail, instance, advice, ...told } = JSON.parse(answer.text)
    expect(told).toEqual({ type: 'about:blank', status, code, retry, ...failed })
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

    const lines = service.lines
      .map(line => JSON.parse(line))
      .filter(line => line.requestId === requestId && line.msg !== 'login')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ level: 30, code, ...failed })
    // These belong to no operation of the API.
    if (code === 'not-found' || code === 'method-not-allowed') return
    const api = await ApiDocument.of(service.url)
    api.check(method, path, answer)
  },
)
