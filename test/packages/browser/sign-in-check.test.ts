// With `checkEvery`, a page whose portal session expires ends its chat.
import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { eachPage, pageBinding, passes as passesBy } from '../../support/fake-page.js'

const { websocket: _, ...binding } = pageBinding
const withToken = { service: 'https://chat.example.org', token: '/chat/token' }
const withBinding = { binding: '/chat/binding' }
const loggedIn = ['GET /chat/token', 'POST /connect']

const page = eachPage()
const { statuses } = page
let requests: string[]
/** For the functions `token` and `binding` of the page. */
let isSignedIn: boolean
/** The portal's answer to a check. */
let answer: () => Response

beforeEach(() => {
  requests = []
  answer = () => new Response('a.b.c')
  const fetch = async (url: URL, { method = 'GET' }: RequestInit = {}) => {
    requests.push(`${method} ${url.pathname}${url.search.replace(/\d+/, 'TAB')}`)
    if (url.pathname === '/connect' || /tab=\d/.test(url.search)) return Response.json(binding)
    return answer()
  }
  jest.spyOn(globalThis, 'fetch').mockImplementation(fetch as typeof globalThis.fetch)
  jest.spyOn(console, 'warn').mockImplementation(() => {})
})

const passes = (seconds: number) => passesBy(seconds * 1000)

const redirected = () => Object.defineProperty(new Response('<!DOCTYPE html>'), 'redirected', { value: true })

describe.each(Object.entries(page.modules))('%s', (_name, start) => {
  const goOnline = async (options: object) => {
    start(options)
    await page.comesOnline()
    expect(statuses.at(-1)).toMatchObject({ state: 'online' })
  }

  test.each([
    ['401', () => new Response('', { status: 401 })],
    ['403', () => new Response('', { status: 403 })],
    ['a redirect to a sign-in page', redirected],
  ])('ends the session if the portal answers a check with %s', async (_what, refusal) => {
    await goOnline({ ...withToken, checkEvery: 60 })
    await passes(120)
    expect(requests).toEqual([...loggedIn, 'GET /chat/token', 'GET /chat/token'])
    expect(statuses.at(-1)).toMatchObject({ state: 'online' })
    answer = refusal
    await passes(59)
    expect(page.last.calls).toEqual(['attach s1 5'])
    await passes(1)
    expect(statuses.at(-1)).toMatchObject({ state: 'ended', code: 'signed-out' })
    expect(page.last.calls).toEqual(['attach s1 5', 'disconnect'])
    const before = requests.length
    await passes(600)
    expect(requests).toHaveLength(before)
  })

  test.each([-1, 0.5, Number.NaN, '5m'])('makes no checks every %p seconds, and says so', async checkEvery => {
    const said = jest.spyOn(console, 'error').mockImplementation(() => {})
    await goOnline({ ...withToken, checkEvery })
    await passes(60)
    expect(requests).toEqual(loggedIn)
    expect(said).toHaveBeenCalledTimes(Number.isNaN(checkEvery) ? 0 : 1)
  })

  test.each<[string, number | undefined, Record<string, string>?]>([
    ['500', 500],
    ['503', 503, { 'Retry-After': '1' }],
    ['404', 404],
    ['429', 429],
    ['a page', 200],
    ['nothing', undefined],
  ])('continues if the portal answers a check with %s', async (_what, status, headers = {}) => {
    await goOnline({ ...withToken, checkEvery: 60 })
    answer = () => {
      if (status === undefined) throw new TypeError('no network')
      return new Response('<!DOCTYPE html>', { status, headers })
    }
    await passes(180)
    expect(requests).toHaveLength(5)
    expect([statuses.at(-1), page.last.calls]).toMatchObject([{ state: 'online' }, ['attach s1 5']])
  })

  test('checks the route for bindings with an empty tab, which warms no session', async () => {
    await goOnline({ ...withBinding, checkEvery: 60 })
    answer = () => new Response(null, { status: 204 })
    await passes(120)
    expect(requests).toEqual(['GET /chat/binding?tab=TAB', 'GET /chat/binding?tab=', 'GET /chat/binding?tab='])
    expect(statuses.at(-1)).toMatchObject({ state: 'online' })
    answer = () => new Response('', { status: 401 })
    await passes(60)
    expect(statuses.at(-1)).toMatchObject({ state: 'ended', code: 'signed-out' })
  })

  test.each([
    ['token', { ...withToken, token: async () => (isSignedIn ? 'a.b.c' : undefined) }],
    ['binding', { binding: async (tab: string) => (isSignedIn ? (tab ? binding : null) : undefined) }],
  ])('ends the session if a function has no %s any more', async (_what, source) => {
    isSignedIn = true
    await goOnline({ ...source, checkEvery: 60 })
    await passes(120)
    expect(statuses.at(-1)).toMatchObject({ state: 'online' })
    isSignedIn = false
    await passes(60)
    expect(statuses.at(-1)).toMatchObject({ state: 'ended', code: 'session-over' })
    expect(page.last.calls).toContain('disconnect')
  })

  test('does not check without the option', async () => {
    await goOnline(withToken)
    await passes(3600)
    expect(requests).toEqual(loggedIn)
  })

  test('checks once a day if the option is too long for a timer', async () => {
    await goOnline({ ...withToken, checkEvery: 3_600_000 })
    await passes(86_399)
    expect(requests).toEqual(loggedIn)
    await passes(1)
    expect(requests).toHaveLength(3)
  })
})
