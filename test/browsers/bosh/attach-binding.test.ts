import { describe, expect, test } from '@jest/globals'
import { BoshBench, body, empty, FakePeer, message, payload, terminated } from '../../support/bosh-bench.js'

const refused = terminated('item-not-found')

const browser = (cookies?: string, secure = true) => new FakePeer(secure, '192.0.2.1', cookies)

/** The part of `Set-Cookie` that a browser sends back. */
const pair = (setCookie: string | undefined) => setCookie?.split(';', 1)[0] ?? ''

/** The browser has got the cookie with the first reply. */
async function attached(bench = new BoshBench()) {
  const client = await bench.warmed({ attachBinding: 'cookie' })
  const cookie = pair((await client.next()).reply?.setCookie)
  return { bench, client, cookie }
}

/** The browser has sent the cookie back. */
async function bound(bench?: BoshBench) {
  const all = await attached(bench)
  const poll = await all.client.next('', '', browser(all.cookie))
  return { ...all, poll }
}

describe('a session that gives its browser a cookie', () => {
  test.each([
    [true, '; Secure'],
    [false, ''],
  ])(
    'answers the first request (over TLS: %s) at once, with the cookie; queued stanzas come later',
    async (isSecure, end) => {
      const { bench, client } = await BoshBench.warmed({ attachBinding: 'cookie' })
      expect(client.cookie).toBeUndefined()
      await bench.server(link => link.receive(message('queued')))
      const { reply } = await client.next(message('presence'), '', browser(undefined, isSecure))
      expect(reply?.body).toBe(empty)
      expect(reply?.setCookie).toMatch(
        new RegExp(`^wb-${client.id}=[\\w-]{32}; Path=/http-bind; HttpOnly; SameSite=Lax; Max-Age=720${end}$`),
      )
      expect(client.link.sent).toEqual([message('presence')])
      expect((await client.next()).reply?.body).toBe(payload(message('queued')))
    },
  )

  test('serves requests without the cookie, or with another, until the browser has sent it', async () => {
    const { client, cookie } = await attached()
    await client.next(message('without'))
    await client.next(message('another'), '', browser(`wb-${client.id}=${'A'.repeat(32)}`))
    await client.next(message('with'), '', browser(cookie))
    const { reply } = await client.at(client.rid + 1, message('without again'))
    expect(reply?.body).toBe(refused)
    expect(client.link.sent).toEqual(['without', 'another', 'with'].map(message))
  })

  test('sets the cookie for no other client', async () => {
    const { bench, client } = await attached()
    const second = await client.next()
    const third = await client.next()
    expect(second.reply).toMatchObject({ body: empty })
    expect([second.reply?.setCookie, third.reply?.setCookie]).toEqual([undefined, undefined])
    // Nor later, when a browser that has shown the cookie would get it again.
    for (let waited = 0; waited < 720; waited += 54.5) {
      const poll = await client.next()
      await bench.pass(54.5)
      expect(poll.reply).toEqual({ status: 200, body: empty, contentType: 'text/xml; charset=utf-8' })
    }
  })

  test('sets the cookie again for a repeated first request, and for no other request', async () => {
    const { client, cookie } = await attached()
    expect(pair((await client.at(701)).reply?.setCookie)).toBe(cookie)
    expect((await client.at(701, message('other words'))).reply?.setCookie).toBeUndefined()
    await client.next('', '', browser(cookie))
    expect((await client.at(701)).reply).toMatchObject({ body: refused })
  })
})

test('a session whose cookie is in the reply of the warm API demands it from the first request on', async () => {
  const client = await new BoshBench().warmed({ attachBinding: 'reply' })
  expect(client.cookie).toEqual({
    name: `wb-${client.id}`,
    value: expect.stringMatching(/^[\w-]{32}$/),
    attributes: 'Path=/http-bind; HttpOnly; SameSite=Lax; Max-Age=720',
  })
  expect((await client.at(701, message('a stranger’s'))).reply?.body).toBe(refused)
  const mine = browser(`${client.cookie?.name}=${client.cookie?.value}`)
  const first = await client.at(701, message('mine'), '', mine)
  expect(first.reply).toBeUndefined()
  expect(client.link.sent).toEqual([message('mine')])
})

describe('another client that knows the sid but not the cookie', () => {
  test.each([
    ['a rid that was answered', 701, '', ''],
    ['a rid that is held', 702, '', ''],
    ['a message', 703, message('forged'), ''],
    ['the end of the session', 703, '', "type='terminate'"],
    ['a rid that is no number', Number.NaN, '', ''],
  ])('gets item-not-found for %s, and the owner’s requests are not affected', async (_what, rid, inner, attributes) => {
    const { bench, client, cookie, poll } = await bound()
    await bench.pass(53)
    for (const cookies of [undefined, '', 'a=b', `wb-${client.id}=guessed`, cookie.slice(0, -1), `${cookie}A`]) {
      const { reply } = await client.at(rid, inner, attributes, browser(cookies))
      expect(reply).toEqual({ status: 200, body: refused, contentType: 'text/xml; charset=utf-8' })
    }
    expect(poll.reply).toBeUndefined()
    expect(client.link.sent).toEqual([])
    await bench.pass(1.5)
    expect(poll.reply?.body).toBe(empty)
    await bench.pass(149)
    expect(bench.registry.size).toBe(1)
    await client.next(message('still mine'), '', browser(cookie))
    expect(client.link.sent).toEqual([message('still mine')])
  })

  test('cannot distinguish the session from a missing session, whatever terms its client has', async () => {
    const client = await new BoshBench().warmed({ attachBinding: 'reply' }, "wait='60' hold='1' content='text/plain'")
    const missing = await client.bench.send(body("rid='1' sid='unknown'"))
    expect((await client.at(701)).reply).toEqual(missing.reply)
  })

  test('does not end the session by a request that is too large', async () => {
    const { bench, client, cookie } = await bound()
    const head = `<body rid='703' sid='${client.sid}' xmlns='http://jabber.org/protocol/httpbind'>`
    expect(bench.manager.refuseTooLarge(head, browser())?.body).toBe(refused)
    expect(bench.registry.size).toBe(1)
    expect(bench.manager.refuseTooLarge(head, browser(cookie, false))?.status).toBe(0)
    expect(bench.registry.size).toBe(1)
    expect(bench.manager.refuseTooLarge(head, browser(cookie))?.body).toContain(" condition='policy-violation' ")
    expect(bench.registry.size).toBe(0)
  })
})

describe('a browser with cookies of many sessions', () => {
  test.each<[string, boolean, (mine: string, name: string) => string]>([
    ['another cookie of the same name before it', true, (mine, name) => `${name}=x; ${mine}`],
    ['no space between them', true, mine => `a=b;${mine};c=d`],
    ['an empty cookie before it', true, mine => `=; ${mine}`],
    ['a cookie whose name ends with the right name', false, mine => `x${mine}`],
    ['a cookie whose value contains the right cookie', false, mine => `a=${mine}`],
    ['the right cookie in quotes', false, mine => mine.replace('=', '="').concat('"')],
  ])('is recognized or not with %s: %s', async (_what, isRecognized, header) => {
    const { client, cookie } = await bound()
    const { reply } = await client.next(message('x'), '', browser(header(cookie, `wb-${client.id}`)))
    expect(reply?.body).toBe(isRecognized ? undefined : refused)
    expect(client.link.sent).toEqual(isRecognized ? [message('x')] : [])
  })
})

describe('the cookie', () => {
  const maxAge = (setCookie: string | undefined) => Number(/Max-Age=(\d+)/.exec(setCookie ?? '')?.[1])

  test('is renewed at half time, with the same value and to its browser only', async () => {
    const { bench, client, cookie } = await bound()
    let renewed: string | undefined
    let waited = 0
    while (renewed === undefined) {
      const poll = await client.next('', '', browser(cookie))
      await bench.pass(54.5)
      waited += 54.5
      renewed = poll.reply?.setCookie
    }
    expect(pair(renewed)).toBe(cookie)
    expect(waited).toBeGreaterThan(360)
    expect(waited).toBeLessThan(360 + 2 * 54.5)
    expect((await client.at(client.rid)).reply?.setCookie).toBeUndefined()
    expect(pair((await client.at(client.rid, '', '', browser(cookie))).reply?.setCookie)).toBe(cookie)
    const next = await client.next('', '', browser(cookie))
    await bench.pass(54.5)
    expect(next.reply).toEqual({ status: 200, body: empty, contentType: 'text/xml; charset=utf-8' })
  })

  test.each([
    ['the longest pause', { inactivity: 10, maxWait: 60 }, 120],
    ['the longest silence', { inactivity: 700, maxWait: 1 }, 120],
    ['the time to attach', { inactivity: 10, maxWait: 60 }, 600],
  ])('has a lifetime of at least twice %s', async (_what, terms, seconds) => {
    const bench = new BoshBench(terms)
    const client = await bench.warmed({ attachBinding: 'reply', seconds }, "wait='60' hold='1'")
    const longest = Math.max(300, terms.inactivity, seconds) + terms.maxWait
    expect(maxAge(client.cookie?.attributes)).toBe(2 * longest)
  })
})

describe('a session that another page resumes', () => {
  test('has a new cookie, and its old cookie is rejected, or needs none', async () => {
    const { bench, client, cookie } = await bound()
    const page = await bench.resume(client, { attachBinding: 'reply' })
    expect(page.cookie?.name).toBe(`wb-${client.id}`)
    expect(page.cookie?.value).not.toBe(cookie.split('=')[1])
    expect((await page.at(page.rid + 1, '', '', browser(cookie))).reply?.body).toBe(refused)
    const mine = browser(`${page.cookie?.name}=${page.cookie?.value}`)
    await page.next(message('x'), '', mine)
    const free = await bench.resume(page, { attachBinding: 'off' })
    await free.next(message('y'))
    expect(page.link.sent).toEqual(['x', 'y'].map(message))
  })
})
