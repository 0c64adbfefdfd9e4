// Compares the service with its OpenAPI document: every documented reply is provoked and checked, and parameters
// behave as documented. Faults (5xx) are in error-codes.test.ts.
// Runs in npm run test:all only: twenty seconds.
import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { startDemoServer } from '../../src/command/demo/server.js'
import { systemClock } from '../../src/lib/clock.js'
import type { listParameters, ParameterName } from '../../src/warm/parameters.js'
import { ApiDocument } from '../support/api-document.js'
import { stoppedAfterAll } from '../support/closers.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { idOf } from '../support/login-server/elements.js'
import { startLoginServer } from '../support/login-server/server.js'
import { type Call, callUrl, jsonHeaders, serverSetting } from '../support/login-server/watched-service.js'
import { startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

/** A service and the document that it serves. */
interface Described {
  readonly service: TestService
  readonly api: ApiDocument
}

const account = { jid: 'alice@localhost', password: 'wonderland' }
const strictAccount = { jid: 'alice@chat.example', password: 'Pa55-of-alice' }
const { folder, file } = testFolder()
const sealKeys = file('seal.key', randomBytes(32).toString('base64'))
const form = 'application/x-www-form-urlencoded'

const stranger = { headers: { Authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` } }

const seen = new Set<string>()
const stopped = stoppedAfterAll()
let usual: Described
/** Its browsers attach at `usual`. */
let near: Described
/** Has a silent server and waits. */
let patient: Described
/** Has no secure channel. */
let open: Described
/** The same, with an https URL. */
let outside: Described
/** Has received too many wrong secrets. */
let guessed: Described
/** Failed logins are counted for a minute. */
const standingClock = { ...systemClock, now: () => 0 }

async function start(options: TestServiceOptions = {}): Promise<Described> {
  const service = await stopped(startTestService(options))
  return { service, api: await ApiDocument.of(service.url.replace('0.0.0.0', '127.0.0.1')) }
}

beforeAll(async () => {
  const demo = await stopped(startDemoServer({ alice: account.password }))
  const strict = await stopped(startLoginServer({ domain: 'chat.example' }))
  strict.script = {
    bind: turn =>
      turn.say(
        `<iq type='error' id='${idOf(turn)}'><error type='modify'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      ),
  }
  const silent = await stopped(startLoginServer({ domain: 'silent.example' }))
  silent.script = { features: () => {} }
  usual = await start({
    servers: [`localhost=xmpp://127.0.0.1:${demo.port}?tls=none`, serverSetting(strict, folder)].join(),
    environment: {
      ...{ XMPP_DOMAINS: 'localhost,chat.example', SEAL_KEY_FILE: sealKeys },
      ...{ RATE_FAILED_LOGINS: '0', RATE_WARMS_PER_JID: '0', MAX_SESSIONS_PER_JID: '0' },
    },
  })
  near = await start({
    servers: `localhost=${usual.service.url}/http-bind`,
    environment: { REMOTE_ATTACH: 'there', RATE_WARMS_PER_JID: '0', MAX_SESSIONS_PER_JID: '0' },
  })
  patient = await start({
    servers: serverSetting(silent, folder),
    environment: { XMPP_DOMAINS: 'silent.example' },
  })
  open = await start({ environment: { HOST: '0.0.0.0' } })
  outside = await start({ environment: { HOST: '0.0.0.0', EXTERNAL_URL: 'https://chat.example' } })
  guessed = await start({ clock: standingClock, environment: { RATE_FAILED_LOGINS: '1' } })
  await ask(guessed, 'GET', '/warm', 'text/html', stranger)
})

/** Sends a call and checks the reply against the document. */
async function ask(
  { service, api }: Described,
  method: string,
  path: string,
  accept: string,
  about: Call = {},
): Promise<HttpAnswer> {
  const headers = { ...jsonHeaders, Accept: accept, ...about.headers }
  const answer = await callUrl(service.url.replace('0.0.0.0', '127.0.0.1') + path, {
    ...about,
    method,
    headers,
  })
  seen.add(api.check(method, path, answer))
  return answer
}

const json = (parameters: object) => ({ body: JSON.stringify(parameters) })

/** Warms a session and returns its path. */
async function warmed(at = usual): Promise<string> {
  const { id } = await at.service.bind(account)
  return `/warm/${id}`
}

/** The call that our own form sends from our page. */
async function ownForm({ service }: Described): Promise<Call> {
  const { text } = await callUrl(`${service.url}/warm`, {
    headers: { Authorization: jsonHeaders.Authorization },
  })
  const csrf_token = /name="csrf_token" value="([^"]+)"/.exec(text)![1]!
  return {
    headers: { 'Content-Type': form, Origin: service.url },
    body: new URLSearchParams({ csrf_token }).toString(),
  }
}

interface Asking {
  /** Default: the usual service. */
  readonly at?: () => Described
  readonly query?: string
  /** Whether the session of the path exists. */
  readonly isWarmed?: boolean
  readonly about?: Call | typeof ownForm
  /** Default: JSON and both kinds of pages. */
  readonly accepts?: readonly string[]
}

/** A call that provokes a status of an operation. */
type Row = readonly [operation: string, status: number, asking?: Asking]

const pages = ['application/xhtml+xml', 'text/html']
const atNear = { at: () => near, isWarmed: true }
const hostMetas = ['GET /.well-known/host-meta', 'GET /.well-known/host-meta.json']
const posts = ['POST /warm', 'POST /warm/{id}/end', 'POST /warm/{id}/resume']

const rows: readonly Row[] = [
  ...['GET /openapi.json', 'GET /healthz', 'GET /readyz'].map((operation): Row => [operation, 200]),
  ...hostMetas.flatMap((operation): Row[] => [
    [operation, 200, { at: () => outside }],
    [operation, 404],
  ]),
  ['GET /warm', 308, { at: () => outside }],
  ['GET /warm', 200],
  ['POST /warm', 200, { about: json(account) }],
  ['POST /warm', 400, { about: json({}) }],
  ['POST /warm', 409, { about: json(strictAccount) }],
  ...posts.flatMap((operation): Row[] => [
    [operation, 400, { about: { body: '[' } }],
    [operation, 413, { about: json({ jid: 'x'.repeat(20_000) }) }],
    [operation, 415, { about: { headers: { 'Content-Type': 'text/plain' }, body: 'x' } }],
  ]),
  ['GET /warm/{id}', 200, { isWarmed: true }],
  ['DELETE /warm/{id}', 204, { isWarmed: true }],
  ['GET /warm/{id}/end', 200, { isWarmed: true }],
  ['POST /warm/{id}/end', 200, { isWarmed: true, about: ownForm, accepts: ['application/json'] }],
  ['POST /warm/{id}/end', 303, { isWarmed: true, about: ownForm, accepts: pages }],
  ['POST /warm/{id}/resume', 200, { isWarmed: true, about: json({ expires_in: 30 }) }],
  ...['GET /warm/{id}', 'DELETE /warm/{id}', 'GET /warm/{id}/end'].flatMap((operation): Row[] => [
    [operation, 404],
    [operation, 409, atNear],
  ]),
  ['POST /warm/{id}/end', 404, { about: ownForm }],
  ['POST /warm/{id}/end', 409, { ...atNear, about: ownForm }],
  ['POST /warm/{id}/resume', 404, { about: json({}) }],
  ['POST /warm/{id}/resume', 409, { ...atNear, about: json({}) }],
  ['GET /warm/sessions', 200],
  ['GET /warm/sessions', 400, { query: '?limit=0' }],
  ['DELETE /warm/sessions', 200, { query: `?jid=${account.jid}` }],
  ['DELETE /warm/sessions', 400],
  ...['numbers', 'failures', 'audit'].flatMap((page): Row[] => [
    [`GET /warm/${page}`, 200],
    [`GET /warm/${page}`, 400, { query: '?sid=x' }],
  ]),
]

const ofAdmins = [...new Set(rows.map(([operation]) => operation))].filter(operation => operation.includes(' /warm'))
const calls: readonly Row[] = [
  ...rows,
  ...ofAdmins.flatMap((operation): Row[] => [
    [operation, 401, { about: stranger }],
    [operation, 403, { at: () => open }],
    [operation, 429, { at: () => guessed, about: stranger }],
  ]),
]

describe('replies match the document:', () => {
  test.each(calls)('%s with %i', async (operation, status, asking = {}) => {
    const {
      at = () => usual,
      query = '',
      isWarmed = false,
      about = {},
      accepts = ['application/json', ...pages],
    } = asking
    const [method = '', template = ''] = operation.split(' ')
    const replies = accepts.map(async accept => {
      const session = isWarmed ? await warmed(at()) : `/warm/${'0'.repeat(32)}`
      const path = template.replace('/warm/{id}', session) + query
      return ask(at(), method, path, accept, typeof about === 'function' ? await about(at()) : about)
    })
    expect((await Promise.all(replies)).map(reply => reply.status)).toEqual(accepts.map(() => status))
  })

  test.each(['application/json', ...pages])('POST /warm with 404 in %s', async accept => {
    const jid = 'alice@silent.example'
    let isAnswered = false
    const asked = ask(patient, 'POST', '/warm', accept, json({ ...account, jid })).finally(() => {
      isAnswered = true
    })
    while (!isAnswered) await ask(patient, 'DELETE', `/warm/sessions?jid=${jid}`, 'application/json')
    expect((await asked).status).toBe(404)
  })

  test('each call of an admin may also be answered with a fault', () => {
    for (const operation of ofAdmins)
      expect(usual.api.codesOf(operation)).toEqual(expect.arrayContaining(['internal-error', 'service-full']))
  })

  test('every documented reply was provoked, but for faults', () => {
    const isFault = (reply: string) => / 5\d\d /.test(reply)
    expect(usual.api.replies.filter(reply => !isFault(reply) && !seen.has(reply))).toEqual([])
  })
})

/** Values that are accepted, and values that are rejected. */
interface Samples {
  readonly good: readonly unknown[]
  readonly bad: readonly unknown[]
}

const inBody: Record<ParameterName, Samples> = {
  jid: {
    good: ['alice@localhost', 'alice@localhost/desk'],
    bad: [1, '', ['alice@localhost'], `a@localhost/${'x'.repeat(3072)}`],
  },
  password: { good: ['wonderland'], bad: [1, '', true, 'x'.repeat(1025)] },
  token: { good: ['x'.repeat(8192)], bad: [1, '', 'two words', 'x'.repeat(8193)] },
  mechanism: { good: ['X-OAUTH2'], bad: [1, '', 'x-oauth2', 'PLAIN', 'SCRAM-SHA-256-PLUS', 'X'.repeat(21)] },
  credential: { good: ['x'.repeat(2048)], bad: [1, ''] },
  authzid: { good: ['alice@localhost'], bad: [1, '', `a@localhost/${'x'.repeat(3072)}`] },
  language: { good: ['de-AT', '', null], bad: [1, `en-x-${'a-'.repeat(126)}a`] },
  lang: { good: ['de-AT', '', null], bad: [1, `en-x-${'a-'.repeat(126)}a`] },
  wait: { good: [0, 60, 100_000, 1e300, '', null], bad: [-1, 1.5, 'long', true] },
  hold: { good: [0, 1, 100, '', null], bad: [-1, 0.5, 'few', false] },
  ver: { good: ['1.6', '1.11', '99999.99999', 1.6, 2], bad: ['1', '1.', '1.6.0', '123456.0', -1.6, 1e5] },
  expires_in: { good: [5, 600, '', null], bad: [4, 601, -5, 30.5, 'soon'] },
  attach_binding: { good: ['off', 'cookie', 'reply', '', null], bad: ['on', true] },
  remember: { good: [true, false, 'on', 'off', 'yes', '0', '', null], bad: [1, 'maybe'] },
  visit: { good: ['x', 'é'.repeat(128)], bad: [1, '', null, 'x'.repeat(129), 'two\nlines', '\u202e'] },
  tab: { good: ['x'.repeat(64), '', null], bad: [1, 'x'.repeat(65), '\0'] },
  csrf_token: { good: ['anything'], bad: [] },
}

const inQuery: Record<keyof typeof listParameters, Samples> = {
  jid: { good: ['alice@localhost', 'alice@localhost/desk'], bad: [`a@localhost/${'x'.repeat(3072)}`] },
  search: { good: ['ali', 'x'.repeat(256)], bad: ['', 'x'.repeat(257), '\t'] },
  domain: { good: ['localhost'], bad: [] },
  state: { good: ['waiting', 'elsewhere'], bad: ['asleep', ''] },
  transport: { good: ['bosh', 'websocket'], bad: ['tcp', ''] },
  origin: { good: ['warmed', 'client', 'connect'], bad: ['browser', ''] },
  process: { good: ['node0001'], bad: ['', 'node1', 'NODE0001'] },
  visit: { good: ['x'.repeat(128)], bad: ['', 'x'.repeat(129), '\t'] },
  limit: { good: [1, 1000], bad: [0, 1001, -1, 1.5] },
  after: { good: [`12.5-${'0'.repeat(32)}`], bad: ['12', `-${'0'.repeat(32)}`, `1-${'0'.repeat(31)}`] },
  sort: { good: ['jid', '-opened'], bad: ['age', ''] },
  page: { good: [1, 5001], bad: [0, 1_000_001, 1.5] },
}

const sampled = (samples: Readonly<Record<string, Samples>>) =>
  Object.entries(samples).flatMap(([name, { good, bad }]) => [
    ...good.map(value => [name, value, true] as const),
    ...bad.map(value => [name, value, false] as const),
  ])

describe('parameters match the document:', () => {
  const schemas = ['components', 'schemas'] as const

  test.each(sampled(inBody))('%s %j in a body is accepted: %j', async (name, value, isGood) => {
    const isTokens = name === 'token' || name === 'mechanism'
    const tokens = { jid: account.jid, token: 'aToken' }
    const others = isTokens ? tokens : name === 'credential' ? { jid: account.jid } : account
    const parameters = { ...others, ...(name === 'tab' && { visit: 'x' }), [name]: value }
    const { status } = await ask(usual, 'POST', '/warm', 'application/json', json(parameters))
    expect(usual.api.accepts([...schemas, 'WarmRequest'], parameters)).toBe(isGood)
    expect(status !== 400).toBe(isGood)
  })

  test.each(sampled({ expires_in: inBody.expires_in, attach_binding: inBody.attach_binding }))(
    '%s %j of a resume is accepted: %j',
    async (name, value, isGood) => {
      const parameters = { [name]: value }
      const path = `${await warmed()}/resume`
      const { status } = await ask(usual, 'POST', path, 'application/json', json(parameters))
      expect(usual.api.accepts([...schemas, 'ResumeRequest'], parameters)).toBe(isGood)
      expect(status).toBe(isGood ? 200 : 400)
    },
  )

  test.each(sampled(inQuery))('%s %j in a query is accepted: %j', async (name, value, isGood) => {
    const at = usual.api.document.paths['/warm/sessions'].get.parameters.findIndex(
      (parameter: { name: string }) => parameter.name === name,
    )
    const path = `/warm/sessions?${new URLSearchParams({ [name]: String(value) })}`
    const { status } = await ask(usual, 'GET', path, 'application/json')
    const place = ['paths', '/warm/sessions', 'get', 'parameters', String(at), 'schema']
    expect(usual.api.accepts(place, value)).toBe(isGood)
    expect(status).toBe(isGood ? 200 : 400)
  })
})
