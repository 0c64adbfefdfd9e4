import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { Problem } from '../../src/lib/errors.js'
import type { SessionView } from '../../src/session/session-types.js'
import type { Logins } from '../../src/warm/session-login.js'
import { binding, config, fakeService, parameters, warm } from './fake-login.js'
import { FakeSessions, idOf, sidOf } from './fake-sessions.js'

const [one, two] = [idOf(1), idOf(2)]

/** A service at the time of ten seconds, with the sessions that are told, and what their credentials were checked for. */
function setUp(views: readonly Partial<SessionView>[], checkCredentials: Logins['checkCredentials'] = async () => {}) {
  let time = 10_000
  const checked: Parameters<Logins['checkCredentials']>[0][] = []
  const sessions = new FakeSessions(() => time)
  for (const [index, view] of views.entries()) sessions.add(index + 1, view)
  const service = fakeService({
    sessions,
    now: () => time,
    warm: { ...config.warm, anonymous: true },
    domains: ['*'],
    checkCredentials: (asked, signal) => {
      checked.push(asked)
      return checkCredentials(asked, signal)
    },
  })
  const call = (more: object = {}) => warm(service).send({ ...parameters, reuse: true, ...more })
  return {
    service,
    sessions,
    checked,
    call,
    advance: (ms: number) => {
      time += ms
    },
  }
}

describe('a warm call that would rather have a session that is there', () => {
  test.each(['quiet', 'paused', 'waiting'] as const)('gets one that is %s', async state => {
    const { service, sessions, checked, call } = setUp([{ state, quietSince: 5_000 }])
    const { status, body } = await call({ expires_in: 30, attach_binding: 'cookie', wait: 10 })
    expect(status).toBe(200)
    expect(body).toMatchObject({ id: one, sid: sidOf(one), wait: 60, expires_in: 30, reused: true })
    expect(sessions.resumed).toEqual([{ id: one, seconds: 30, attachBinding: 'cookie' }])
    expect(checked).toMatchObject([{ credentials: { kind: 'password', password: parameters.password } }])
    expect(service.logins).toEqual([])
    expect(service.lines()).toMatchObject([{ msg: 'warm', code: 'ok', id: one, reused: true }])
    expect(service.log()).not.toContain(sidOf(one))
  })

  test.each<[string, Partial<SessionView>]>([
    ['is in use', { state: 'held', quietSince: undefined }],
    ['was in use a moment ago', { quietSince: 5_001 }],
    ['was handed over a moment ago', { state: 'waiting', quietSince: 5_001 }],
    ['is still logging in', { state: 'opening', quietSince: 0 }],
    ['has been ended by its server', { state: 'ended' }],
    ['is elsewhere', { state: 'elsewhere' }],
    ["is another user's", { jid: 'romeo@chat.example/balcony' }],
    ['has another resource', { jid: 'juliet@chat.example/garden' }],
  ])('gets a new one instead of one that %s', async (_what, view) => {
    const { service, sessions, checked, call } = setUp([view])
    const { status, body } = await call()
    expect([status, body.id, body.reused]).toEqual([200, binding.id, false])
    expect(sessions.resumed).toEqual([])
    expect(service.logins).toHaveLength(1)
    // The login is the check.
    expect(checked).toEqual([])
    expect(service.lines()).toMatchObject([{ id: binding.id, reused: false }])
  })

  test('with a bare JID gets the one that was last in use, whatever its resource', async () => {
    const { call } = setUp([
      { quietSince: 1_000 },
      { jid: 'juliet@chat.example/garden', quietSince: 4_000, origin: 'client' },
      { jid: 'juliet@chat.example/x', quietSince: 3_000 },
    ])
    expect((await call({ jid: 'juliet@chat.example' })).body.id).toBe(two)
  })

  test('gets none while another call has just got it, also at the same time', async () => {
    const { sessions, service, call, advance } = setUp([{}])
    const ids = (await Promise.all([call(), call()])).map(({ body }) => body.id)
    expect(ids.sort()).toEqual([one, binding.id].sort())
    expect(sessions.resumed).toHaveLength(1)
    expect(service.logins).toHaveLength(1)
    advance(4_999)
    expect((await call()).body.reused).toBe(false)
    advance(1)
    expect((await call()).body.reused).toBe(true)
  })

  test('gets a new one where the session finds its page while the credentials are checked', async () => {
    const { sessions, call } = setUp([{}], async () => {
      sessions.add(1, { state: 'held', quietSince: undefined })
    })
    expect((await call()).body).toMatchObject({ id: binding.id, reused: false })
    expect(sessions.resumed).toEqual([])
  })

  test('with a wrong password is refused like a login, and the session is left alone', async () => {
    const { sessions, service, call } = setUp([{}], async () => {
      throw new Problem('not-authorized', { step: 'sasl', condition: 'not-authorized' })
    })
    const reply = await call()
    expect([reply.status, JSON.parse(reply.text)]).toMatchObject([
      403,
      { code: 'not-authorized', step: 'sasl', condition: 'not-authorized' },
    ])
    expect(sessions.resumed).toEqual([])
    expect(sessions.ended).toEqual([])
    expect(service.logins).toEqual([])
  })

  test('of an anonymous user gets a new one', async () => {
    const { service, checked, call } = setUp([{ jid: 'chat.example/x' }, { jid: 'x@chat.example/x' }])
    const { body } = await call({ jid: 'chat.example', password: undefined })
    expect(body).toMatchObject({ id: binding.id, reused: false })
    expect([service.logins.length, checked.length]).toEqual([1, 0])
  })

  test("is refused for a domain that is not the admin's, whatever is there", async () => {
    const { service, sessions } = setUp([{ jid: 'a@other.example/x', domain: 'other.example' }])
    const reply = await request(service.app)
      .post('/warm')
      .auth('portal', 'portal-secret')
      .send({ jid: 'a@other.example', password: 'x', reuse: true })
    expect([reply.status, JSON.parse(reply.text).code]).toEqual([403, 'forbidden'])
    expect(sessions.resumed).toEqual([])
  })

  test('says so in JSON only, and only there where it was asked for', async () => {
    const { service } = setUp([{}])
    expect((await warm(service).send(parameters)).body).not.toHaveProperty('reused')
    expect((await warm(service).send({ ...parameters, reuse: false })).body).not.toHaveProperty('reused')
    const page = await warm(service)
      .type('form')
      .send({ ...parameters, reuse: 'on' })
    expect(page.text).toContain(`<dd class="sid">${sidOf(one)}</dd>`)
    expect(page.text).not.toContain('reused')
  })
})
