// Compares the service with its OpenAPI document: every documented reply is provoked and checked, and parameters
// behave as documented. Faults (5xx) are in error-codes.test.ts.
// Runs in npm run test:all only: twenty seconds.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { systemClock } from '../../src/lib/clock.js'
import type { listParameters, ParameterName } from '../../src/warm/parameters.js'
import { ApiDocument } from '../support/api-document.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { idOf } from '../support/login-server/elements.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
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
const nowhere = `/warm/${'0'.repeat(32)}`
const form = 'application/x-www-form-urlencoded'

const stranger = { headers: { Authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` } }

const seen = new Set<string>()
let demo: DemoServer
let strict: LoginServer
let silent: LoginServer
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
  const service = await startTestService(options)
  return { service, api: await ApiDocument.of(service.url.replace('0.0.0.0', '127.0.0.1')) }
}

beforeAll(async () => {
  demo = await startDemoServer({ alice: account.password })
  strict = await startLoginServer({ domain: 'chat.example' })
  strict.script = {
    bind: turn =>
      turn.say(
        `<iq type='error' id='${idOf(turn)}'><error type='modify'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      ),
  }
  silent = await startLoginServer({ domain: 'silent.example' })
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

afterAll(async () => {
  for (const { service } of [near, patient, open, outside, guessed, usual]) {
    await service.stop()
  }
  for (const server of [demo, strict, silent]) await server.stop()
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

type Ask = (accept: string) => Promise<HttpAnswer>

/** By operation and status: a call that provokes it. */
const calls: readonly [operation: string, status: number, ask: Ask][] = [
  ['GET /openapi.json', 200, accept => ask(usual, 'GET', '/openapi.json', accept)],
  ...['/.well-known/host-meta', '/.well-known/host-meta.json'].flatMap((path): [string, number, Ask][] => [
    [`GET ${path}`, 200, accept => ask(outside, 'GET', path, accept)],
    [`GET ${path}`, 404, accept => ask(usual, 'GET', path, accept)],
  ]),
  ['GET /healthz', 200, accept => ask(usual, 'GET', '/healthz', accept)],
  ['GET /readyz', 200, accept => ask(usual, 'GET', '/readyz', accept)],
  ['GET /warm', 308, accept => ask(outside, 'GET', '/warm', accept)],
  ['GET /warm', 200, accept => ask(usual, 'GET', '/warm', accept)],
  ['POST /warm', 200, accept => ask(usual, 'POST', '/warm', accept, json(account))],
  ['POST /warm', 400, accept => ask(usual, 'POST', '/warm', accept, json({}))],
  [
    'POST /warm',
    404,
    async accept => {
      const jid = 'alice@silent.example'
      let isAnswered = false
      const asked = ask(patient, 'POST', '/warm', accept, json({ ...account, jid })).finally(() => {
        isAnswered = true
      })
      while (!isAnswered) await ask(patient, 'DELETE', `/warm/sessions?jid=${jid}`, 'application/json')
      return asked
    },
  ],
  ['POST /warm', 409, accept => ask(usual, 'POST', '/warm', accept, json(strictAccount))],
  ['POST /warm', 413, accept => ask(usual, 'POST', '/warm', accept, json({ jid: 'x'.repeat(20_000) }))],
  ['POST /warm', 415, accept => ask(usual, 'POST', '/warm', accept, { headers: { 'Content-Type': 'text/plain' } })],
  ['GET /warm/{id}', 200, async accept => ask(usual, 'GET', await warmed(), accept)],
  ['DELETE /warm/{id}', 204, async accept => ask(usual, 'DELETE', await warmed(), accept)],
  ['GET /warm/{id}/end', 200, async accept => ask(usual, 'GET', `${await warmed()}/end`, accept)],
  ['GET /warm/{id}/end', 404, accept => ask(usual, 'GET', `${nowhere}/end`, accept)],
  ['GET /warm/{id}/end', 409, async accept => ask(near, 'GET', `${await warmed(near)}/end`, accept)],
  [
    'POST /warm/{id}/end',
    200,
    async () => ask(usual, 'POST', `${await warmed()}/end`, 'application/json', await ownForm(usual)),
  ],
  [
    'POST /warm/{id}/end',
    303,
    async accept => {
      const page = accept === 'application/json' ? 'text/html' : accept
      return ask(usual, 'POST', `${await warmed()}/end`, page, await ownForm(usual))
    },
  ],
  ['POST /warm/{id}/end', 404, async accept => ask(usual, 'POST', `${nowhere}/end`, accept, await ownForm(usual))],
  [
    'POST /warm/{id}/end',
    409,
    async accept => ask(near, 'POST', `${await warmed(near)}/end`, accept, await ownForm(near)),
  ],
  ...['end', 'resume'].flatMap((action): [string, number, Ask][] => {
    const path = `${nowhere}/${action}`
    const plain = { headers: { 'Content-Type': 'text/plain' }, body: 'x' }
    return [
      [`POST /warm/{id}/${action}`, 400, accept => ask(usual, 'POST', path, accept, { body: '[' })],
      [`POST /warm/{id}/${action}`, 413, accept => ask(usual, 'POST', path, accept, json({ x: 'x'.repeat(20_000) }))],
      [`POST /warm/{id}/${action}`, 415, accept => ask(usual, 'POST', path, accept, plain)],
    ]
  }),
  [
    'POST /warm/{id}/resume',
    200,
    async accept => ask(usual, 'POST', `${await warmed()}/resume`, accept, json({ expires_in: 30 })),
  ],
  ...(['GET', 'DELETE', 'POST'] as const).flatMap((method): [string, number, Ask][] => {
    const rest = method === 'POST' ? '/resume' : ''
    const about = method === 'POST' ? json({}) : {}
    return [
      [`${method} /warm/{id}${rest}`, 404, accept => ask(usual, method, nowhere + rest, accept, about)],
      [
        `${method} /warm/{id}${rest}`,
        409,
        async accept => ask(near, method, (await warmed(near)) + rest, accept, about),
      ],
    ]
  }),
  ['GET /warm/sessions', 200, accept => ask(usual, 'GET', '/warm/sessions', accept)],
  ['GET /warm/sessions', 400, accept => ask(usual, 'GET', '/warm/sessions?limit=0', accept)],
  ...['numbers', 'failures', 'audit'].flatMap((page): [string, number, Ask][] => [
    [`GET /warm/${page}`, 200, accept => ask(usual, 'GET', `/warm/${page}`, accept)],
    [`GET /warm/${page}`, 400, accept => ask(usual, 'GET', `/warm/${page}?sid=x`, accept)],
  ]),
  ['DELETE /warm/sessions', 200, accept => ask(usual, 'DELETE', `/warm/sessions?jid=${account.jid}`, accept)],
  ['DELETE /warm/sessions', 400, accept => ask(usual, 'DELETE', '/warm/sessions', accept)],
  ...(
    [
      ['GET', '/warm', '/warm'],
      ['POST', '/warm', '/warm'],
      ['GET', '/warm/sessions', '/warm/sessions'],
      ['DELETE', '/warm/sessions', '/warm/sessions'],
      ['GET', '/warm/numbers', '/warm/numbers'],
      ['GET', '/warm/failures', '/warm/failures'],
      ['GET', '/warm/audit', '/warm/audit'],
      ['GET', '/warm/{id}', nowhere],
      ['DELETE', '/warm/{id}', nowhere],
      ['GET', '/warm/{id}/end', `${nowhere}/end`],
      ['POST', '/warm/{id}/end', `${nowhere}/end`],
      ['POST', '/warm/{id}/resume', `${nowhere}/resume`],
    ] as const
  ).flatMap(([method, template, path]): [string, number, Ask][] => {
    const operation = `${method} ${template}`
    return [
      [operation, 401, accept => ask(usual, method, path, accept, stranger)],
      [operation, 403, accept => ask(open, method, path, accept)],
      [operation, 429, accept => ask(guessed, method, path, accept, stranger)],
    ]
  }),
]

describe('replies match the document:', () => {
  test.each(calls)('%s with %i', async (_operation, status, asking) => {
    const replies = await Promise.all(['application/json', 'application/xhtml+xml', 'text/html'].map(asking))
    expect(replies.map(reply => reply.status)).toEqual([status, status, status])
  })

  test('each call of an admin may also be answered with a fault', () => {
    for (const operation of new Set(calls.map(([operation]) => operation)))
      if (operation.includes('/warm'))
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
