// How every client for portals' backends conducts itself, whatever its language: one suite for all of them.
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type ProblemCode, problems } from '../../../src/lib/errors.js'
import { freePorts } from '../ports.js'
import {
  type Backend,
  type BackendCall,
  type BackendError,
  type BackendLimits,
  type Outcome,
  portal,
} from './backend.js'
import { problem, type Reply, ScriptedApi } from './scripted-api.js'

const alice = { jid: 'alice@example.org', password: 'w0nderländ & "rabbit"' }
const id = '7beb2fe14bf96d99bb9d2a96aa5ca6c2'
const authorization = `Basic ${Buffer.from(`${portal.user}:${portal.secret}`).toString('base64')}`
const secrets = ['w0nderl', portal.secret, authorization.slice('Basic '.length)]

/** Sends these bytes every 20 ms until the connection is closed; for 20 s at most. */
function trickle(to: Socket, bytes: string): void {
  const timer = setInterval(() => to.write(bytes), 20)
  const stop = () => {
    clearInterval(timer)
    clearTimeout(end)
    to.destroy()
  }
  const end = setTimeout(stop, 20_000)
  to.once('close', stop).on('error', stop)
}

export function testConduct(backend: Backend): void {
  let api: ScriptedApi
  let other: ScriptedApi

  beforeAll(async () => {
    api = await ScriptedApi.start()
    other = await ScriptedApi.start()
  })

  afterEach(() => {
    api.asked.length = 0
  })

  afterAll(async () => {
    await api.stop()
    await other.stop()
  })

  const run = (calls: readonly BackendCall[], limits?: BackendLimits) => backend.run(api.url, calls, limits)

  /** Makes a call that must fail, checks that the error shows no secret, and returns the error. */
  async function failure(limits: BackendLimits = {}, url = api.url): Promise<BackendError> {
    const [outcome] = (await backend.run(url, [['warm', alice]], limits)) as [Outcome]
    if (outcome.error === undefined) throw new Error(`no failure but ${JSON.stringify(outcome)}`)
    expect(outcome.shown).toContain(outcome.error.detail)
    expect(secrets.filter(secret => outcome.shown!.includes(secret))).toEqual([])
    return outcome.error
  }

  function answer(...replies: readonly (Reply | ((response: ServerResponse) => void))[]): void {
    const left = [...replies]
    api.script = (_asked, response) => {
      const reply = left.shift() ?? { status: 500, body: 'There was one request too many.' }
      if (typeof reply !== 'function') return reply
      reply(response)
      return undefined
    }
  }

  const binding: Reply = { status: 200, body: { id, jid: alice.jid, sid: 'a-secret', rid: 1732 } }

  test('sends each call as the API describes it', async () => {
    api.script = ({ method, path }) => {
      if (path.startsWith('/warm/sessions')) return { status: 200, body: { sessions: [], total: 0, ended: 1 } }
      return method === 'DELETE' ? { status: 204 } : binding
    }
    const outcomes = await run([
      ['warm', { ...alice, wait: 30, visit: 'v1', tab: 't1', remember: true }],
      ['resume', id],
      ['resume', `node1-${id}`, { expires_in: 60 }],
      ['session', id],
      ['end', id],
      ['sessions'],
      ['sessions', { jid: 'alice+1@example.org', state: 'quiet' }],
      ['endAll', { jid: 'alice+1@example.org' }],
      ['endAll', { visit: 'v1' }],
      ['endVisit', 'v1 & v2'],
    ])
    const got = binding.body
    const ended = { sessions: [], total: 0, ended: 1 }
    expect(outcomes.map(({ result }) => result)).toEqual([got, got, got, got, null, [], [], ended, ended, ended])
    const asked = api.asked.map(({ method, path, body }) => {
      const { pathname, searchParams } = new URL(path, 'http://any')
      return [`${method} ${pathname}`, Object.fromEntries(searchParams), JSON.parse(body || '{}')]
    })
    expect(asked).toEqual([
      ['POST /warm', {}, { ...alice, wait: 30, visit: 'v1', tab: 't1', remember: true }],
      [`POST /warm/${id}/resume`, {}, {}],
      [`POST /warm/node1-${id}/resume`, {}, { expires_in: 60 }],
      [`GET /warm/${id}`, {}, {}],
      [`DELETE /warm/${id}`, {}, {}],
      ['GET /warm/sessions', { limit: '1000' }, {}],
      ['GET /warm/sessions', { limit: '1000', jid: 'alice+1@example.org', state: 'quiet' }, {}],
      ['DELETE /warm/sessions', { jid: 'alice+1@example.org' }, {}],
      ['DELETE /warm/sessions', { visit: 'v1' }, {}],
      ['DELETE /warm/sessions', { visit: 'v1 & v2' }, {}],
    ])
    for (const { headers, body } of api.asked) {
      expect(headers).toMatchObject({ authorization, accept: 'application/json' })
      if (body !== '') expect(headers['content-type']).toBe('application/json')
    }
  })

  test('reads a list of several pages', async () => {
    const parts = [
      { sessions: [{ id: 'a' }, { id: 'b' }], total: 4, next: '1732.25-b&c' },
      { sessions: [{ id: 'c' }], total: 4, next: 'c' },
      { sessions: [{ id: 'd' }], total: 4 },
    ]
    answer(...parts.map(body => ({ status: 200, body })))
    const [outcome] = await run([['sessions', { domain: 'example.org' }]])
    expect(outcome!.result).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' }])
    const queries = api.asked.map(({ path }) => Object.fromEntries(new URL(path, 'http://any').searchParams))
    const about = { limit: '1000', domain: 'example.org' }
    expect(queries).toEqual([about, { ...about, after: '1732.25-b&c' }, { ...about, after: 'c' }])
  })

  test('treats a session that has ended or is unreachable as absent', async () => {
    const calls: readonly BackendCall[] = [
      ['resume', id],
      ['session', id],
      ['end', id],
    ]
    for (const gone of [problem('session-not-found', 404), problem('not-here', 409)]) {
      answer(gone, gone, gone)
      expect(await run(calls)).toEqual(calls.map(() => ({ result: null })))
    }
    expect(api.asked.length).toBe(6)
    answer(problem('not-found', 404))
    expect((await run([['resume', id]]))[0]!.error?.code).toBe('not-found')
  })

  test('sends no request for an invalid id', async () => {
    const ids = ['', 'sessions', '../sessions', `${id}/resume`, `${id}\n`, `${id}?`, 'a'.repeat(65), 'ä'.repeat(32)]
    const calls = ids.flatMap((each): BackendCall[] => [
      ['resume', each],
      ['session', each],
      ['end', each],
    ])
    expect(await run(calls)).toEqual(calls.map(() => ({ result: null })))
    expect(api.asked).toEqual([])
  })

  test('retries temporary errors, and nothing else', async () => {
    // After a 421 the `fetch` of Node asks once more by itself, over a new connection (RFC 9110 §15.5.20).
    const codes = (Object.keys(problems) as ProblemCode[]).filter(code => problems[code].status !== 421)
    const passing = codes.filter(code => problems[code].retry)
    expect(passing.length).toBeGreaterThan(5)
    const seen = new Set<string>()
    api.script = ({ body }) => {
      const { jid } = JSON.parse(body)
      if (seen.has(jid)) return binding
      seen.add(jid)
      return problem(jid, problems[jid as ProblemCode].status, 0)
    }
    const outcomes = await run(codes.map(code => ['warm', { jid: code }]))
    expect(codes.filter((_code, index) => 'result' in outcomes[index]!)).toEqual(passing)
    expect(api.asked.length).toBe(codes.length + passing.length)
  })

  /** A problem with another `retry`, or without `retry`, as in older versions. */
  const withRetry = (reply: Reply, retry?: unknown): Reply => ({
    ...reply,
    body: { ...(reply.body as object), retry, advice: undefined },
  })

  test('retries depending on `retry`, or on the code if there is no `retry`', async () => {
    answer(withRetry(problem('conflict', 409, 0), true), binding)
    expect(await run([['warm', alice]])).toEqual([{ result: binding.body }])
    answer(withRetry(problem('timeout', 504, 0), false))
    expect(await failure()).toMatchObject({ code: 'timeout', retry: false, advice: null })
    answer(withRetry(problem('timeout', 504, 0)), binding)
    expect(await run([['warm', alice]])).toEqual([{ result: binding.body }])
    answer(withRetry(problem('conflict', 409, 0)))
    expect(await failure()).toMatchObject({ code: 'conflict', retry: false, advice: null })
    expect(api.asked.length).toBe(6)
  })

  test('gives up after the third attempt, with the last error', async () => {
    answer(problem('timeout', 504, 0), problem('service-full', 503, 0), problem('shutting-down', 503, 0))
    expect(await failure()).toEqual({
      code: 'shutting-down',
      detail: 'Why shutting-down.',
      advice: 'Mend shutting-down.',
      retry: true,
      status: 503,
      instance: 'urn:uuid:1-2-3',
      retryAfter: 0,
    })
    expect(api.asked.length).toBe(3)
  })

  test('waits no longer than a call may take', async () => {
    answer(problem('too-many-requests', 429, 41))
    expect(await failure()).toMatchObject({ code: 'too-many-requests', retryAfter: 41 })
    // The pause before the third attempt is two seconds at least.
    answer(problem('timeout', 504, 0), problem('timeout', 504))
    expect(await failure({ totalSeconds: 2 })).toMatchObject({ code: 'timeout', retryAfter: null })
    expect(api.asked.length).toBe(3)
  })

  test('repeats a call whose response was lost, after a pause', async () => {
    answer(response => response.destroy(), binding)
    expect(await run([['warm', alice]], { attempts: 2 })).toEqual([{ result: binding.body }])
    expect(api.asked.length).toBe(2)
  })

  const once = { attempts: 1 }

  test('treats a broken connection as no-answer', async () => {
    const none = { code: 'no-answer', advice: null, retry: true, status: null, instance: null, retryAfter: null }
    answer(response => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' })
      response.write('{"jid":', () => response.destroy())
    })
    expect(await failure(once)).toMatchObject(none)
    const [port] = await freePorts(1)
    expect(await failure(once, `http://127.0.0.1:${port}/warm`)).toMatchObject({
      ...none,
      detail: expect.stringMatching(/^The service did not answer: .*refused/i),
    })
  })

  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`

  test.each<[what: string, sent: string, repeated: string]>([
    ['nothing', '', ''],
    ['the head', chunked, ''],
    ['half of it', `${head}Content-Length: 1000\r\n\r\n{"jid":`, ''],
    ['one byte at a time', chunked, '1\r\n \r\n'],
    ['one byte of the head at a time', `${head}X-Long: `, 'x'],
    ['one header at a time', head, 'x:\r\n'],
    ['one byte of a chunk length at a time', `${chunked}2;`, 'x'],
    ['one trailer at a time', `${chunked}2\r\n{}\r\n0\r\n`, 'x:\r\n'],
  ])('has a time limit for a response of which %s arrives', async (_what, sent, repeated) => {
    // One of its own: a request can come after its time, when the next test waits for its own.
    const slow = await ScriptedApi.start()
    slow.script = (_asked, { socket }) => {
      socket!.write(sent)
      if (repeated !== '') trickle(socket!, repeated)
      return undefined
    }
    const late = await failure({ ...once, timeoutSeconds: 0.3 }, slow.url)
    await slow.stop()
    expect(late).toMatchObject({ code: 'no-answer', detail: 'The service did not answer in time.' })
  })

  test.each([429, 502, 503, 504])('treats HTTP %i of a proxy as no-answer', async status => {
    const between = { status, headers: { 'Retry-After': '0' }, body: '<h1>Bad Gateway</h1>' }
    answer(between, between, binding)
    expect(await run([['warm', alice]])).toEqual([{ result: binding.body }])
    answer(between)
    expect(await failure(once)).toMatchObject({ code: 'no-answer', status, retryAfter: 0, instance: null })
  })

  const foreign = ({ status }: Reply): BackendError => ({
    code: 'bad-answer',
    detail: `HTTP ${status} is not from warm-bindings: is the url that of its /warm?`,
    advice: null,
    retry: false,
    status,
    instance: null,
    retryAfter: null,
  })
  const wrongProblem = (body: object): Reply => ({
    ...{ status: 400, headers: { 'Content-Type': 'application/problem+json' } },
    body: { code: 'timeout', detail: 'Late.', ...body },
  })

  test.each<[string, Reply]>([
    ['a page', { status: 200, body: '<title>Welcome</title>' }],
    ['an empty body', { status: 200, body: '' }],
    ['a 404 page', { status: 404, body: 'Not found' }],
    ['another API', { status: 500, body: { code: 'oops', detail: 'Of another API.' } }],
    ['a problem whose code is a list', wrongProblem({ code: ['timeout'] })],
    ['a problem whose detail is a list', wrongProblem({ detail: ['Late.'] })],
    ['a problem whose retry is a word', wrongProblem({ retry: 'no' })],
  ])('rejects a response that is not from the service: %s', async (_what, reply) => {
    answer(reply)
    expect(await failure()).toEqual(foreign(reply))
    expect(api.asked.length).toBe(1)
  })

  const calls: readonly BackendCall[] = [
    ...([['warm', alice], ['resume', id], ['session', id], ['sessions']] as const),
    ['endAll', { jid: alice.jid }],
  ]

  test.each<[string, Reply]>([
    ['an empty object', { status: 200, body: {} }],
    ['an empty list', { status: 200, body: [] }],
    ['an object with other fields', { status: 200, body: { sessions: 3, ended: 'all', id: 5, rid: '1' } }],
    ['null', { status: 200, headers: { 'Content-Type': 'application/json' }, body: 'null' }],
    ['missing', { status: 204 }],
  ])('rejects for each call a body that is %s', async (_what, reply) => {
    // Only the end of a session has a reply without a body.
    const all: readonly BackendCall[] = reply.status === 204 ? calls : [...calls, ['end', id]]
    api.script = () => reply
    expect((await run(all)).map(({ error }) => error)).toEqual(all.map(() => foreign(reply)))
    expect(api.asked.length).toBe(all.length)
  })

  test.each(['jid', 'sid', 'rid', 'id'])('rejects a session without %s', async field => {
    answer({ status: 200, body: { ...(binding.body as object), [field]: undefined } })
    expect(await failure()).toEqual(foreign({ status: 200 }))
  })

  test.each<[string, readonly object[]]>([
    ['repeats the same page', [{ sessions: [{ id: 'a' }], next: 'b' }]],
    ['repeats a `next`', ['b', 'c'].map(next => ({ sessions: [{ id: 'a' }], next }))],
    ['continues after an empty page', [{ sessions: [], next: 'b' }]],
    ['has a number as `next`', [{ sessions: [{ id: 'a' }], next: 5 }]],
    ['has a session without an id', [{ sessions: [{ jid: alice.jid }] }]],
  ])('rejects a list that %s', async (_what, parts) => {
    const total = 9
    api.script = () => ({ status: 200, body: { ...parts[(api.asked.length - 1) % parts.length], total } })
    const [outcome] = await run([['sessions']])
    expect(outcome!.error).toMatchObject({ code: 'bad-answer' })
    expect(api.asked.length).toBeLessThanOrEqual(parts.length + 1)
  })

  test.each([301, 303, 307, 308])('sends the credentials to no other address: HTTP %i', async status => {
    answer({ status, headers: { Location: other.url } })
    expect(await failure()).toMatchObject({ code: 'bad-answer', status })
    expect([api.asked.length, other.asked.length]).toEqual([1, 0])
  })

  test('does not read an endless response', async () => {
    const part = Buffer.alloc(65_536, ' ')
    const endless = Readable.from(
      (function* () {
        for (;;) yield part
      })(),
    )
    answer(response => {
      response.writeHead(200, { 'Content-Type': 'application/json' })
      pipeline(endless, response, () => {})
    })
    expect(await failure()).toMatchObject({ code: 'bad-answer', detail: 'The answer is too long.' })
    expect(api.asked.length).toBe(1)
  })
}
