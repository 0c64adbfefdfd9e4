import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { Source } from '../../../dist/types/browser/source.js'
import { browserModule } from '../../support/browser-modules.js'

const { askForBinding, endVisit } = browserModule('source')
const asks = (source: Source) => askForBinding(source, 't1')

interface Request {
  readonly method: string
  readonly url: string
  readonly token: string | null
  readonly body: string
}

const given = { jid: 'alice@localhost/1', sid: 's', rid: 5, url: 'https://chat.example.org/http-bind' }
const service = 'https://chat.example.org'
const tokenUrl = 'https://www.example.org/chat/token'
const refused = (status: number, code: string) => Response.json({ code, detail: 'Why.' }, { status })

Object.assign(globalThis, { document: { baseURI: 'https://www.example.org/portal/' } })

let requests: Request[]
let answers: (Response | Error)[]
let warned: unknown[]

beforeEach(() => {
  requests = []
  answers = []
  warned = []
  const fetch = async (url: URL, { method = 'GET', headers, body }: RequestInit = {}) => {
    const token = new Headers(headers).get('Authorization')
    requests.push({ method, url: url.href, token, body: body == null ? '' : String(body) })
    const answer = answers.shift()
    if (answer instanceof Error || answer === undefined) throw answer ?? new Error('no answer')
    return answer
  }
  jest.spyOn(globalThis, 'fetch').mockImplementation(fetch as typeof globalThis.fetch)
  jest.spyOn(console, 'warn').mockImplementation(text => void warned.push(text))
})

afterEach(() => void jest.restoreAllMocks())

const posted = (token: string, url = `${service}/connect`) => ({
  method: 'POST',
  url,
  token: `Bearer ${token}`,
  body: 'tab=t1',
})
const asked = { method: 'GET', url: tokenUrl, token: null, body: '' }

const redirected = (text: string) => Object.defineProperty(new Response(text), 'redirected', { value: true })

test.each([
  ['plain text', () => new Response('a.b.c\n')],
  ['JSON', () => new Response('{"token":"a.b.c"}')],
  ['plain text, after a redirect', () => redirected('a.b.c')],
])('fetches a token as %s, and sends it to the service', async (_, answer) => {
  answers = [answer(), Response.json(given)]
  expect(await asks({ service, token: '/chat/token' })).toEqual(given)
  expect(requests).toEqual([asked, posted('a.b.c')])
})

test('the address of the service may have a path and a slash, and the page path may differ', async () => {
  answers = [Response.json(given)]
  await asks({ service: `${service}/im/`, path: '/log-in', token: async () => 'a.b.c' })
  expect(requests).toEqual([posted('a.b.c', `${service}/im/log-in`)])
})

test('a rejected token is replaced once', async () => {
  const tokens = ['old', 'new']
  const token = async () => tokens.shift()
  answers = [refused(401, 'invalid-token'), Response.json(given)]
  expect(await asks({ service, token })).toEqual(given)
  expect(requests).toEqual([posted('old'), posted('new')])
  answers = [refused(401, 'invalid-token'), refused(401, 'invalid-token')]
  const source = { service, token: async () => 'wrong' }
  await expect(asks(source)).rejects.toMatchObject({ code: 'invalid-token' })
  expect(warned).toEqual(['invalid-token: Why.'])
})

test('a token that a new key may have signed is no refusal', async () => {
  const headers = { 'Retry-After': '20' }
  const answer = () => Response.json({ code: 'invalid-token', detail: 'Why.' }, { status: 401, headers })
  answers = [answer(), answer()]
  const failure = asks({ service, token: async () => 'a.b.c' })
  await expect(failure).rejects.toMatchObject({ code: undefined, retryAfter: 20 })
  expect(warned).toEqual(['invalid-token: Why.'])
})

test.each([
  ['no user is signed in at the portal', [new Response('', { status: 401 })], 'signed-out'],
  ['the portal has no route for tokens', [new Response('', { status: 404 })], 'refused'],
  ['the portal does not answer', [new TypeError('no network')], undefined],
  ['the portal answers with a page', [new Response('<!DOCTYPE html>')], 'refused'],
  ['the portal answers with a word', [new Response('login')], 'refused'],
  ['the portal answers with nothing', [new Response('')], undefined],
  ['the portal answers with null', [new Response('{"token":null}')], 'refused'],
  ['the portal answers with an object as token', [new Response('{"token":{}}')], 'refused'],
  ['the service does not answer', [new Response('a.b.c'), new TypeError('no network')], undefined],
  ['the service answers with nothing', [new Response('a.b.c'), new Response('')], undefined],
  ['the password has changed', [new Response('a.b.c'), refused(403, 'credentials-expired')], 'credentials-expired'],
  ['there is no service', [new Response('a.b.c'), new Response('', { status: 404 })], 'refused'],
  ['the service is full', [new Response('a.b.c'), refused(503, 'service-full')], undefined],
])('the error has the cause if %s', async (_, answered, code) => {
  answers = answered
  await expect(asks({ service, token: '/chat/token' })).rejects.toMatchObject({ code, message: expect.any(String) })
})

const wrongSetup = 'This website cannot open your chat. Please tell its support.'

test.each([
  [403, 'credentials-expired', 'The chat server refused your account. Please ask the support of this website.'],
  [403, 'domain-not-allowed', wrongSetup],
  [401, 'invalid-token', wrongSetup],
])('HTTP %i %s is said to the user in words', async (status, code, message) => {
  answers = [refused(status, code), refused(status, code)]
  await expect(asks({ service, token: async () => 'a.b.c' })).rejects.toMatchObject({ code, message })
  expect(warned).toEqual([`${code}: Why.`])
})

test('an error without a reason is named in the console', async () => {
  answers = [new Response('', { status: 404 })]
  await expect(asks({ service, token: '/chat/token' })).rejects.toMatchObject({ code: 'refused', message: wrongSetup })
  expect(warned).toEqual(['refused: HTTP 404'])
})

test('a redirect to a sign-in page means signed out, and is named in the console', async () => {
  for (const source of [{ binding: '/chat/binding' }, { service, token: '/chat/token' }]) {
    answers = [redirected('<!DOCTYPE html>')]
    await expect(asks(source)).rejects.toMatchObject({ code: 'signed-out' })
  }
  const line = 'signed-out: The portal redirected. It should answer 401.'
  expect(warned).toEqual([line, line])
})

test('the time in Retry-After is respected', async () => {
  const headers = { 'Retry-After': '30' }
  answers = [new Response('a.b.c'), Response.json({ code: 'too-many-requests' }, { status: 429, headers })]
  await expect(asks({ service, token: '/chat/token' })).rejects.toMatchObject({ code: undefined, retryAfter: 30 })
})

test('a function may return a token without a promise, and may throw', async () => {
  answers = [Response.json(given)]
  const token = (() => 'a.b.c') as unknown as () => Promise<string>
  expect(await asks({ service, token })).toEqual(given)
  expect(requests).toEqual([posted('a.b.c')])
  const throws = () => {
    throw new Error('no token yet')
  }
  await expect(asks({ service, token: throws })).rejects.toMatchObject({ message: 'no token yet' })
})

// `fetch` throws a TypeError without a network, and so does a mistake of the page.
test('a TypeError of a function is named in the console', async () => {
  const error = new TypeError('keycloak.refresh is not a function')
  await expect(asks({ service, token: () => Promise.reject(error) })).rejects.toMatchObject({
    code: undefined,
    message: 'The portal cannot be reached.',
  })
  expect(warned).toEqual([error])
})

const signInPage = '<!DOCTYPE html>\n<title>Sign in</title>'

// Without a check, a sign-in page would be no valid header, and the service would take null for a guest.
test.each<[string, Source]>([
  ['a token route with a sign-in page', { service, token: '/chat/token' }],
  ['a binding route with a sign-in page', { binding: '/chat/binding' }],
  ['a token function with a sign-in page', { service, token: async () => signInPage }],
  ['a token function with null', { service, token: async () => null as never }],
  ['a token function with nothing', { service, token: async () => '' }],
  ['a token function with an object', { service, token: async () => ({ token: 'a.b.c' }) as never }],
  ['a binding function with an error', { binding: async () => ({ code: 'not-authorized', detail: 'Why.' }) as never }],
  ['a binding function with null', { binding: async () => null }],
  ['a binding function with text', { binding: async () => 'alice@localhost' as never }],
])('%s is named in the console, and ends the chat', async (_, source) => {
  answers = [new Response(signInPage)]
  await expect(asks(source)).rejects.toMatchObject({ code: 'refused', message: wrongSetup })
  expect(warned).toEqual(['refused: The portal sent no token or binding.'])
  expect(requests.filter(({ method }) => method === 'POST')).toEqual([])
})

test('ends a visit with a token from before the sign-out', async () => {
  answers = [new Response('a.b.c'), Response.json({ ended: 2 })]
  await endVisit({ service, token: '/chat/token' }, async () => void requests.push(asked))
  const deleted = { method: 'DELETE', url: `${service}/connect`, token: 'Bearer a.b.c', body: '' }
  expect(requests).toEqual([asked, asked, deleted])
})

test('fetches a binding from the portal alone', async () => {
  answers = [Response.json({ ...given, url: undefined }), refused(403, 'not-yours')]
  expect(await asks({ binding: '/chat/binding?a=b' })).toEqual({
    ...given,
    url: 'https://www.example.org/http-bind',
  })
  expect(requests[0]).toMatchObject({ method: 'GET', url: 'https://www.example.org/chat/binding?a=b&tab=t1' })
  await expect(asks({ binding: '/chat/binding' })).rejects.toMatchObject({ code: 'signed-out' })
  expect(warned).toEqual([])
})

describe('a guest', () => {
  const guest = { service, guest: true } as const
  const asGuest = (guest_token: string) => Response.json({ ...given, guest_token })
  const tokens = () => requests.map(({ token }) => token)

  let storage: Record<string, string>

  beforeEach(() => {
    storage = {}
    Object.assign(globalThis, { localStorage: storage, navigator: {} })
  })

  function shareLocks(): void {
    let last: Promise<unknown> = Promise.resolve()
    const request = (_name: string, act: () => Promise<unknown>) => {
      last = last.then(act)
      return last
    }
    Object.assign(globalThis, { navigator: { locks: { request } } })
  }

  test('comes without a token, and comes back with the last token that the service sent', async () => {
    answers = [asGuest('guest-1'), asGuest('guest-2'), asGuest('guest-3')]
    await asks(guest)
    await asks(guest)
    await asks({ ...guest, service: 'https://other.example.org' })
    expect(tokens()).toEqual([null, 'Bearer guest-1', null])
    expect(requests[0]!.body).toBe('tab=t1')
    expect(storage).toEqual({
      [`warm-bindings guest ${service}`]: 'guest-2',
      'warm-bindings guest https://other.example.org': 'guest-3',
    })
  })

  test('is a new guest if the token is refused', async () => {
    answers = [asGuest('guest-1'), refused(401, 'invalid-token'), asGuest('guest-2')]
    await asks(guest)
    await asks(guest)
    expect(tokens()).toEqual([null, 'Bearer guest-1', null])
    expect(Object.values(storage)).toEqual(['guest-2'])
    answers = [refused(401, 'invalid-token'), refused(401, 'invalid-token')]
    await expect(asks(guest)).rejects.toMatchObject({ code: 'invalid-token' })
  })

  test('is one new guest in all tabs whose token is refused', async () => {
    shareLocks()
    answers = [asGuest('guest-1'), ...[1, 2].map(() => refused(401, 'invalid-token')), asGuest('guest-2')]
    await asks(guest)
    answers.push(asGuest('guest-2'))
    await Promise.all([asks(guest), askForBinding(guest, 't2')])
    expect(tokens()).toEqual([null, 'Bearer guest-1', 'Bearer guest-1', null, 'Bearer guest-2'])
    expect(Object.values(storage)).toEqual(['guest-2'])
  })

  test('stays the same guest of a page without storage', async () => {
    Object.assign(globalThis, { localStorage: undefined })
    const source = { ...guest, service: 'https://private.example.org' }
    answers = [asGuest('guest-1'), asGuest('guest-2')]
    await asks(source)
    await asks(source)
    expect(tokens()).toEqual([null, 'Bearer guest-1'])
  })

  test('keeps the token while the service is full, or down', async () => {
    answers = [asGuest('guest-1'), refused(429, 'too-many-requests'), new TypeError('no network'), asGuest('guest-2')]
    await asks(guest)
    for (let call = 0; call < 2; call++) await expect(asks(guest)).rejects.toMatchObject({ code: undefined })
    await asks(guest)
    expect(tokens().at(-1)).toBe('Bearer guest-1')
  })

  test('is forgotten after the sign-out', async () => {
    answers = [asGuest('guest-1'), Response.json({ ended: 1 }), asGuest('guest-2')]
    await asks(guest)
    await endVisit(guest, async () => undefined)
    await asks(guest)
    const methods = requests.map(({ method }) => method)
    expect([methods, tokens()]).toEqual([
      ['POST', 'DELETE', 'POST'],
      [null, 'Bearer guest-1', null],
    ])
  })

  test('who is anonymous has no token to sign out with', async () => {
    answers = [Response.json(given)]
    await asks(guest)
    await endVisit(guest, async () => undefined)
    expect(requests).toHaveLength(1)
  })
})
