import { expect, test } from '@jest/globals'
import { Problem } from '../../../src/lib/errors.js'
import type { WarmedBinding } from '../../../src/warm/warming/session-login.js'
import { binding, parameters, warm } from '../fake-login.js'
import { pageOf, portal, setUp, withSession } from '../sessions/sessions-stage.js'

test('the page has charts with a text, the capacity, and the sessions by state', async () => {
  const { service, get, advance } = withSession({ state: 'held' })
  await warm(service).send(parameters)
  const { text, headers } = await pageOf(get('/warm/numbers'))
  expect(text).toContain('<p class="latest">No values yet.</p>')
  // The sessions of this moment belong to the chart.
  expect(text).toMatch(/<b>0<\/b> now<\/p>\n<p class="scale">highest 0</)
  advance(60_000)
  const later = (await pageOf(get('/warm/numbers'))).text
  expect(later).toMatch(
    /role="img" aria-label="Logins a minute, last hour\. Last minute: 1\. Lowest: \d+\. Highest: 1, at \d\d:\d\d UTC\."/,
  )
  expect(later).toMatch(/<h2>Logins a minute<\/h2>\n<p class="latest"><b>1<\/b> in the last minute/)
  expect(text).toMatch(/<span class="what">Connections<\/span> <span class="amount"><b>3<\/b><\/span>/)
  expect(text).toContain('<b>20</b> of 1\u2009000 (2 %)')
  expect(text).toContain('<a href="/warm/sessions?state=held"><b>1</b> connected</a>')
  expect(text).toMatch(/As of <[^>]+>\d{4}-\d\d-\d\d <\/span>\d\d:\d\d:\d\d UTC/)
  expect(text).not.toMatch(/style="|<script(?! type="text\/javascript" src="\/assets\/live.js")/)
  expect(headers['content-security-policy']).toContain("script-src 'self'; connect-src 'self'; img-src 'self'")
})

test('the outcomes of the last 15 minutes are counted, with the login times', async () => {
  let answer: () => Promise<WarmedBinding> = async () => binding
  const { service, get, advance } = setUp({ login: () => answer() })
  const login = async (milliseconds: number, outcome: typeof answer) => {
    answer = () => {
      advance(milliseconds)
      return outcome()
    }
    await warm(service).send(parameters)
  }
  for (const milliseconds of [40, 40, 40, 900]) await login(milliseconds, async () => binding)
  await login(5, () => Promise.reject(new Problem('not-authorized')))
  await login(5, () => Promise.reject(new Problem('timeout')))
  const recent = async () => {
    const { text } = await pageOf(get('/warm/numbers'))
    const numbers = text.matchAll(/<li><b>([^<]*)<\/b> ([^<]+)<\/li>/g)
    return Object.fromEntries(Array.from(numbers, ([, number, what]) => [what, number]))
  }
  expect(await recent()).toEqual({
    ...{ done: '4', refused: '1', failed: '1', cancelled: '0' },
    ...{ 'median login time (p50)': '44 ms', '99 % took no longer (p99)': '1 s' },
  })
  advance(16 * 60_000)
  expect(await recent()).toMatchObject({ done: '0', 'median login time (p50)': '–' })
})

test('programs get JSON', async () => {
  const { service, get } = setUp()
  await warm(service).send(parameters)
  const { body } = await get('/warm/numbers')
  expect(body).toMatchObject({
    sessions: { held: 0, quiet: 0 },
    logins: { minutes: 15, done: 1, refused: 0, p50: expect.any(Number) },
    capacity: { descriptors: { used: 20, most: 1000 }, connections: { used: 3, most: null } },
  })
  expect(body.last_hour.sessions).toHaveLength(60)
  expect(body).not.toHaveProperty('processes')
  expect((await get('/warm/numbers?sid=x')).status).toBe(400)
})

test('an admin of some domains gets only the sessions in these', async () => {
  const { sessions, call } = withSession()
  sessions.add(2, { jid: 'juliet@other.chat.example/x', domain: 'other.chat.example' })
  const get = call('get', portal)
  expect((await get('/warm/numbers')).body).toMatchObject({ sessions: { quiet: 1 } })
  expect(Object.keys((await get('/warm/numbers')).body)).toEqual(['sessions'])
  const { text } = await pageOf(get('/warm/numbers'))
  expect(text).toContain('Admins limited to domains see no charts and no capacity.')
  expect(text).not.toMatch(/<svg|MiB/)
})
