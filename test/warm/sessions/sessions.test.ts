import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import type { StoredSession } from '../../../src/store/store.js'
import { config } from '../fake-login.js'
import { idOf, sidOf } from '../fake-sessions.js'
import {
  cookieOf,
  json,
  one,
  pageOf,
  portal,
  refusalOf,
  setUp,
  submit,
  tokenIn,
  two,
  withSession,
} from './sessions-stage.js'

const form = 'application/x-www-form-urlencoded'
const replying = { bosh: { ...config.bosh, attachBinding: 'reply' as const } }

describe('resuming a session by the API', () => {
  test('gets a response like a warm call, in JSON', async () => {
    const { sessions, post } = withSession()
    const reply = await post(`/warm/${one}/resume`).set('Accept', json)
    expect([reply.status, reply.type]).toEqual([200, json])
    expect(reply.text).toBe(
      `{"jid":"juliet@chat.example/balcony","sid":"${sidOf(one)}","rid":${4400120076 + 2 ** 20},"id":"${one}",` +
        '"wait":60,"hold":1,"requests":2,"inactivity":150,"polling":5,"maxpause":300,"ver":"1.6",' +
        '"url":"https://web.example/http-bind","expires_in":120,"csi":true,"link_state":true,"resumed":true,"delivered":0}',
    )
    expect(sessions.resumed).toMatchObject([{ id: one, seconds: 120, attachBinding: 'off' }])
  })

  test.each([
    ['a form', form, 'expires_in=30&attach_binding=cookie', { seconds: 30, attachBinding: 'cookie' }],
    ['JSON', json, '{"expires_in":30,"attach_binding":"reply"}', { seconds: 30, attachBinding: 'reply' }],
    ['empty JSON', json, '{}', { seconds: 120, attachBinding: 'off' }],
    ['an empty body', json, '', { seconds: 120, attachBinding: 'off' }],
  ])('accepts parameters as %s', async (_what, type, body, handover) => {
    const { sessions, post } = withSession()
    const reply = await post(`/warm/${one}/resume`).set('Accept', json).set('Content-Type', type).send(body)
    expect(reply.status).toBe(200)
    expect(sessions.resumed).toMatchObject([{ id: one, ...handover }])
    expect(reply.body.expires_in).toBe(handover.seconds)
  })

  test('returns the value of the cookie to programs only, not in a page', async () => {
    const { sessions, post } = withSession({}, replying)
    const reply = await post(`/warm/${one}/resume`).set('Accept', json)
    const cookie = { name: `wb-${one}`, value: 'c00kie-value', attributes: 'HttpOnly; SameSite=Lax' }
    expect(reply.body.cookie).toEqual(cookie)
    const page = await post(`/warm/${one}/resume`)
    expect(page.text).toContain(`<dd class="sid">${sidOf(one)}</dd>`)
    expect(page.text).not.toContain('c00kie-value')
    expect(sessions.resumed.map(({ attachBinding }) => attachBinding)).toEqual(['reply', 'cookie'])
  })

  test.each([
    ['invalid-parameter', 400, form, 'expires_in=4'],
    ['invalid-parameter', 400, form, 'expires_in=30&expires_in=30'],
    ['invalid-parameter', 400, json, '{"attach_binding":"on"}'],
    ['invalid-body', 400, json, '['],
    ['unsupported-media-type', 415, 'text/plain', 'expires_in=30'],
    ['body-too-large', 413, form, 'x'.repeat(16_385)],
  ])('is rejected for a mistake with %s', async (code, status, type, body) => {
    const { sessions, post } = withSession()
    const call = post(`/warm/${one}/resume`).set('Content-Type', type).send(body)
    expect(await refusalOf(call)).toEqual([status, code])
    expect(sessions.resumed).toMatchObject([])
  })

  test.each([
    ['does not exist', undefined, 'session-not-found', 404],
    ['is still logging in', { state: 'opening', jid: undefined } as const, 'session-not-found', 404],
    ['its server has ended', { state: 'ended' } as const, 'session-not-found', 404],
    ['is at a remote endpoint', { state: 'elsewhere' } as const, 'not-here', 409],
  ])('is rejected for a session that %s', async (_what, view, code, status) => {
    const { sessions, post } = setUp()
    if (view !== undefined) sessions.add(1, view)
    expect(await refusalOf(post(`/warm/${one}/resume`))).toEqual([status, code])
  })

  test('is rejected from a page of another site, with or without a body', async () => {
    const { sessions, post } = withSession()
    for (const type of [undefined, form, 'text/plain']) {
      const call = post(`/warm/${one}/resume`).set('Origin', 'https://evil.example')
      if (type !== undefined) call.set('Content-Type', type)
      expect(await refusalOf(call)).toEqual([403, 'cross-site-request'])
    }
    const withoutToken = post(`/warm/${one}/resume`).set('Origin', 'https://web.example')
    expect(await refusalOf(withoutToken)).toEqual([403, 'cross-site-request'])
    expect(sessions.resumed).toMatchObject([])
  })

  test('on the session’s page shows values to attach with, and what happened to the previous page', async () => {
    const { sessions, post, get } = withSession()
    const page = await pageOf(get(`/warm/${one}`))
    expect(page.text).toContain(`<form method="post" action="/warm/${one}/resume">`)
    expect(page.text).toContain('The current page is cut off')
    const redirect = await submit(post(`/warm/${one}/resume`), { csrf_token: tokenIn(page.text) })
    expect([redirect.status, redirect.headers['location']]).toEqual([303, `/warm/${one}/binding`])
    const reply = await get(`/warm/${one}/binding`).set('Cookie', cookieOf(redirect))
    expect(reply.status).toBe(200)
    expect(reply.text).toContain('<title>Ready for another page · Warm Bindings</title>')
    expect(reply.text).toContain(`<dd class="sid">${sidOf(one)}</dd>`)
    expect(reply.text).toContain('id="attach"')
    expect(sessions.resumed).toMatchObject([{ id: one, seconds: 120, attachBinding: 'off' }])
  })
})

describe('a session in the API', () => {
  test('is shown with its state and ages, and no secret', async () => {
    const { get, advance } = withSession({ openedAt: 1000, quietSince: 60_500 })
    advance(62_000)
    const reply = await get(`/warm/${one}`)
    expect([reply.status, reply.type]).toEqual([200, json])
    expect(reply.text).toBe(
      `{"id":"${one}","jid":"juliet@chat.example/balcony","domain":"chat.example","origin":"warmed",` +
        '"state":"quiet","transport":"bosh","age":61,"quiet":1}',
    )
    const opening = { state: 'opening', transport: undefined, jid: undefined, quietSince: undefined } as const
    const { body } = await withSession(opening).get(`/warm/${one}`)
    expect(body).toEqual({ id: one, domain: 'chat.example', origin: 'warmed', state: 'opening', age: 0 })
  })

  test('is a page in a browser', async () => {
    const { get } = withSession()
    const reply = await get(`/warm/${one}`).set('Accept', 'text/html,application/xhtml+xml')
    expect([reply.status, reply.type]).toEqual([200, 'application/xhtml+xml'])
    expect(reply.text).toContain('<title>juliet@chat.example · Session · Warm Bindings</title>')
    expect(reply.text).toContain('<td>juliet@chat.example/balcony</td>')
    expect(reply.text).toMatch(/As of <span class="day">\d{4}-\d\d-\d\d <\/span>\d\d:\d\d:\d\d UTC\./)
    // With `no-referrer`, browsers send its forms with `Origin: null`.
    expect(reply.headers['referrer-policy']).toBe('same-origin')
  })

  test('shows its client, its admin and its last events, on a page and in JSON', async () => {
    const history = [
      { event: 'opened', at: 1_000 },
      { event: 'attached', at: 3_000 },
    ] as const
    const [admin, address, browser] = ['portal', '192.0.2.1', 'Firefox 140, Windows']
    const { get, advance } = withSession({ openedAt: 1_000, admin, clientAddress: address, browser, history })
    advance(63_000)
    const { body } = await get(`/warm/${one}`)
    expect(body).toMatchObject({ admin, address, browser })
    expect(body.history).toEqual([
      { event: 'opened', age: 62 },
      { event: 'attached', age: 60 },
    ])
    const { text } = await pageOf(get(`/warm/${one}`))
    for (const [name, value] of Object.entries({ 'Opened by': admin, Address: address, Browser: browser }))
      expect(text).toContain(`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)
    // Newest event first.
    expect(text).toMatch(
      /\d{4}-\d\d-\d\d<\/p>.*A page attached<\/th><td>[\d:]+ UTC <[^>]+>\+2\.0 s<.*Opened<\/th><td>[\d:]+ UTC</s,
    )
    expect(text).toContain('href="/warm/sessions/end?jid&#x3D;juliet%40chat.example"'.replace('&#x3D;', '='))
    expect((await pageOf(get('/warm/sessions'))).text).toContain('<td role="cell" class="more">portal</td>')
    expect((await get('/warm/sessions')).body.sessions[0]).not.toHaveProperty('address')
  })

  test.each([
    ['opening', { jid: undefined }, 'The login is not done.', false],
    ['waiting', { endsAt: 92_000 }, 'first request of its page. The session ends in 1 min 32 s unless', true],
    ['held', { quietSince: undefined }, 'The page has a request', true],
    ['quiet', {}, 'The page has no request open.', true],
    ['paused', { endsAt: 7200_000 }, 'has announced a pause. The session ends in 2 h unless', true],
    ['ended', {}, 'The session has ended. The page gets the reason', false],
    ['held', { origin: 'client', transport: 'bosh' }, 'The page has a request', true],
    ['held', { origin: 'client', transport: 'websocket' }, 'can resume it', false],
  ] as const)('that is %s is explained on its page: %j', async (state, more, words, isResumable) => {
    const { get } = withSession({ state, ...more })
    const { text } = await pageOf(get(`/warm/${one}`))
    expect(text).toContain(words)
    expect(text.includes('value="Get new values"')).toBe(isResumable)
    expect(text).toContain(`href="/warm/${one}/end"`)
  })

  test('of a silent process gets session-unreachable, because it may still exist', async () => {
    const { sessions, get, post, remove } = setUp()
    sessions.lost.add(one)
    const reply = await remove(`/warm/${one}`)
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '5'])
    expect(JSON.parse(reply.text).code).toBe('session-unreachable')
    // These callers log the user in again.
    expect((await get(`/warm/${one}`)).status).toBe(404)
    expect((await post(`/warm/${one}/resume`).set('Accept', json)).status).toBe(404)
  })

  test('has an id that may begin with the name of its process', async () => {
    const id = `node1-${one}`
    const { sessions, get, post, remove } = withSession({ id })
    sessions.add(2)
    expect((await get(`/warm/${id}`)).body.id).toBe(id)
    expect((await post(`/warm/${id}/resume`).set('Accept', json)).body.id).toBe(id)
    const { next } = (await get('/warm/sessions?limit=1')).body
    expect((await get(`/warm/sessions?after=${next}`)).body.sessions).toMatchObject([{ id }])
    expect((await get(`/warm/sessions?after=0-${id}`)).body.sessions).toEqual([])
    expect((await remove(`/warm/${id}`)).status).toBe(204)
  })

  test('that is at a remote endpoint or unknown is neither shown nor ended', async () => {
    const { sessions, get, remove } = withSession({ state: 'elsewhere' })
    for (const call of [get, remove]) {
      expect(await refusalOf(call(`/warm/${one}`))).toEqual([409, 'not-here'])
      expect(await refusalOf(call(`/warm/${two}`))).toEqual([404, 'session-not-found'])
    }
    expect(sessions.ended).toEqual([])
  })
})

describe('the list of sessions', () => {
  const ids = ({ body }: { body: { sessions: { id: string }[] } }) =>
    body.sessions.map(({ id }) => Number.parseInt(id, 16))

  function manySessions() {
    const set = setUp()
    const add = (number: number, more: Partial<StoredSession>) => set.sessions.add(number, more)
    add(1, { openedAt: 1 })
    add(2, { openedAt: 2, jid: 'juliet@chat.example/garden', state: 'held', quietSince: undefined })
    add(3, { openedAt: 3, jid: 'romeo@chat.example/x', origin: 'client', transport: 'websocket' })
    add(4, { openedAt: 4, jid: 'juliet@other.chat.example/x', domain: 'other.chat.example', quietSince: 4 })
    add(5, { openedAt: 5, jid: undefined, state: 'opening', origin: 'client' })
    return set
  }

  test('has all sessions in the order of creation, and no secret', async () => {
    const { get } = manySessions()
    const reply = await get('/warm/sessions')
    expect([reply.status, reply.type]).toEqual([200, json])
    expect(ids(reply)).toEqual([1, 2, 3, 4, 5])
    expect(reply.body.total).toBe(5)
    expect(reply.body).not.toHaveProperty('next')
    expect(Object.keys(reply.body.sessions[0]).join(' ')).toBe('id jid domain origin state transport age quiet')
  })

  test.each([
    ['jid=juliet@chat.example', [1, 2]],
    ['jid=JULIET%40chat.example', [1, 2]],
    ['jid=juliet@chat.example/garden', [2]],
    ['domain=other.chat.example', [4]],
    ['domain=Other.Chat.Example', [4]],
    ['state=held', [2]],
    ['origin=client', [3, 5]],
    ['origin=client&state=opening', [5]],
    ['search=LIET%40chat', [1, 2]],
    ['transport=websocket', [3]],
    ['sort=-opened', [5, 4, 3, 2, 1]],
    ['sort=jid', [5, 1, 2, 4, 3]],
    ['sort=-quiet&origin=warmed', [1, 4, 2]],
  ])('has only matching sessions, in order, with ?%s', async (query, numbers) => {
    const reply = await manySessions().get(`/warm/sessions?${query}`)
    expect([ids(reply), reply.body.total]).toEqual([numbers, numbers.length])
  })

  test('comes in parts with each session once, even if sessions end between the parts', async () => {
    const { get, sessions } = manySessions()
    const first = await get('/warm/sessions?limit=2')
    expect([ids(first), first.body.total]).toEqual([[1, 2], 5])
    sessions.end(two)
    const second = await get(`/warm/sessions?limit=2&after=${first.body.next}`)
    expect([ids(second), second.body.total]).toEqual([[3, 4], 4])
    const third = await get(`/warm/sessions?limit=2&after=${second.body.next}`)
    expect(ids(third)).toEqual([5])
    expect(third.body).not.toHaveProperty('next')
    expect(ids(await get(`/warm/sessions?after=${second.body.next}&state=held`))).toEqual([])
  })

  test('comes in numbered parts in any order, and in reverse order', async () => {
    const { get } = manySessions()
    const part = async (query: string) => {
      const { body } = await get(`/warm/sessions?limit=2&${query}`)
      return [...ids({ body }), `of ${body.total}`]
    }
    expect(await part('page=2&sort=jid')).toEqual([2, 4, 'of 5'])
    const { next } = (await get('/warm/sessions?limit=2&sort=-opened')).body
    expect(await part(`sort=-opened&after=${next}`)).toEqual([3, 2, 'of 5'])
    expect((await get('/warm/sessions?limit=2&sort=jid')).body).not.toHaveProperty('next')
  })

  test('has a hundred by default, and a thousand at most', async () => {
    const { get, sessions } = setUp()
    for (let number = 1; number <= 1001; number++) sessions.add(number)
    expect(ids(await get('/warm/sessions'))).toHaveLength(100)
    const most = await get('/warm/sessions?limit=1000')
    expect(ids(most)).toHaveLength(1000)
    expect(most.body.total).toBe(1001)
  })

  test('is well-formed below any public path, whatever JIDs a server has bound', async () => {
    const { get } = withSession(
      { jid: `a@chat.example/<b>&"'\u0001\ufffe\ud800]]>` },
      { externalUrl: 'https://web.example/chat' },
    )
    const page = await pageOf(get('/warm/sessions'))
    expect(page.text).toContain('href="/chat/assets/style.css"')
    expect(page.text).toContain(`href="/chat/warm/${one}"`)
  })

  test('says if it is empty', async () => {
    const page = await pageOf(setUp().get('/warm/sessions'))
    expect(page.text).toContain('There are no sessions.')
    const filtered = await pageOf(setUp().get('/warm/sessions?state=held'))
    expect(filtered.text).toContain('No session matches.')
    for (const { text } of [page, filtered]) expect(text).not.toContain('<table')
  })
})

describe('an invalid query for sessions', () => {
  const wrong = (code: string, ...queries: string[]) => queries.map(query => [code, query] as const)
  const jid = 'juliet@chat.example'
  const inBoth = [
    ...wrong('invalid-parameter', 'sid=x', `jid=${jid}&jid=${jid}`, 'jid=%zz', 'jid=%ff@chat.example'),
    ...wrong('invalid-jid', 'jid=juliet', 'jid=chat.example'),
  ]
  const places = ['after=5', `after=-1-${one}`, `after=${'9'.repeat(17)}-${one}`]

  test.each([
    ...inBoth,
    ...wrong('invalid-jid', 'jid=', 'jid'),
    ...wrong('invalid-parameter', 'domain=a%20b', 'state=Held', 'origin=browser', 'process=x', 'transport=tcp'),
    ...wrong('invalid-parameter', 'limit=0', 'limit=1001', 'limit=-1', 'page=1000001', 'sort=age', 'search='),
    ...wrong('invalid-parameter', ...places, `after=1-${one}&page=2`, `after=1-${one}&sort=jid`),
  ])('gets %s instead of a list: %s', async (code, query) => {
    const { get } = withSession()
    const reply = await get(`/warm/sessions?${query}`)
    const problem = JSON.parse(reply.text)
    expect([reply.status, reply.type, problem.code]).toEqual([400, 'application/problem+json', code])
    // `detail` names the parameter and the rule.
    const rule = /(The query can have|Parameter: \w+\. (A|One|The|It|Either|1)) .+\.$/
    if (code === 'invalid-parameter') expect(problem.detail).toMatch(rule)
  })

  test.each([
    ...inBoth,
    ...wrong('missing-parameter', '', 'jid=', 'jid'),
    ...wrong('invalid-parameter', 'domain=chat.example', `jid=${jid}&state=quiet`, 'visit=', `visit=v1&jid=${jid}`),
    ...wrong('invalid-parameter', 'visit=v1&visit=v2'),
  ])('gets %s and ends nothing: %s', async (code, query) => {
    const { sessions, remove } = withSession()
    expect(await refusalOf(remove(`/warm/sessions?${query}`))).toEqual([400, code])
    expect(sessions.ended).toEqual([])
  })
})

describe('ending all sessions of a user', () => {
  function everywhere() {
    const set = setUp()
    set.sessions.add(1)
    set.sessions.add(2, { jid: 'juliet@chat.example/garden', origin: 'client', state: 'held' })
    set.sessions.add(3, { jid: 'romeo@chat.example/x' })
    return set
  }

  test('ends all sessions of a user, or the one of a full JID, and no others', async () => {
    const { sessions, remove } = everywhere()
    expect((await remove('/warm/sessions?jid=juliet@chat.example/garden')).body).toEqual({ ended: 1 })
    const reply = await remove('/warm/sessions?jid=juliet@chat.example')
    expect([reply.status, reply.body]).toEqual([200, { ended: 1 }])
    expect(sessions.ended).toEqual([two, one])
    expect((await remove('/warm/sessions?jid=juliet@chat.example')).body).toEqual({ ended: 0 })
  })

  test('reports how many may remain at a remote endpoint, which it cannot end', async () => {
    const { sessions, remove } = everywhere()
    sessions.add(4, { state: 'elsewhere', quietSince: undefined })
    sessions.end = async id => id !== idOf(4)
    const reply = await remove('/warm/sessions?jid=juliet@chat.example')
    expect(reply.body).toEqual({ ended: 2, elsewhere: 1 })
  })
})

test('an admin limited to one domain sees, resumes and ends the sessions of that domain only', async () => {
  const { sessions, call } = withSession()
  sessions.add(2, { jid: 'juliet@other.chat.example/x', domain: 'other.chat.example' })
  sessions.add(3, { jid: 'juliet@other.chat.example/y', domain: 'other.chat.example', state: 'elsewhere' })
  const [get, post, remove] = (['get', 'post', 'delete'] as const).map(method => call(method, portal))
  const csrf_token = tokenIn((await get!('/warm')).text)
  const list = await get!('/warm/sessions')
  expect([list.body.sessions.map(({ id }: { id: string }) => id), list.body.total]).toEqual([[one], 1])
  for (const refused of [
    get!('/warm/sessions?jid=juliet@other.chat.example'),
    get!('/warm/sessions?domain=other.chat.example'),
    remove!('/warm/sessions?jid=juliet@other.chat.example'),
    get!(`/warm/${two}`),
    remove!(`/warm/${two}`),
    remove!(`/warm/${idOf(3)}`),
    post!(`/warm/${two}/resume`),
    get!(`/warm/${two}/end`),
    submit(post!(`/warm/${two}/end`), { csrf_token }),
    get!(`/warm/sessions/end?id=${one}&id=${two}`),
    submit(post!('/warm/sessions/end'), { csrf_token, jid: 'juliet@other.chat.example' }),
    submit(post!('/warm/sessions/end'), `csrf_token=${encodeURIComponent(csrf_token)}&id=${one}&id=${two}`),
  ])
    expect(await refusalOf(refused)).toEqual([403, 'forbidden'])
  expect(sessions.ended).toEqual([])
  expect(sessions.resumed).toMatchObject([])
  expect((await get!(`/warm/${one}`)).status).toBe(200)
  expect((await post!(`/warm/${one}/resume`)).status).toBe(200)
  expect((await remove!('/warm/sessions?jid=juliet@chat.example')).body).toEqual({ ended: 1 })
})

describe('the paths of the warm API', () => {
  const addresses = [
    ['/warm', 'GET, HEAD, POST, OPTIONS'],
    ['/warm/sessions', 'GET, HEAD, DELETE, OPTIONS'],
    ['/warm/sessions/end', 'GET, HEAD, POST, OPTIONS'],
    [`/warm/${one}`, 'GET, HEAD, DELETE, OPTIONS'],
    [`/warm/${one}/end`, 'GET, HEAD, POST, OPTIONS'],
    [`/warm/${one}/resume`, 'POST, OPTIONS'],
  ] as const

  test.each(addresses)('%s allows %s', async (path, allowed) => {
    const { call, service } = setUp()
    const refused = await call('put')(path)
    expect([refused.status, refused.headers['allow']]).toEqual([405, allowed])
    const listed = await request(service.app).options(path)
    expect([listed.status, listed.headers['allow']]).toEqual([204, allowed])
    expect(listed.headers).not.toHaveProperty('access-control-allow-origin')
  })

  test.each(addresses)('%s needs an admin and an encrypted channel', async (path, allowed) => {
    const method = allowed.includes('POST') ? 'post' : 'get'
    const { service } = setUp()
    expect(await refusalOf(request(service.app)[method](path))).toEqual([401, 'unauthorized'])
    const { call } = setUp({ listen: { ...config.listen, places: [{ host: '0.0.0.0', port: 0 }] } })
    const open = await call(method)(path).set('Accept', json)
    expect([open.status, JSON.parse(open.text).code]).toEqual([403, 'insecure-channel'])
    expect(open.headers).not.toHaveProperty('www-authenticate')
  })

  test.each([
    ...[`/warm/${one}/resume/x`, `/warm/${one}/x`, '/warm/x/y', '/warm/%zz/y', '/warm/sessions/x', '/warmsessions'],
  ])('do not include %s', async path => {
    const { get, post } = setUp()
    for (const call of [get, post]) expect(await refusalOf(call(path))).toEqual([404, 'not-found'])
  })

  const noIds = ['x', `${one}0`, one.slice(1), 'g'.repeat(32), '%zz', '%2F', 'x'.repeat(64)]

  test.each(noIds)('have no session with the id %s', async id => {
    const { service, get, post, remove } = setUp()
    const path = `/warm/${id}`
    for (const call of [get(path), remove(path), get(`${path}/end`), post(`${path}/resume`)])
      expect(await refusalOf(call)).toEqual([404, 'session-not-found'])
    expect(JSON.stringify(service.lines().map(({ id }) => id))).toBe('[null,null,null,null]')
  })
})

test('the log of the sessions API has a line for each call, with no secret', async () => {
  const { sessions, service, get, post, remove } = withSession({}, replying)
  sessions.add(2, { jid: 'romeo@chat.example/x' })
  const resumed = await post(`/warm/${one}/resume`).set('Accept', json)
  await get('/warm/sessions?jid=romeo@chat.example/x')
  await get(`/warm/${two}`)
  await remove(`/warm/${two}`)
  await remove(`/warm/${two}`)
  await remove('/warm/sessions?jid=juliet@chat.example')
  const usual = { level: 30, admin: 'admin@host', ms: 0, address: expect.stringContaining('127.0.0.1') }
  const [juliet, romeo] = ['juliet@chat.example', 'romeo@chat.example']
  expect(service.lines()).toMatchObject([
    { ...usual, msg: 'resume', code: 'ok', id: one, jid: juliet, requestId: resumed.headers['x-request-id'] },
    { ...usual, msg: 'sessions', code: 'ok', jid: romeo },
    { ...usual, msg: 'sessions', code: 'ok', jid: romeo, id: two },
    { ...usual, msg: 'logout', code: 'ok', jid: romeo, id: two },
    { ...usual, msg: 'logout', code: 'session-not-found', id: two },
    { ...usual, msg: 'logout', code: 'ok', jid: juliet, ended: 1 },
  ])
  expect(service.lines().map(({ audit }) => audit)).toEqual([true, undefined, undefined, true, true, true])
  expect(resumed.text).toContain('c00kie-value')
  for (const secret of [sidOf(one), String(resumed.body.rid), 'c00kie-value', 'gehe:im']) {
    expect(service.log()).not.toContain(secret)
  }
})
