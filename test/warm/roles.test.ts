import { describe, expect, test } from '@jest/globals'
import { cheapHash } from '../support/cheap-hash.js'
import { isXhtml } from '../support/xhtml.js'
import { parameters } from './fake-login.js'
import { cookieOf, html, json, one, refusalOf, setUp, submit, tokenIn } from './sessions/sessions-stage.js'

const [all, warmer, reader] = (['all', 'warm', 'read'] as const).map(role => [role, `secret of ${role}`] as const)

function stage() {
  const admins = (['all', 'warm', 'read'] as const).map(role => ({
    ...{ name: role, secret: `secret of ${role}`, domains: ['*'], role },
  }))
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
    const { text } = await get('/warm/sessions').set(html)
    for (const other of ['numbers', 'failures', 'audit']) {
      expect(text).toContain(`href="/warm/${other}"`)
      expect((await get(`/warm/${other}`)).status).toBe(200)
    }
    expect(text).toContain('juliet@chat.example/balcony')
    expect(text).not.toMatch(/Log a user in|class="danger"|sessions\/end|type="checkbox"|select-all\.js/)
    const session = await get(`/warm/${one}`).set(html)
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
    const { status, text } = await stage().call('get', reader)('/warm').set(html)
    expect(status).toBe(403)
    expect(text).toContain('<h1 class="outcome">Your account may not do this</h1>')
    expect(text).toContain('<div class="back"><a href="/warm/sessions">')
    expect(text).not.toContain('Log a user in')
  })
})

describe('an admin with role=warm', () => {
  test('logs users in, resumes and ends sessions, by calls and by forms', async () => {
    const { call } = stage()
    const [get, post, remove] = (['get', 'post', 'delete'] as const).map(method => call(method, warmer))
    expect((await post!('/warm').send(parameters)).status).toBe(200)
    const form = await get!('/warm').set(html)
    expect(form.text).not.toContain('/warm/sessions"')
    const bound = await submit(post!('/warm'), { ...parameters, csrf_token: tokenIn(form.text) })
    expect(bound.status).toBe(303)
    const result = await get!(bound.headers['location']!).set({ ...html, Cookie: cookieOf(bound) })
    expect(result.text).toContain('Log another user in')
    expect(result.text).not.toContain('/warm/sessions"')
    expect((await post!(`/warm/${one}/resume`).set('Accept', json)).status).toBe(200)
    const session = await get!(`/warm/${one}`).set(html)
    expect(session.text).toContain('End this session')
    expect(session.text).not.toContain('/warm/sessions"')
    expect((await remove!(`/warm/${one}`)).status).toBe(204)
    expect((await remove!('/warm/sessions?jid=juliet@chat.example')).body).toEqual({ ended: 1 })
  })

  test('is not told who ended a session', async () => {
    const { call } = stage()
    await call('delete', all)(`/warm/${one}`)
    const shown = (await call('get', all)(`/warm/${one}`).set(html)).text
    const { status, text } = await call('get', warmer)(`/warm/${one}`).set(html)
    expect([status, shown.includes(' ended it at '), text.includes(' ended it at ')]).toEqual([404, true, false])
  })

  test('lists only the sessions of a visit, without the numbers', async () => {
    const get = stage().call('get', warmer)
    expect((await get('/warm/sessions?visit=hers')).body).toMatchObject({ total: 1 })
    const { text } = await get('/warm/sessions?visit=hers').set(html)
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
  const admins = await Promise.all(
    ['old', 'new'].map(async secret => ({
      ...{ name: 'portal', secret: await kept(secret), domains: ['*'], role: 'all' as const },
    })),
  )
  const { call } = setUp({ admins })
  const statusOf = async (secret: string) => (await call('post', ['portal', secret])('/warm').send(parameters)).status
  expect(await Promise.all(['old', 'new', 'older'].map(statusOf))).toEqual([200, 200, 401])
})

test('an admin with role=warm sees after an end which session was ended', async () => {
  const { sessions, call } = stage()
  const [get, post] = [call('get', warmer), call('post', warmer)]
  const question = await get(`/warm/${one}/end`).set(html)
  const answer = await submit(post(`/warm/${one}/end`), { csrf_token: tokenIn(question.text) })
  expect([answer.status, answer.headers['location'], sessions.ended]).toEqual([303, '/warm/sessions/ended', [one]])
  const told = await get('/warm/sessions/ended').set({ ...html, Cookie: cookieOf(answer) })
  expect([told.status, isXhtml(told.text)]).toEqual([200, true])
  expect(told.text).toMatch(/The session of juliet@chat.example\/\w+ was ended\./)
  const later = await get('/warm/sessions/ended').set(html)
  expect([later.status, later.headers['location']]).toEqual([303, '/warm'])
})
