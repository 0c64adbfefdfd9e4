import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type request from 'supertest'
import { Problem } from '../../src/lib/errors.js'
import type { Logins, WarmedBinding, WarmRequest } from '../../src/warm/warming/session-login.js'
import { asAdmin, binding, config, credentials, type FakeParts, fakeService, keys, parameters } from './fake-login.js'
import { FakeSessions, idOf, sidOf } from './fake-sessions.js'
import { portal } from './sessions/sessions-stage.js'

const { jid } = parameters

/** With `waits`, the test ends each login. Otherwise logins succeed at once. */
function setUp({ waits = false, ...about }: FakeParts & { waits?: boolean } & Partial<typeof config> = {}) {
  const sessions = new FakeSessions()
  const pending: { resolve(): void }[] = []
  let count = 0
  const made = ({ tab, jid: { local, domain } }: WarmRequest): WarmedBinding => {
    const { id } = sessions.add(++count, { tab, jid: `${local}@${domain}/x`, state: 'waiting' })
    return { ...binding, id, sid: sidOf(id) }
  }
  const login: Logins['login'] = (asked, caller) =>
    new Promise((resolve, reject) => {
      caller.addEventListener('abort', () => reject(caller.reason))
      pending.push({ resolve: () => resolve(made(asked)) })
      if (!waits) pending.at(-1)!.resolve()
    })
  const service = fakeService({ sessions, login, ...about })
  const answered = async (call: request.Test) => {
    const { status, text } = await call
    return { status, body: JSON.parse(text) }
  }
  const fields = { ...parameters, visit: 'v1', tab: 't1' }
  const call = (more: object = {}, by: readonly [string, string] = credentials) =>
    answered(
      asAdmin(service.app, by)
        .post('/warm')
        .send({ ...fields, ...more }),
    )
  const sessionsCall = (method: 'get' | 'delete', query: string, by: readonly [string, string] = credentials) =>
    answered(asAdmin(service.app, by)[method](`/warm/sessions${query}`))
  const begun = async (many: number) => {
    while (pending.length < many) await new Promise(setImmediate)
  }
  return { service, sessions, pending, call, sessionsCall, begun }
}

const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setTimeout(resolve, 1))
}

describe('a warm call with a visit and a tab', () => {
  test('logs in once, and later resumes without a password', async () => {
    const { service, sessions, call } = setUp()
    const first = await call()
    expect([first.status, first.body]).toMatchObject([200, { id: idOf(1), resumed: false }])
    expect(first.body).not.toHaveProperty('reused')
    const again = await call({ password: undefined, expires_in: 30 })
    const resumed = { id: idOf(1), resumed: true }
    expect(again).toMatchObject({ status: 200, body: { ...resumed, expires_in: 30, delivered: 0 } })
    expect((await call({ password: 'wrong' })).body).toMatchObject(resumed)
    expect(service.logins).toHaveLength(1)
    expect(sessions.resumed).toHaveLength(2)
    expect(service.lines()).toMatchObject([
      { msg: 'warm', code: 'ok', id: idOf(1), resumed: false, login: 'password' },
      { msg: 'warm', code: 'ok', id: idOf(1), resumed: true },
      { resumed: true },
    ])
    expect(service.lines()[1]).not.toHaveProperty('login')
    expect(service.log()).not.toContain('v1')
  })

  test.each<[string, object, readonly [string, string]]>([
    ['visit', { visit: 'v2' }, credentials],
    ['tab', { tab: 't2' }, credentials],
    ['tab, namely none', { tab: undefined }, credentials],
    ['user', { jid: 'romeo@chat.example' }, credentials],
    ['user in authzid', { authzid: 'romeo@chat.example' }, credentials],
    ['admin', {}, portal],
  ])('gets its own session for another %s', async (_what, other, by) => {
    const { call } = setUp()
    await call()
    expect((await call(other, by)).body).toMatchObject({ id: idOf(2), resumed: false })
    expect((await call()).body).toMatchObject({ id: idOf(1), resumed: true })
    expect((await call({ ...other, password: undefined }, by)).body).toMatchObject({ id: idOf(2), resumed: true })
  })

  test.each<[string, object]>([
    ['another spelling', { jid: 'JULIET@Chat.Example' }],
    ['another resource', { jid: 'juliet@chat.example/garden' }],
    ['an account that acts for the user', { jid: 'bot@chat.example', authzid: jid, password: 'x' }],
    ['a token', { token: 'abc', password: undefined }],
    ['an empty option', { wait: '' }],
  ])('gets the same session with %s', async (_what, more) => {
    const { call } = setUp()
    await call()
    expect((await call(more)).body).toMatchObject({ id: idOf(1), resumed: true })
  })

  test('resumes without opening the credential, and can remember the user of a live session', async () => {
    const { service, call } = setUp({ sealKeys: [createSecretKey(randomBytes(32))] })
    await call()
    expect((await call({ password: undefined, credential: 'damaged' })).body).toMatchObject({ resumed: true })
    const remembered = await call({ remember: 'on' })
    expect(remembered.body).toMatchObject({ id: idOf(1), resumed: true, credential: expect.any(String) })
    const { credential } = remembered.body
    expect((await call({ password: undefined, credential, tab: 't2' })).body).toMatchObject({ resumed: false })
    const damaged = await call({ password: undefined, credential: 'damaged', tab: 't3' })
    expect(damaged).toMatchObject({ status: 403, body: { code: 'credentials-expired' } })
    expect(service.logins.map(({ credentials }) => credentials.kind)).toEqual(['password', 'keys'])
    const other = await call({ tab: 't4', remember: 'on' })
    expect(other.body).toMatchObject({ resumed: false, credential: expect.any(String) })
  })

  test('gets no credential if its keys do not log in again, and keeps its session', async () => {
    const keysOf: Logins['keysOf'] = async ({ credentials: { kind } }) => {
      if (kind === 'keys') throw new Problem('credentials-expired', { step: 'sasl' })
      return keys
    }
    const { call } = setUp({ sealKeys: [createSecretKey(randomBytes(32))], keysOf })
    await call()
    const refused = { status: 409, body: { code: 'cannot-remember', step: 'sasl' } }
    expect(await call({ remember: 'on' })).toMatchObject(refused)
    expect((await call()).body).toMatchObject({ id: idOf(1), resumed: true })
  })

  test('resumes an anonymous session', async () => {
    const { call } = setUp({ warm: { ...config.warm, anonymous: true } })
    const anonymous = { jid: 'chat.example', password: undefined }
    expect((await call(anonymous)).body).toMatchObject({ id: idOf(1), resumed: false })
    expect((await call(anonymous)).body).toMatchObject({ id: idOf(1), resumed: true })
    expect((await call({ ...anonymous, tab: 't2' })).body).toMatchObject({ id: idOf(2), resumed: false })
  })

  test('needs the password if there is no session', async () => {
    const { service, call } = setUp()
    const body = { code: 'missing-parameter', detail: expect.stringContaining('Parameter: password.') }
    for (const more of [{ password: undefined }, { password: undefined, authzid: 'romeo@chat.example' }])
      expect(await call(more)).toMatchObject({ status: 400, body })
    expect(service.logins).toEqual([])
  })

  test.each(['ended', 'opening'] as const)('logs in if the existing session is %s', async state => {
    const { sessions, call } = setUp()
    await call()
    sessions.views.set(idOf(1), { ...sessions.views.get(idOf(1))!, state })
    expect((await call()).body).toMatchObject({ id: idOf(2), resumed: false })
  })

  test('does not count as a warm call if it resumes', async () => {
    const { call } = setUp({ rates: { ...config.rates, warmsPerJid: 1 } })
    for (let view = 0; view < 5; view++) expect((await call()).status).toBe(200)
    expect((await call({ tab: 't2' })).status).toBe(429)
    expect((await call()).status).toBe(200)
  })

  test.each<[string, object]>([
    ['visit', { visit: 'x'.repeat(129) }],
    ['visit', { visit: '\u202e' }],
    ['visit', { visit: undefined }],
    ['tab', { tab: 'x'.repeat(65) }],
  ])('is rejected with an invalid %s: %j', async (name, more) => {
    const { service, call } = setUp()
    const { status, body } = await call(more)
    expect([status, body.detail]).toEqual([400, expect.stringContaining(`Parameter: ${name}.`)])
    expect(service.logins).toEqual([])
  })

  const visits = ['x'.repeat(128), '😀'.repeat(128), '__proto__', 'constructor', '"\\', 'a b']

  test.each(visits)('may have as visit %j', async visit => {
    const { call, sessionsCall } = setUp()
    await call({ visit })
    expect((await call({ visit })).body.resumed).toBe(true)
    const query = `?${new URLSearchParams({ visit })}`
    expect((await sessionsCall('get', query)).body).toMatchObject({ total: 1, sessions: [{ visit, tab: 't1' }] })
    expect((await sessionsCall('delete', query)).body).toEqual({ ended: 1 })
  })
})

test('several simultaneous calls for one tab cause one login, and the others wait for it and resume', async () => {
  const { service, pending, call, begun } = setUp({ waits: true })
  const calls = Promise.all([call(), call(), call({ password: undefined })])
  await begun(1)
  await settled()
  expect(service.logins).toHaveLength(1)
  pending[0]!.resolve()
  const replies = await calls
  expect(replies.map(({ body }) => [body.id, body.resumed])).toEqual([
    [idOf(1), false],
    [idOf(1), true],
    [idOf(1), true],
  ])
  expect(service.logins).toHaveLength(1)
})

describe('the end of a visit', () => {
  test('ends the sessions of all its tabs and users, and no others', async () => {
    const { sessions, call, sessionsCall } = setUp()
    for (const more of [{}, { tab: 't2' }, { jid: 'romeo@chat.example' }, { visit: 'v2' }]) await call(more)
    await call({}, portal)
    expect(await sessionsCall('delete', '?visit=v1')).toEqual({ status: 200, body: { ended: 3 } })
    expect(sessions.ended).toEqual([idOf(1), idOf(2), idOf(3)])
    expect((await sessionsCall('delete', '?visit=v1')).body).toEqual({ ended: 0 })
    expect((await call()).body).toMatchObject({ resumed: false })
    expect((await call({}, portal)).body).toMatchObject({ id: idOf(5), resumed: true })
  })

  test('cancels logins, and the calls that wait for them', async () => {
    const { service, pending, call, sessionsCall, begun } = setUp({ waits: true })
    const [first, second, third, other] = [call(), call(), call({ tab: 't2' }), call({ visit: 'v2' })]
    await begun(3)
    await settled()
    expect((await sessionsCall('delete', '?visit=v1')).status).toBe(200)
    const detail = expect.stringContaining('The visit was ended during this call.')
    for (const cancelled of await Promise.all([first, second, third]))
      expect(cancelled).toMatchObject({ status: 404, body: { code: 'session-not-found', detail } })
    for (const { resolve } of pending) resolve()
    expect((await other).body).toMatchObject({ resumed: false })
    expect(service.logins).toHaveLength(3)
  })

  test('ends the session of a login that succeeds nevertheless', async () => {
    let succeed: ((session: WarmedBinding) => void) | undefined
    const { service, call, sessionsCall } = setUp({ login: () => new Promise(resolve => (succeed = resolve)) })
    const first = call()
    while (succeed === undefined) await new Promise(setImmediate)
    await sessionsCall('delete', '?visit=v1')
    succeed(binding)
    expect((await first).body).toMatchObject({ code: 'session-not-found' })
    expect(service.released).toEqual([binding.id])
  })
})

test('a list has only the visits of its admin, and can be filtered by visit', async () => {
  const { call, sessionsCall } = setUp()
  await call()
  await call({ visit: 'v2', tab: undefined })
  await call({ tab: 'secret' }, portal)
  const about = ({ body }: { body: { sessions: { id: string; visit?: string; tab?: string }[] } }) =>
    body.sessions.map(({ visit, tab }) => [visit, tab])
  expect(about(await sessionsCall('get', ''))).toEqual([
    ['v1', 't1'],
    ['v2', undefined],
    [undefined, undefined],
  ])
  expect(about(await sessionsCall('get', '?visit=v1'))).toEqual([['v1', 't1']])
  expect(about(await sessionsCall('get', '?visit=v1', portal))).toEqual([['v1', 'secret']])
  expect(about(await sessionsCall('get', '?visit=v2', portal))).toEqual([])
})
