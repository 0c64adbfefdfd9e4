// Tokens of identity providers, each with the settings of docs/providers.md. No provider was asked: the shapes of the
// tokens follow the documentation of each.
import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { loadConfig } from '../../../src/config/load.js'
import { systemClock } from '../../../src/lib/clock.js'
import { Problem } from '../../../src/lib/errors.js'
import { PageTokens } from '../../../src/warm/connect/page-tokens.js'
import { testFolder } from '../../support/test-folder.js'

const { file } = testFolder()
const doc = readFileSync(new URL('../../../docs/providers.md', import.meta.url), 'utf8')

/** The settings of each section, as they are pasted. */
const documented = new Map(
  doc.split(/^## /m).flatMap(section => {
    const [, block] = /^```ini\n(.*?)^```$/ms.exec(section) ?? []
    const name = section.split('\n', 1)[0]!
    return block === undefined ? [] : [[name, parseEnv(block) as Record<string, string>]]
  }),
)

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const [second, forEncryption, strange] = [0, 0, 0].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }))
const secretText = 'the-signing-key-of-the-portal-with-many-bytes'
const jwk = (key: KeyObject, more: object) => ({ ...key.export({ format: 'jwk' }), ...more })
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()

/** Two keys to sign with, and one to encrypt with, as at Keycloak. */
const keySets = {
  RS256: [
    jwk(pairs.RS256.publicKey, { kid: 'k1', use: 'sig' }),
    jwk(second!.publicKey, { kid: 'k2', use: 'sig' }),
    jwk(forEncryption!.publicKey, { kid: 'e1', use: 'enc', alg: 'RSA-OAEP' }),
  ],
  ES256: [jwk(pairs.ES256.publicKey, { kid: 'k1', alg: 'ES256', use: 'sig' })],
  ES384: [jwk(pairs.ES384.publicKey, { kid: 'k1', use: 'sig' })],
  EdDSA: [jwk(pairs.EdDSA.publicKey, { kid: 'k1', alg: 'EdDSA' })],
}
type PublicAlgorithm = keyof typeof keySets

type Claims = Readonly<Record<string, unknown>>

interface Provider {
  /** Default: RS256. */
  readonly alg?: PublicAlgorithm | 'HS256'
  readonly header?: Claims
  /** Without `exp`. */
  readonly claims: Claims
  /** Default: an hour. */
  readonly seconds?: number
  readonly jid: string
  readonly visit?: string
  /** What a token of another app of the same provider has, and the sentence about it. */
  readonly otherApp?: { readonly claims: Claims; readonly detail: RegExp }
  /** Another token of the same login. */
  readonly otherKind?: { readonly claims: Claims; readonly detail: RegExp }
}

const uuid = '0b1f2a34-5c6d-4e7f-8a9b-0c1d2e3f4a5b'
const inHex = (id: string) => `${Buffer.from(id).toString('hex')}@example.org`
const minute = 60
const hour = 60 * minute
const day = 24 * hour

const audience = /^Its claim aud is missing or wrong: see PAGE_TOKEN_AUDIENCE\./
const forOtherApp = /see PAGE_TOKEN_AUDIENCE\. It is an? (?:access )?token for another app or API\.$/
const asIdToken = /It is an ID token(?: for another app or API)?: send an access token for your API, if/

const providers: Readonly<Record<string, Provider>> = {
  'Entra ID': {
    seconds: 75 * minute,
    claims: {
      iss: 'https://login.microsoftonline.com/TENANT/v2.0',
      ...{ aud: 'CLIENT_ID', azp: 'spa', oid: uuid, sub: 'AAAAyz-Mixed', tid: 'TENANT', ver: '2.0', scp: 'access' },
      sid: 'entra-session',
    },
    ...{ jid: `${uuid}@example.org`, visit: 'entra-session' },
    otherApp: { claims: { aud: 'OTHER_API' }, detail: forOtherApp },
    otherKind: { claims: { aud: 'spa', nonce: 'n', scp: undefined }, detail: asIdToken },
  },
  Keycloak: {
    seconds: 5 * minute,
    claims: {
      iss: 'https://id.example.org/realms/portal',
      ...{ aud: ['chat', 'account'], azp: 'web', typ: 'Bearer', sub: uuid, sid: 'kc', preferred_username: 'alice' },
    },
    ...{ jid: `${uuid}@example.org`, visit: 'kc' },
    otherApp: { claims: { aud: 'account' }, detail: forOtherApp },
    otherKind: { claims: { aud: 'web', typ: 'ID' }, detail: asIdToken },
  },
  Auth0: {
    seconds: day,
    claims: {
      iss: 'https://TENANT.auth0.com/',
      aud: ['https://chat.example.org', 'https://TENANT.auth0.com/userinfo'],
      ...{ sub: 'google-oauth2|1234567890', azp: 'web', scope: 'openid' },
      'https://example.org/visit': 'a0',
    },
    jid: 'google-oauth2|1234567890@example.org',
    visit: 'a0',
    otherApp: { claims: { aud: ['https://other.example'] }, detail: forOtherApp },
    otherKind: { claims: { aud: 'web', nonce: 'n', scope: undefined }, detail: asIdToken },
  },
  Okta: {
    claims: {
      iss: 'https://TENANT.okta.com/oauth2/default',
      ...{ aud: 'api://default', cid: 'web', uid: '00uAbC', sub: 'alice@example.com', scp: ['openid'] },
    },
    jid: inHex('00uAbC'),
    otherApp: { claims: { aud: 'https://TENANT.okta.com' }, detail: forOtherApp },
    otherKind: { claims: { aud: 'web', at_hash: 'h', scp: undefined }, detail: asIdToken },
  },
  Google: {
    claims: { iss: 'https://accounts.google.com', aud: 'CLIENT_ID', azp: 'CLIENT_ID', sub: '110169484474386276334' },
    jid: '110169484474386276334@example.org',
    otherApp: { claims: { aud: 'OTHER', azp: 'OTHER' }, detail: forOtherApp },
  },
  Firebase: {
    claims: {
      iss: 'https://securetoken.google.com/PROJECT',
      ...{ aud: 'PROJECT', sub: 'tPLvZJ9lFhYhRgqwRaDmKiPq4bT2', auth_time: 1, firebase: { identities: {} } },
    },
    jid: inHex('tPLvZJ9lFhYhRgqwRaDmKiPq4bT2'),
    otherApp: { claims: { aud: 'OTHER' }, detail: forOtherApp },
  },
  Cognito: {
    claims: {
      iss: 'https://cognito-idp.REGION.amazonaws.com/POOL',
      ...{ client_id: 'CLIENT_ID', token_use: 'access', sub: uuid, origin_jti: 'o1', username: 'Alice' },
    },
    ...{ jid: `${uuid}@example.org`, visit: 'o1' },
    otherApp: {
      claims: { client_id: 'OTHER' },
      detail:
        /^Its claim client_id is missing or wrong: see PAGE_TOKEN_CLAIMS\. It is an? (?:access )?token for another app or API\.$/,
    },
    otherKind: { claims: { client_id: undefined, aud: 'CLIENT_ID', token_use: 'id' }, detail: asIdToken },
  },
  Supabase: {
    alg: 'ES256',
    claims: {
      iss: 'https://REF.supabase.co/auth/v1',
      ...{ aud: 'authenticated', sub: uuid, session_id: 's1', role: 'authenticated' },
    },
    ...{ jid: `${uuid}@example.org`, visit: 's1' },
    otherApp: { claims: { aud: 'anon' }, detail: forOtherApp },
  },
  Clerk: {
    seconds: minute,
    claims: {
      iss: 'https://SLUG.clerk.accounts.dev',
      ...{ azp: 'https://www.example.org', sub: 'user_2aBcD', sid: 'sess_2XyZ' },
    },
    ...{ jid: inHex('user_2aBcD'), visit: 'sess_2XyZ' },
    otherApp: { claims: { azp: 'https://evil.example' }, detail: /claim azp .* PAGE_TOKEN_CLAIMS\. .* another app/ },
  },
  'WorkOS AuthKit': {
    seconds: 5 * minute,
    claims: {
      iss: 'https://api.workos.com/user_management/CLIENT_ID',
      ...{ aud: 'CLIENT_ID', sub: 'user_01HBEQKA6K', sid: 'session_01HQ', jti: '01HQ' },
    },
    ...{ jid: inHex('user_01HBEQKA6K'), visit: 'session_01HQ' },
    // As it is without the JWT template.
    otherApp: { claims: { aud: undefined }, detail: /It has none: PAGE_TOKEN_CLAIMS can name another claim/ },
  },
  Zitadel: {
    seconds: 12 * hour,
    claims: {
      iss: 'https://INSTANCE.zitadel.cloud',
      ...{ aud: ['CLIENT_ID', 'client-2', 'project'], sub: '177070552164042114', client_id: 'CLIENT_ID' },
    },
    jid: '177070552164042114@example.org',
    otherApp: { claims: { aud: ['client-3', 'project-2', 'x'] }, detail: forOtherApp },
  },
  Authentik: {
    seconds: 10 * minute,
    claims: {
      iss: 'https://id.example.org/application/o/SLUG/',
      ...{ aud: 'CLIENT_ID', sub: 'ab'.repeat(32), preferred_username: 'alice', sid: 'a1' },
    },
    ...{ jid: `${'ab'.repeat(32)}@example.org`, visit: 'a1' },
    otherApp: { claims: { aud: 'OTHER' }, detail: forOtherApp },
  },
  Logto: {
    alg: 'ES384',
    claims: {
      iss: 'https://TENANT.logto.app/oidc',
      ...{ aud: 'https://chat.example.org', sub: 'f2t0x9b1c7d3', client_id: 'web', scope: 'chat' },
    },
    jid: 'f2t0x9b1c7d3@example.org',
    otherApp: { claims: { aud: 'https://other.example' }, detail: forOtherApp },
    otherKind: { claims: { aud: 'web', at_hash: 'h', scope: undefined }, detail: asIdToken },
  },
  'Ory Hydra': {
    claims: { iss: 'https://id.example.org/', aud: ['chat'], sub: 'alice', client_id: 'web', scp: ['openid'] },
    jid: 'alice@example.org',
    otherApp: { claims: { aud: [] }, detail: forOtherApp },
    otherKind: { claims: { aud: ['web'], at_hash: 'h', scp: undefined }, detail: asIdToken },
  },
  'better-auth': {
    alg: 'EdDSA',
    seconds: 15 * minute,
    claims: { iss: 'https://www.example.org', aud: 'https://www.example.org', sub: 'kQxGmVZr0aBcDeFgHiJkLmNoPqRsTuVw' },
    jid: inHex('kQxGmVZr0aBcDeFgHiJkLmNoPqRsTuVw'),
    otherApp: { claims: { aud: 'https://other.example' }, detail: forOtherApp },
  },
  'Laravel Passport': {
    header: { kid: undefined },
    // Its times have fractions.
    seconds: 366 * day - 0.25,
    claims: { aud: 'CLIENT_ID', jti: 'f00d', sub: '7', scopes: [] },
    ...{ jid: '7@example.org', visit: 'f00d' },
    otherApp: { claims: { aud: 'OTHER' }, detail: forOtherApp },
  },
  'Django simplejwt': {
    alg: 'HS256',
    seconds: 5 * minute,
    claims: { token_type: 'access', jti: 'j1', user_id: 7 },
    jid: '7@example.org',
    otherKind: {
      claims: { token_type: 'refresh' },
      detail: /^Its claim token_type .* PAGE_TOKEN_CLAIMS\. It is a refresh token: send an access token\.$/,
    },
  },
  'Rails devise-jwt': {
    alg: 'HS256',
    claims: { sub: '7', scp: 'user', aud: null, jti: 'j1' },
    ...{ jid: '7@example.org', visit: 'j1' },
    otherApp: { claims: { scp: 'admin' }, detail: /^Its claim scp is missing or wrong: see PAGE_TOKEN_CLAIMS\./ },
  },
  'ASP.NET': {
    alg: 'HS256',
    claims: {
      ...{ iss: 'https://www.example.org', aud: 'chat' },
      'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier': uuid,
    },
    jid: `${uuid}@example.org`,
    otherApp: { claims: { aud: 'mail' }, detail: forOtherApp },
  },
  'Auth.js': {
    alg: 'HS256',
    seconds: 5 * minute,
    claims: { sub: 'alice', aud: 'chat', visit: 'v1' },
    ...{ jid: 'alice@example.org', visit: 'v1' },
    otherApp: { claims: { aud: 'mail' }, detail: audience },
  },
}

/** By the URL at the provider. */
const served = new Map<string, unknown>()

const discoveryOf = (issuer: string) => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`

function serve({ PAGE_TOKEN_JWKS: url, PAGE_TOKEN_ISSUER: issuer = '' }: Record<string, string>, keys: unknown): void {
  served.clear()
  if (url !== undefined) served.set(new URL(url).href, keys)
  else {
    served.set(discoveryOf(issuer), { issuer, jwks_uri: 'https://keys.example/jwks' })
    served.set('https://keys.example/jwks', keys)
  }
}

const base = {
  ADMIN_USERS: 'portal:a-secret',
  XMPP_DOMAINS: 'example.org',
  XMPP_SERVICE_ACCOUNTS: 'example.org=bot:a-password',
  PAGE_ORIGINS: 'https://www.example.org',
}

/** Only names of files are not as in the document. */
function pageTokensBy(settings: Record<string, string>): PageTokens {
  const files: Record<string, string> = {
    'page-secrets': file('page-secrets', `${secretText}\n`),
    'oauth-public.key': file('oauth-public.key', pem(second!.publicKey) + pem(pairs.RS256.publicKey)),
  }
  const own = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, files[value] ?? value]))
  return new PageTokens({
    pages: loadConfig({ ...base, ...own }).config.pages,
    fetchKeys: url => async () => JSON.stringify(served.get(url)) ?? Promise.reject(new Error(`nothing at ${url}`)),
    clock: systemClock,
    now: Date.now,
    log: { info() {}, warn() {}, error() {} },
    onFetchFailed() {},
  })
}

const now = () => Math.floor(Date.now() / 1000)

function sign(provider: Provider, claims: Claims = {}, header: Claims = {}, signingKey?: KeyObject): Promise<string> {
  const { alg = 'RS256', seconds = hour } = provider
  const own = alg === 'HS256' ? createSecretKey(Buffer.from(secretText)) : pairs[alg].privateKey
  const kid = alg === 'HS256' ? undefined : 'k1'
  const whole = { alg, typ: 'JWT', kid, ...provider.header, ...header }
  const all = { ...provider.claims, iat: now(), exp: now() + seconds, ...claims }
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader(JSON.parse(JSON.stringify(whole)))
    .sign(signingKey ?? own)
}

async function refusal(pageTokens: PageTokens, token: string): Promise<string | undefined> {
  const outcome = await pageTokens.userOf(token).catch((error: unknown) => error)
  if (outcome instanceof Problem && outcome.code === 'invalid-token') return outcome.detail
  throw outcome instanceof Error ? outcome : new Error('the token was accepted')
}

test('docs/providers.md has settings for each provider of this test, and for no other', () => {
  expect([...documented.keys()]).toEqual(Object.keys(providers))
  expect(documented.size).toBe(20)
})

describe.each(Object.entries(providers))('a token of %s', (name, provider) => {
  const settings = documented.get(name)!
  let pageTokens: PageTokens

  beforeAll(() => {
    pageTokens = pageTokensBy(settings)
    const isFile = settings['PAGE_TOKEN_JWKS'] === 'oauth-public.key' || provider.alg === 'HS256'
    if (!isFile) serve(settings, { keys: keySets[(provider.alg ?? 'RS256') as PublicAlgorithm] })
  })

  test('names its user and visit', async () => {
    const user = await pageTokens.userOf(await sign(provider))
    expect([user.jid, user.visit]).toEqual([provider.jid, provider.visit])
  })

  test('is refused for another app or use', async () => {
    for (const other of [provider.otherApp, provider.otherKind])
      if (other) expect(await refusal(pageTokens, await sign(provider, other.claims))).toMatch(other.detail)
  })
})

const withoutKey = 'No key of PAGE_TOKEN_ISSUER, with an algorithm that is allowed, signed it.'

test('a key for encryption verifies no token', async () => {
  const settings = documented.get('Keycloak')!
  serve(settings, { keys: keySets.RS256 })
  for (const kid of ['k1', 'e1', undefined]) {
    const token = await sign(providers['Keycloak']!, {}, { kid }, forEncryption!.privateKey)
    expect(await refusal(pageTokensBy(settings), token)).toBe(withoutKey)
  }
})

test('a token for Microsoft Graph is refused, and named', async () => {
  const settings = documented.get('Entra ID')!
  serve(settings, { keys: keySets.RS256 })
  const token = await sign(providers['Entra ID']!, { aud: 'graph' }, { nonce: 'n' }, strange!.privateKey)
  expect(await refusal(pageTokensBy(settings), token)).toMatch(/^Its header has a nonce, as tokens for Microsoft Graph/)
})

describe('keys of an issuer', () => {
  const provider = providers['Keycloak']!
  const settings = documented.get('Keycloak')!
  const issuer = settings['PAGE_TOKEN_ISSUER']!
  const jwks = 'https://keys.example/jwks'

  test.each([
    ['names another issuer', { issuer: `${issuer}/`, jwks_uri: jwks }],
    ['names no issuer', { jwks_uri: jwks }],
    ['is no object', null],
    ['has no address of keys', { issuer }],
    ['has an address without TLS', { issuer, jwks_uri: 'http://keys.example/jwks' }],
    ['has an address of this machine', { issuer, jwks_uri: 'http://127.0.0.1:8080/jwks' }],
  ])('are not used if its document %s', async (_what, document) => {
    serve(settings, { keys: keySets.RS256 })
    served.set(discoveryOf(issuer), document)
    for (const url of ['http://keys.example/jwks', 'http://127.0.0.1:8080/jwks'])
      served.set(url, { keys: keySets.RS256 })
    const outcome = pageTokensBy(settings).userOf(await sign(provider))
    await expect(outcome).rejects.toMatchObject({ code: 'keys-unavailable' })
  })

  test('verify no tokens of another issuer', async () => {
    const other = 'https://id.example.org/realms/other'
    serve(settings, { keys: [keySets.RS256[0]] })
    served.set(discoveryOf(other), { issuer: other, jwks_uri: 'https://keys.example/other' })
    served.set('https://keys.example/other', { keys: [keySets.RS256[1]] })
    const pageTokens = pageTokensBy({ ...settings, PAGE_TOKEN_ISSUER: `${issuer}, ${other}` })
    const ofOther = { iss: other }
    const tokens = [await sign(provider), await sign(provider, ofOther, { kid: 'k2' }, second!.privateKey)]
    for (const token of tokens) expect((await pageTokens.userOf(token)).jid).toBe(provider.jid)
    for (const kid of ['k1', 'k2', undefined]) {
      expect(await refusal(pageTokens, await sign(provider, ofOther, { kid }))).toBe(withoutKey)
      expect(await refusal(pageTokens, await sign(provider, {}, { kid }, second!.privateKey))).toBe(withoutKey)
    }
  })
})
