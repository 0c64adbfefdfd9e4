import { describe, expect, test } from '@jest/globals'
import { parameters } from '../fake-login.js'
import { idOf } from '../fake-sessions.js'
import {
  browser,
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

const plain = (text: string) => text.replaceAll('&amp;', '&').replaceAll('&#x3D;', '=')
const linksIn = ({ text }: { text: string }) => plain(text.match(/<div class="pages".*?<\/div>/s)![0])
const jids = (text: string) => Array.from(text.matchAll(/rowheader"><\w+ [^>]*title="([^"]+)"/g), ([, jid]) => jid)

function withUsers(count: number) {
  const set = setUp()
  for (let number = 1; number <= count; number++)
    set.sessions.add(number, { jid: `user${number}@chat.example/x`, openedAt: number })
  return set
}

describe('the page of sessions', () => {
  test('has the newest 50 first, and numbers for the others, which keep filter and order', async () => {
    const { get } = withUsers(310)
    const page = await pageOf(get('/warm/sessions?search=user&sort=jid&page=4'))
    expect(page.text).toContain('<caption>151–200 of 310 sessions</caption>')
    const links = linksIn(page)
    const texts = Array.from(links.matchAll(/>([^<>\n]+)</g), ([, text]) => text)
    expect(texts.join(' ')).toBe('Previous 1 2 3 4 5 6 7 Next')
    expect(links).toContain('href="?search=user&sort=jid&page=5"')
    expect(links).toContain('<a href="?search=user&sort=jid&page=4" aria-current="page"')
    const first = await pageOf(get('/warm/sessions'))
    expect(jids(first.text).slice(0, 2)).toEqual(['user310@chat.example/x', 'user309@chat.example/x'])
    expect(jids(first.text)).toHaveLength(50)
    expect(plain(first.text)).toContain('<span>…</span><a href="?page=7"')
    const beyond = await pageOf(get('/warm/sessions?page=8'))
    expect(beyond.text).toContain('This page of the list is empty.')
    expect(page.text).not.toContain('name="page"')
    expect(linksIn(first)).toContain('name="page" min="1" max="7" required="required" /> of 7')
    const filtered = await pageOf(get('/warm/sessions?search=user&limit=10&page=2'))
    const fields = linksIn(filtered).match(/type="hidden" name="(\w+)" value="(\w+)"/g)
    expect(fields).toEqual(['type="hidden" name="search" value="user"', 'type="hidden" name="limit" value="10"'])
  })

  test('sorts by its columns, up and down, and marks the sorted column', async () => {
    const { get } = withUsers(3)
    const page = plain((await pageOf(get('/warm/sessions?state=quiet&sort=jid&page=1'))).text)
    expect(page).toContain('aria-sort="ascending"><a href="?state=quiet&sort=-jid">JID</a>')
    expect(page).toContain('<a href="?state=quiet&sort=-opened">Age</a>')
    expect(jids(page)).toEqual([1, 2, 3].map(number => `user${number}@chat.example/x`))
    const reversed = await pageOf(get('/warm/sessions?sort=-jid'))
    expect(reversed.text).toContain('aria-sort="descending"><a href="?sort&#x3D;jid">JID')
    expect(jids(reversed.text)).toEqual([3, 2, 1].map(number => `user${number}@chat.example/x`))
    for (const [sort, direction, next] of [
      ['-quiet', 'descending', 'quiet'],
      ['quiet', 'ascending', '-quiet'],
      ['-opened', 'ascending', 'opened'],
    ])
      expect(plain((await pageOf(get(`/warm/sessions?sort=${sort}`))).text)).toContain(
        `aria-sort="${direction}"><a href="?sort=${next}">`,
      )
  })

  test('filters by any part of a JID, and keeps the text in the field', async () => {
    const { get } = withUsers(12)
    const page = await pageOf(get('/warm/sessions?search=USER1&state=&jid=&transport=bosh'))
    expect(jids(page.text)).toEqual([12, 11, 10, 1].map(number => `user${number}@chat.example/x`))
    expect(page.text).toContain('name="search" value="USER1"')
    expect(page.text).toContain('<option value="bosh" selected="selected">')
    // A chip shows the filter, while the other fields stay closed.
    expect(page.text).toContain('<details>')
    expect(page.text).toMatch(/transport: <b>BOSH<\/b> <a href="\?search&#x3D;USER1" aria-label="Remove the filter/)
  })

  test('shows visits and processes if there are any', async () => {
    const { sessions, get } = withUsers(2)
    const tab = { admin: 'admin@host', visit: 'one-visit', tab: '', user: 'user3@chat.example' }
    expect((await pageOf(get('/warm/sessions'))).text).not.toMatch(/>Visit<\/th>|>Process<\/th>/)
    sessions.processes = ['node0001', 'node0002']
    sessions.add(3, { process: 'node0002', tab })
    const { text } = await pageOf(get('/warm/sessions?process=node0002'))
    expect(text).toMatch(/>Visit<\/th>.*>Process<\/th>/)
    expect(text).toMatch(/<td role="cell" class="more">one-visit<\/td><td role="cell" class="more">node0002<\/td>/)
    expect(text).toContain('<option value="node0002" selected="selected">')
  })

  test('logs updates with the level debug', async () => {
    const { get, service } = withUsers(1)
    await pageOf(get('/warm/sessions').set('X-Live', 'on'))
    expect(service.log()).toMatch(/"level":20.*"msg":"sessions"/)
    expect(service.log()).not.toContain('"level":30')
    await pageOf(get('/warm/sessions'))
    expect(service.log()).toContain('"level":30')
  })

  test('allows only scripts and connections of this service', async () => {
    const { get } = withUsers(1)
    const page = await pageOf(get('/warm/sessions'))
    expect(page.headers['content-security-policy']).toContain("script-src 'self'; connect-src 'self'")
    expect(page.text).toContain('<script type="text/javascript" src="/assets/live.js" defer="defer">')
    const many = await pageOf(get('/warm/sessions?limit=1000'))
    expect(many.text).not.toContain('live.js')
  })

  test('counts only the sessions in the admin’s domains', async () => {
    const { sessions, call } = withSession()
    sessions.add(2, { jid: 'juliet@other.chat.example/x', domain: 'other.chat.example' })
    const page = await pageOf(call('get', portal)('/warm/sessions'))
    const totals = page.text.matchAll(/<b>([^<]*)<\/b> ([^<]+)<\/(?:a|li)>/g)
    expect(Array.from(totals, ([, number, what]) => `${number} ${what}`)).toEqual(['1 in all', '1 page away'])
    expect(page.text).not.toMatch(/other\.chat|MiB|Logins/)
  })

  test.each([
    ['jid', 'jid=juliet', 400, 'The jid is not a valid bare or full JID.'],
    ['domain', 'domain=a%20b', 400, 'A domain.'],
    ['state', 'state=asleep&jid=juliet@chat.example', 400, 'One of opening'],
    ['domain', 'domain=other.chat.example', 403, 'This admin may neither'],
  ])('shows an error at the field %s: %s', async (field, query, status, message) => {
    const { service, call } = withSession()
    const page = await pageOf(call('get', portal)(`/warm/sessions?${query}`), status)
    expect(page.text).toMatch(new RegExp(`id="${field}"[^>]* aria-invalid="true"`))
    expect(page.text).toMatch(new RegExp(`<span class="fault" id="${field}-fault">${message}`))
    expect(page.text).toContain('No list')
    expect(page.text).not.toContain('<table')
    const given = new URLSearchParams(query).get(field)!
    if (field !== 'state') expect(page.text).toContain(` value="${given}"`)
    expect(service.lines()).toMatchObject([{ msg: 'sessions', admin: 'portal' }])
  })

  const ofNoField = ['limit=0', 'after=5', 'sid=x', 'refresh=4', 'refresh=soon']

  test.each(ofNoField)('shows the error page for an invalid parameter without a field: %s', async query => {
    const page = await pageOf(setUp().get(`/warm/sessions?${query}`), 400)
    expect(page.text).toContain('<dd class="code">invalid-parameter</dd>')
    expect(page.text).toContain('<a href="/warm/sessions">All sessions</a>')
  })

  test('refreshes itself on request, and then has no form, which a refresh would empty', async () => {
    const { get } = withSession()
    const still = await pageOf(get('/warm/sessions?state=quiet'))
    expect(still.headers).not.toHaveProperty('refresh')
    expect(still.text).toContain('<form')
    expect(still.text).toContain('href="?state&#x3D;quiet&amp;refresh&#x3D;15"')
    const live = await pageOf(get('/warm/sessions?state=quiet&refresh=15'))
    expect(live.headers['refresh']).toBe('15')
    expect(live.text).not.toMatch(/<form|<input|live\.js/)
    expect(live.text).toContain('state <b>page away</b>')
    expect(live.text).toMatch(/As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Refreshed every 15 seconds/)
    for (const { text } of [still, live]) expect(text).not.toContain('http-equiv')
    expect((await get('/warm/sessions?refresh=15')).status).toBe(400)
  })

  test('offers no actions for a session at a remote endpoint', async () => {
    const { get } = withSession({ state: 'elsewhere', quietSince: undefined })
    const { text } = await pageOf(get('/warm/sessions'))
    expect(text).toContain('juliet@chat.example/balcony')
    expect(text).not.toContain(`href="/warm/${one}`)
  })
})

describe('ending selected sessions on the page', () => {
  const select = `/warm/sessions/end?id=${one}&id=${two}&back=search%3Duser%26page%3D2`

  test('shows a notice of the ended session once, to this admin only, for a minute', async () => {
    const { sessions, get, call, post, advance } = withUsers(1)
    sessions.add(2, { jid: `<b>${'x'.repeat(900)}@chat.example/y` })
    const question = await pageOf(get('/warm/sessions/end?id=' + two))
    const form = { csrf_token: tokenIn(question.text), id: two }
    const answer = await submit(post('/warm/sessions/end'), form)
    const cookie = cookieOf(answer)
    expect(cookie.length).toBeLessThan(1_500)
    expect(cookie).not.toContain('chat')
    const told = await pageOf(get('/warm/sessions').set('Cookie', cookie))
    expect(told.text).toMatch(/role="status">The session of &lt;b&gt;x{97}… was ended.</)
    for (const untold of [
      await pageOf(get('/warm/sessions')),
      await pageOf(get('/warm/sessions').set('Cookie', cookie.slice(0, -2) + 'AA')),
      await pageOf(call('get', portal)('/warm/sessions').set('Cookie', cookie)),
    ])
      expect(untold.text).not.toContain('role="status"')
    await pageOf(get('/warm/sessions?ended=5'), 400)
    advance(61_000)
    expect((await pageOf(get('/warm/sessions').set('Cookie', cookie))).text).not.toContain('role="status"')
  })

  test('needs a confirmation, ends the sessions, and returns to the list', async () => {
    const { sessions, service, get, post } = withUsers(3)
    const question = await pageOf(get(select))
    expect(question.text).toContain('<h1>End 2 sessions?</h1>')
    expect(question.text).toContain('<b>user1@chat.example/x</b>')
    expect(plain(question.text)).toContain(' keep" href="/warm/sessions?search=user&page=2">Keep them</a>')
    const body = new URLSearchParams({ csrf_token: tokenIn(question.text), back: 'search=user&page=2' })
    for (const id of [one, two, idOf(99)]) body.append('id', id)
    const answer = await submit(post('/warm/sessions/end'), String(body))
    expect([answer.status, answer.headers['location']]).toEqual([303, '/warm/sessions?search=user&page=2'])
    expect(sessions.ended).toEqual([one, two])
    const list = await pageOf(get('/warm/sessions?search=user').set('Cookie', cookieOf(answer)))
    expect(list.text).toContain(
      '<p class="notice" role="status">2 sessions: user1@chat.example/x, user2@chat.example/x were ended.</p>',
    )
    const forgotten = 'warm-ended=; Path=/warm/sessions; HttpOnly; SameSite=Strict; Max-Age=0'
    expect(list.headers['set-cookie']).toEqual([forgotten])
    expect(jids(list.text)).toEqual(['user3@chat.example/x'])
    const ended = { ids: [one, two], jids: ['user1@chat.example', 'user2@chat.example'], ended: 2 }
    const line = service.lines().find(({ msg }) => msg === 'logout')
    expect(line).toMatchObject({ audit: true, code: 'ok', admin: 'admin@host', ...ended })
  })

  test('ends all sessions of a user, with the user’s name in the confirmation', async () => {
    const { sessions, get, post } = setUp()
    for (const number of [1, 2]) sessions.add(number, { jid: `juliet@chat.example/${number}` })
    sessions.add(3, { jid: 'romeo@chat.example/x' })
    const question = await pageOf(get('/warm/sessions/end?jid=juliet@chat.example'))
    expect(question.text).toContain('<b>juliet@chat.example</b> has 2 sessions now.')
    const form = { csrf_token: tokenIn(question.text), jid: 'juliet@chat.example', back: '' }
    const answer = await submit(post('/warm/sessions/end'), form)
    expect([answer.status, answer.headers['location']]).toEqual([303, '/warm/sessions'])
    const list = await pageOf(get('/warm/sessions').set('Cookie', cookieOf(answer)))
    expect(list.text).toContain('role="status">2 sessions of juliet@chat.example were ended.</p>')
    expect(sessions.ended).toEqual([one, two])
  })

  test('returns to the list with a hint if nothing was selected', async () => {
    const { get } = withUsers(1)
    const answer = await pageOf(get('/warm/sessions/end?back=search%3Duser'), 303)
    expect(answer.headers['location']).toBe('/warm/sessions?search=user')
    const { text } = await pageOf(get('/warm/sessions').set('Cookie', cookieOf(answer)))
    expect(text).toContain('role="status">Select at least one session.<')
  })

  test.each([
    ['missing-parameter', ''],
    ['invalid-parameter', 'id=x'],
    ['invalid-parameter', `id=${one}&jid=juliet@chat.example`],
    ['invalid-parameter', Array.from({ length: 201 }, (_, number) => `id=${idOf(number)}`).join('&')],
  ])('is rejected with %s: %.40s', async (code, query) => {
    const { sessions, get, post } = withUsers(1)
    for (const call of [get(`/warm/sessions/end?${query}`), post('/warm/sessions/end').type('form').send(query)])
      expect(await refusalOf(call)).toEqual([400, code])
    expect(sessions.ended).toEqual([])
  })
})

describe('ending a session in a browser', () => {
  const setUpOne = () => {
    const set = withSession()
    const send = (csrf_token: string, headers?: Record<string, string>) =>
      submit(set.post(`/warm/${one}/end`), { csrf_token }, headers)
    return { ...set, send }
  }

  test('needs a confirmation', async () => {
    const { sessions, service, get, send } = setUpOne()
    const question = await pageOf(get(`/warm/${one}/end`))
    expect(question.text).toContain('<h1>End this session?</h1>')
    expect(question.text).toContain('juliet@chat.example/balcony')
    expect(question.text).toContain(`<form class="choice answers" method="post" action="/warm/${one}/end">`)
    expect(question.headers['referrer-policy']).toBe('same-origin')
    expect(sessions.ended).toEqual([])
    const answer = await send(tokenIn(question.text))
    expect([answer.status, answer.headers['location']]).toEqual([303, '/warm/sessions'])
    expect(sessions.ended).toEqual([one])
    expect((await send(tokenIn(question.text))).status).toBe(404)
    const usual = { admin: 'admin@host', id: one }
    expect(service.lines()).toMatchObject([
      { ...usual, msg: 'sessions', code: 'ok' },
      { ...usual, msg: 'logout', code: 'ok', audit: true, jid: 'juliet@chat.example' },
      { ...usual, msg: 'logout', code: 'session-not-found' },
    ])
    expect(service.lines()[0]).not.toHaveProperty('audit')
  })

  test('answers in JSON if requested, and is refused as JSON, because programs send no forms', async () => {
    const { sessions, get, post, send } = setUpOne()
    const csrf_token = tokenIn((await pageOf(get(`/warm/${one}/end`))).text)
    expect((await post(`/warm/${one}/end`).set(browser).send({ csrf_token })).status).toBe(403)
    expect(sessions.ended).toEqual([])
    expect((await send(csrf_token, { ...browser, Accept: json })).body).toEqual({ ended: 1 })
  })
})

// What is accepted is tested in http/access/sender.test.ts and form-tokens.test.ts.
test.each([
  ['/warm', parameters],
  ['/warm/sessions/end', { id: one }],
  [`/warm/${one}/end`, {}],
])('the form at %s is refused from another site, and without its token', async (path, fields) => {
  const { service, sessions, get, post } = withUsers(1)
  const csrf_token = tokenIn((await pageOf(get('/warm'))).text)
  for (const call of [
    submit(post(path), { ...fields, csrf_token }, { Origin: 'https://evil.example' }),
    submit(post(path), fields),
  ])
    expect(await refusalOf(call)).toEqual([403, 'cross-site-request'])
  expect([service.logins, sessions.ended]).toEqual([[], []])
})
