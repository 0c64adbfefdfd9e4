import { describe, expect, test } from '@jest/globals'
import { isXhtml } from '../support/xhtml.js'
import { browser, codeOf, json, one, portal, setUp, submit, tokenIn } from './sessions/sessions-stage.js'

describe('the page of sessions', () => {
  const html = { Accept: 'text/html' }
  const numbers = (text: string) =>
    Object.fromEntries(
      Array.from(text.matchAll(/<b>([^<]*)<\/b> ([^<]+)<\/(?:a|li)>/g), ([, number, what]) => [what, number]),
    )

  test('counts only the sessions in the admin’s domains', async () => {
    const { sessions, call } = setUp()
    sessions.add(1)
    sessions.add(2, { jid: 'juliet@other.chat.example/x', domain: 'other.chat.example' })
    const page = await call('get', portal)('/warm/sessions').set(html)
    expect(numbers(page.text)).toEqual({ 'in all': '1', 'page away': '1' })
    expect(page.text).not.toMatch(/other\.chat|MiB|Logins/)
  })

  test.each([
    ['jid', 'jid=juliet', 400, 'The jid is not a valid bare or full JID.'],
    ['domain', 'domain=a%20b', 400, 'A domain.'],
    ['state', 'state=asleep&jid=juliet@chat.example', 400, 'One of opening'],
    ['domain', 'domain=other.chat.example', 403, 'This admin may neither'],
  ])('shows an error at the field %s: %s', async (field, query, status, message) => {
    const { sessions, service, call } = setUp()
    sessions.add(1)
    const page = await call('get', portal)(`/warm/sessions?${query}`).set(html)
    expect([page.status, isXhtml(page.text)]).toEqual([status, true])
    expect(page.text).toMatch(new RegExp(`id="${field}"[^>]* aria-invalid="true"`))
    expect(page.text).toMatch(new RegExp(`<span class="fault" id="${field}-fault">${message}`))
    expect(page.text).toContain('No list')
    expect(page.text).not.toContain('<table')
    const given = new URLSearchParams(query).get(field)!
    if (field !== 'state') expect(page.text).toContain(` value="${given}"`)
    expect(service.lines()).toMatchObject([{ msg: 'sessions', admin: 'portal' }])
  })

  test.each(['limit=0', 'after=5', 'sid=x', 'refresh=4', 'refresh=soon'])(
    'shows the error page for an invalid parameter without a field: %s',
    async query => {
      const page = await setUp().get(`/warm/sessions?${query}`).set(html)
      expect(page.status).toBe(400)
      expect(page.text).toContain('<dd class="code">invalid-parameter</dd>')
      expect(page.text).toContain('<a href="/warm/sessions">All sessions</a>')
    },
  )

  test('refreshes itself on request, and then has no form, which a refresh would empty', async () => {
    const { sessions, get } = setUp()
    sessions.add(1)
    const still = await get('/warm/sessions?state=quiet').set(html)
    expect(still.headers).not.toHaveProperty('refresh')
    expect(still.text).toContain('<form')
    expect(still.text).toContain('href="?state&#x3D;quiet&amp;refresh&#x3D;15"')
    const live = await get('/warm/sessions?state=quiet&refresh=15').set(html)
    expect(live.headers['refresh']).toBe('15')
    expect(live.text).not.toMatch(/<form|<input|live\.js/)
    expect(live.text).toContain('state <b>page away</b>')
    expect(live.text).toMatch(/As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Refreshed every 15 seconds/)
    for (const { text } of [still, live]) {
      expect(isXhtml(text)).toBe(true)
      expect(text).not.toContain('http-equiv')
    }
    expect((await get('/warm/sessions?refresh=15')).status).toBe(400)
  })

  test('offers no actions for a session at a remote endpoint', async () => {
    const { sessions, get } = setUp()
    sessions.add(1, { state: 'elsewhere', quietSince: undefined })
    const { text } = await get('/warm/sessions').set(html)
    expect(text).toContain('juliet@chat.example/balcony')
    expect(text).not.toContain(`href="/warm/${one}`)
  })
})

describe('ending a session in a browser', () => {
  const html = { Accept: 'text/html' }
  const setUpOne = () => {
    const set = setUp()
    set.sessions.add(1)
    const ask = async () => tokenIn((await set.get(`/warm/${one}/end`).set(html)).text)
    const send = (csrf_token: string, headers?: Record<string, string>) =>
      submit(set.post(`/warm/${one}/end`), { csrf_token }, headers)
    return { ...set, ask, send }
  }

  test('needs a confirmation', async () => {
    const { sessions, service, get, send } = setUpOne()
    const question = await get(`/warm/${one}/end`).set(html)
    expect([question.status, isXhtml(question.text)]).toEqual([200, true])
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

  // What is accepted is tested in http/access/sender.test.ts and form-tokens.test.ts.
  test('is refused from another site, and without its token', async () => {
    const { sessions, ask, send, post } = setUpOne()
    const elsewhere = await send(await ask(), { Origin: 'https://evil.example', Accept: json })
    expect([elsewhere.status, codeOf(elsewhere)]).toEqual([403, 'cross-site-request'])
    expect((await send('')).status).toBe(403)
    const asJson = await post(`/warm/${one}/end`)
      .set(browser)
      .send({ csrf_token: await ask() })
    expect(asJson.status).toBe(403)
    expect(sessions.ended).toEqual([])
  })

  test('answers in JSON if requested', async () => {
    const { ask, send } = setUpOne()
    expect((await send(await ask(), { ...browser, Accept: json })).body).toEqual({ ended: 1 })
  })
})
