// Sign-ins of the example with an OpenID provider. This provider can be made to lie.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { stoppedAfterAll } from '../support/closers.js'
import { ask } from '../support/http-answer.js'
import { Listener, ListeningServer } from '../support/listener.js'
import { freePorts } from '../support/ports.js'
import { type RunningCommand, startCommand } from './command.js'

/** The parts of an OpenID provider that the portal's backend uses. */
class ScriptedProvider extends ListeningServer {
  readonly own = generateKeyPairSync('rsa', { modulusLength: 2048 })
  /** Claims of the next ID token, and its key. */
  name = 'alice'
  nonce = ''
  key: KeyObject = this.own.privateKey
  /** The refresh tokens that were revoked. */
  readonly revoked: string[] = []
  #tokens = 0

  private constructor() {
    super(createServer())
    this.server.on('request', async (request, response) => {
      const parameters = new URLSearchParams(await text(request))
      const answer = await this.#answer(request.url ?? '', parameters)
      response.writeHead(answer ? 200 : 404, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify(answer ?? {}))
    })
  }

  static start(): Promise<ScriptedProvider> {
    return new ScriptedProvider().listen()
  }

  async #answer(path: string, parameters: URLSearchParams): Promise<object | undefined> {
    const { url } = this
    if (path === '/.well-known/openid-configuration')
      return {
        issuer: url,
        authorization_endpoint: `${url}/auth`,
        token_endpoint: `${url}/token`,
        revocation_endpoint: `${url}/revocation`,
        end_session_endpoint: `${url}/end`,
        jwks_uri: `${url}/jwks`,
      }
    if (path === '/jwks')
      return {
        keys: [{ ...this.own.publicKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: '1' }],
      }
    if (path === '/token') {
      this.#tokens += 1
      const more = { access_token: `access-${this.#tokens}`, refresh_token: `refresh-${this.#tokens}` }
      return { token_type: 'bearer', expires_in: 300, id_token: await this.#idToken(), ...more }
    }
    if (path !== '/revocation') return undefined
    this.revoked.push(parameters.get('token') ?? '')
    return {}
  }

  #idToken(): Promise<string> {
    return new SignJWT({ nonce: this.nonce, preferred_username: this.name })
      .setProtectedHeader({ alg: 'RS256', kid: '1' })
      .setIssuer(this.url)
      .setSubject('1')
      .setAudience('portal')
      .setIssuedAt()
      .setExpirationTime('5 min')
      .sign(this.key)
  }
}

describe('The example with an OpenID provider', () => {
  const keep = stoppedAfterAll()
  let provider: ScriptedProvider
  /** The service, which gets requests to end chats. */
  let chat: Listener
  const ended: string[] = []
  /** Of its next answers. 0: it breaks the connection. */
  const statuses: number[] = []
  let portal: RunningCommand

  beforeAll(async () => {
    provider = await keep(ScriptedProvider.start())
    const ending = createServer(({ method, url, headers }, response) => {
      ended.push(`${method} ${url} ${headers.authorization}`)
      const status = statuses.shift() ?? 200
      if (status === 0) response.destroy()
      else response.writeHead(status, { 'Retry-After': '0' }).end('{"ended":1}')
    })
    chat = await keep(Listener.start(ending))
    const [port] = await freePorts(1)
    const issuer = { OIDC_ISSUER: provider.url, OIDC_CLIENT_SECRET: 'its-secret' }
    const environment = { PORT: String(port), ...issuer, CHAT_URL: chat.url }
    portal = await keep(startCommand(['examples/oidc/main.js'], environment))
  })

  afterEach(() => {
    provider.name = 'alice'
    provider.key = provider.own.privateKey
    ended.length = 0
  })

  const get = (path: string, cookie = '') => ask(portal.url + path, { headers: { Cookie: cookie } })
  const cookieIn = (headers: NodeJS.Dict<string | string[]>, name: string) =>
    (headers['set-cookie'] as string[] | undefined)
      ?.map(each => each.replace(/;.*/, ''))
      .find(each => each.startsWith(`${name}=`) && !each.endsWith('='))

  /** Signs in by the provider, in a browser with this cookie. */
  async function signIn(cookie = '') {
    const begun = await get('/sign-in', cookie)
    const { searchParams } = new URL(begun.headers.location!)
    provider.nonce = searchParams.get('nonce')!
    const cookies = [cookie, cookieIn(begun.headers, 'sign-in')].filter(Boolean).join('; ')
    const { status, headers } = await get(`/signed-in?code=a&state=${searchParams.get('state')}`, cookies)
    return { status, visit: cookieIn(headers, 'visit') }
  }

  test('rejects an ID token with the signature of another key (400)', async () => {
    provider.key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    expect(await signIn()).toEqual({ status: 400, visit: undefined })
  })

  test('returns the access token to the page of its user only', async () => {
    const { status, visit } = await signIn()
    expect(status).toBe(303)
    const answer = await get('/chat/token', visit)
    expect(answer).toMatchObject({ status: 200, headers: { 'x-content-type-options': 'nosniff' } })
    expect(JSON.parse(answer.text)).toEqual({ token: expect.stringMatching(/^access-\d+$/) })
    for (const cookie of ['', `visit=${'0'.repeat(64)}`]) expect((await get('/chat/token', cookie)).status).toBe(401)
  })

  test('ends the earlier visit, with its chats and tokens, if a browser signs in again', async () => {
    const one = await signIn()
    const other = await signIn()
    const { token } = JSON.parse((await get('/chat/token', one.visit)).text)
    ended.length = provider.revoked.length = 0
    const again = await signIn(one.visit)
    expect(again).toMatchObject({ status: 303, visit: expect.not.stringMatching(one.visit!) })
    expect(ended).toEqual([`DELETE /connect Bearer ${token}`])
    expect(provider.revoked).toEqual([token.replace('access', 'refresh')])
    const answers = [one, other, again].map(async ({ visit }) => (await get('/chat/token', visit)).status)
    expect(await Promise.all(answers)).toEqual([401, 200, 200])
  })

  test.each([
    [429, 503],
    [502, 504],
    [0, 200],
  ])('ends the chats with another call after %d and %d', async (...given) => {
    const { visit } = await signIn()
    statuses.push(...given)
    await signIn(visit)
    expect([new Set(ended).size, statuses]).toEqual([1, []])
  })
})
