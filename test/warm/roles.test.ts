import { describe, expect, test } from '@jest/globals'
import { cheapHash } from '../support/cheap-hash.js'
import { binding, parameters } from './fake-login.js'
import { cookieOf, json, one, pageOf, refusalOf, setUp, submit, tokenIn } from './sessions/sessions-stage.js'

const roles = ['all', 'warm', 'read'] as const
const [all, warmer, reader] = roles.map(role => [role, `secret of ${role}`] as const)

function stage() {
  const admins = roles.map(role => ({ name: role, secret: `secret of ${role}`, domains: ['*'], role }))
  const stage = setUp({ admins })
  stage.sessions.add(1)
  stage.sessions.add(2, { tab: { admin: 'warm', user: 'juliet@chat.example', visit: 'hers', tab: '' } })
  return stage
}

describe('an admin with role=read', () => {
  test('sees the list, the numbers and each session', async () => {
    const get = stage().call('get', reader)
    expect((await get('/warm/sessions')).body.total).toBe(2)
    expect((await get(`/warm/${one}`)).body).toMatchObject({ id: one })
    const { text } = await pageOf(get('/warm/sessions'))
    for (const other of ['numbers', 'failures', 'audit']) {
      expect(text).toContain(`href="/warm/${other}"`)
      expect((await get(`/warm/${other}`)).status).toBe(200)
    }
    expect(text).toContain('juliet@chat.example/balcony')
    expect(text).not.toMatch(/Log a user in|class="danger"|sessions\/end|type="checkbox"|select-all\.js/)
    const session = await pageOf(get(`/warm/${one}`))
    expect(session.text).toContain('Sessions of this user')
    expect(session.text).not.toMatch(/new values|End this|Log a user in/)
  })

  test('can neither log users in, nor resume, nor end sessions', async () => {
    const { call, sessions, service } = stage()
    const [get, post, remove] = (['get', 'post', 'delete'] as const).map(method => call(method, reader))
    for (const refused of [
      get!('/warm'),
      post!('/warm').send(parameters),
      post!(`/warm/${one}/resume`),
      get!(`/warm/${one}/end`),
      submit(post!(`/warm/${one}/end`), { csrf_token: 'x' }),
      get!(`/warm/sessions/end?id=${one}`),
      post!('/warm/sessions/end').type('form').send({ id: one }),
      remove!(`/warm/${one}`),
      remove!('/warm/sessions?jid=juliet@chat.example'),
      remove!('/warm/sessions?visit=hers'),
    ])
      expect(await refusalOf(refused)).toEqual([403, 'role-forbidden'])
    expect([sessions.ended, sessions.resumed, service.logins]).toEqual([[], [], []])
  })

  test('gets an error page with a link to the list', async () => {
    const { text } = await pageOf(stage().call('get', reader)('/warm'), 403)
    expect(text).toContain('<h1 class="outcome">Your account may not do this</h1>')
    expect(text).toContain('<div class="back"><a href="/warm/sessions">')
    expect(text).not.toContain('Log a user in')
  })
})

describe('an admin with role=warm', () => {
  test('logs users in, resumes and ends sessions, by calls and by forms', async () => {
    const { sessions, call } = stage()
    sessions.add(3, { id: binding.id, jid: undefined, state: 'waiting' })
    const [get, post, remove] = (['get', 'post', 'delete'] as const).map(method => call(method, warmer))
    expect((await post!('/warm').send(parameters)).status).toBe(200)
    const form = await pageOf(get!('/warm'))
    expect(form.text).not.toContain('/warm/sessions"')
    const bound = await submit(post!('/warm'), { ...parameters, csrf_token: tokenIn(form.text) })
    expect(bound.status).toBe(303)
    const result = await pageOf(get!(bound.headers['location']!).set('Cookie', cookieOf(bound)))
    expect(result.text).toContain('Log another user in')
    expect(result.text).not.toContain('/warm/sessions"')
    expect((await post!(`/warm/${one}/resume`).set('Accept', json)).status).toBe(200)
    const session = await pageOf(get!(`/warm/${one}`))
    expect(session.text).toContain('End this session')
    expect(session.text).not.toContain('/warm/sessions"')
    expect((await remove!(`/warm/${one}`)).status).toBe(204)
    expect((await remove!('/warm/sessions?jid=juliet@chat.example')).body).toEqual({ ended: 1 })
  })

  test('is not told who ended a session', async () => {
    const { call } = stage()
    await call('delete', all)(`/warm/${one}`)
    expect((await pageOf(call('get', all)(`/warm/${one}`), 404)).text).toContain(' ended it at ')
    expect((await pageOf(call('get', warmer)(`/warm/${one}`), 404)).text).not.toContain(' ended it at ')
  })

  test('lists only the sessions of a visit, without the numbers', async () => {
    const get = stage().call('get', warmer)
    expect((await get('/warm/sessions?visit=hers')).body).toMatchObject({ total: 1 })
    const { text } = await pageOf(get('/warm/sessions?visit=hers'))
    expect(text.match(/rowheader/g)).toHaveLength(1)
    expect(text).not.toMatch(/href="\/warm\/(?:numbers|failures|audit)"|in all/)
    const others = ['/numbers', '/failures', '/audit']
    const lists = ['', '?jid=juliet@chat.example', '?state=quiet'].map(query => `/sessions${query}`)
    for (const path of [...lists, ...others])
      expect(await refusalOf(get(`/warm${path}`))).toEqual([403, 'role-forbidden'])
  })
})

test.each([
  ['as plain text', async (secret: string) => secret],
  ['as hashes', cheapHash],
  ['one of each', async (secret: string) => (secret === 'old' ? cheapHash(secret) : secret)],
])('an admin with two secrets is accepted with either, %s', async (_how, kept) => {
  const secrets = await Promise.all([kept('old'), kept('new')])
  const admins = secrets.map(secret => ({ name: 'portal', secret, domains: ['*'], role: 'all' as const }))
  const { call } = setUp({ admins })
  const statusOf = async (secret: string) => (await call('post', ['portal', secret])('/warm').send(parameters)).status
  expect(await Promise.all(['old', 'new', 'older'].map(statusOf))).toEqual([200, 200, 401])
})

test('an admin with role=warm sees after an end which session was ended', async () => {
  const { sessions, call } = stage()
  const [get, post] = [call('get', warmer), call('post', warmer)]
  const question = await pageOf(get(`/warm/${one}/end`))
  const answer = await submit(post(`/warm/${one}/end`), { csrf_token: tokenIn(question.text) })
  expect([answer.status, answer.headers['location'], sessions.ended]).toEqual([303, '/warm/sessions/ended', [one]])
  const told = await pageOf(get('/warm/sessions/ended').set('Cookie', cookieOf(answer)))
  expect(told.text).toMatch(/The session of juliet@chat.example\/\w+ was ended\./)
  const later = await pageOf(get('/warm/sessions/ended'), 303)
  expect(later.headers['location']).toBe('/warm')
})
