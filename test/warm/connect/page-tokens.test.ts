import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject, sign as signWith } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import type { Config } from '../../../src/config/config.js'
import { jidTemplate, nameTemplate, readKeySet, requiredClaims } from '../../../src/config/kinds/page-token-kinds.js'
import { Problem } from '../../../src/lib/errors.js'
import { cardIn, jidIn } from '../../../src/warm/connect/page-claims.js'
import { PageTokens } from '../../../src/warm/connect/page-tokens.js'
import { FakeClock } from '../../support/fake-clock.js'
import { Random } from '../../support/random.js'
import { testFolder } from '../../support/test-folder.js'

const now = Date.UTC(2026, 0, 1)
const seconds = now / 1000
const secret = 'a-secret-of-the-portal-with-32-bytes'
const other = 'another-secret-of-the-portal-32-bytes'
const keyOf = (text: string) => createSecretKey(Buffer.from(text))
const good = { sub: 'alice', aud: 'chat', exp: seconds + 300 }

const template = (text: string) => jidTemplate(text, () => undefined)!

type Pages = Config['pages']

const defaults: Pages = {
  ...{ admin: undefined, guests: undefined, keys: undefined, issuers: undefined, visit: undefined, name: undefined },
  ...{ origins: [], claims: new Map(), login: 'service', ignoreCase: false },
  maxAge: 3600,
  secrets: { file: '', secrets: [keyOf(secret), keyOf(other)] },
  audiences: ['chat'],
  jid: template('{sub}@example.org'),
}

interface Options extends Partial<Pages> {
  readonly clock?: FakeClock
  readonly fetch?: (url: string) => Promise<string>
  readonly lines?: unknown[]
}

const pageTokens = ({ clock = new FakeClock(), fetch = async () => '', lines = [], ...pages }: Options = {}) => {
  const log = (...line: unknown[]) => void lines.push(line)
  return new PageTokens({
    pages: { ...defaults, ...pages },
    fetchKeys: url => () => fetch(url),
    clock,
    now: () => now,
    log: { info: log, warn: log, error: log },
    onFetchFailed: () => {},
  })
}
const userOfBy = (made: PageTokens) => (token: string) => made.userOf(token)
const tokens = (options?: Options) => userOfBy(pageTokens(options))

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs with HS256, even if the header has another algorithm. */
function signedWith(header: object, claims: object, key: string | Buffer = secret): string {
  const content = `${base64(header)}.${base64(claims)}`
  return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`
}

const hs256 = { alg: 'HS256', typ: 'JWT' }
/** `String` throws for it. */
const textless = { toString: 1, valueOf: 1 }
const signed = (claims: object, key = secret) => signedWith(hs256, claims, key)

async function refusal(token: string, verify = tokens()): Promise<string | undefined> {
  const outcome = await verify(token).catch((error: unknown) => error)
  if (outcome instanceof Problem && outcome.code === 'invalid-token') return outcome.detail
  throw outcome instanceof Error ? outcome : new Error('the token was accepted')
}

const unsigned =
  'HS256 with a secret of PAGE_TOKEN_SECRET_FILE did not sign it. A secret is the text of its line, not decoded.'
const withoutKey = 'No key of PAGE_TOKEN_JWKS, with an algorithm that is allowed, signed it.'
const forSecrets =
  'Its algorithm is for secrets (HS256), and PAGE_TOKEN_JWKS names public keys: use a signing key at the provider, or PAGE_TOKEN_SECRET_FILE.'
const opaque =
  'It is an opaque token, which only the provider can read: ask for an access token for your API, or send the ID token.'
const encrypted =
  'It is encrypted (JWE), so only its receiver can read it: ask the provider for an access token for your API, or sign one of your own.'
const wrongAudience = 'Its claim aud is missing or wrong: see PAGE_TOKEN_AUDIENCE.'
const withoutAudience = `${wrongAudience} It has none: PAGE_TOKEN_CLAIMS can name another claim, such as client_id.`
const ofAnotherApp = `${wrongAudience} It is a token for another app or API.`
const ofIdToken = `${wrongAudience} It is an ID token for another app or API: send an access token for your API, if the provider issues them.`
const ofRefreshToken = `${wrongAudience} It is a refresh token for another app or API: send an access token.`
const ofAnotherApi = `${wrongAudience} It is an access token for another app or API.`
const clocks = 'the clocks of the portal and of this machine differ.'
const noToken = 'It is not a JSON Web Token of at most 8192 characters.'

describe('a page token signed with a secret', () => {
  test('has its user, with each of the secrets', async () => {
    const user = { jid: 'alice@example.org' }
    expect(await tokens()(signed(good))).toEqual(user)
    expect(await tokens()(signed(good, other))).toEqual(user)
  })

  test('names its visit by the claim visit, or else sid', async () => {
    const visitOf = async (claims: object) => (await tokens()(signed({ ...good, ...claims }))).visit
    expect(await visitOf({ visit: 'v1', sid: 's1' })).toBe('v1')
    expect(await visitOf({ sid: 's1' })).toBe('s1')
    expect(await visitOf({ visit: null, sid: 's1' })).toBe('s1')
    expect(await visitOf({ visit: null, sid: null })).toBeUndefined()
  })

  const unfit = [7, '', ['v'], { v: 1 }, 'x'.repeat(129), 'a\nb']

  test.each(unfit.map(visit => [visit]))('is refused if the visit is %j', async visit => {
    expect(await refusal(signed({ ...good, visit, sid: 's' }))).toContain('Its claim visit does not fit.')
    expect(await refusal(signed({ ...good, sid: visit }))).toContain('Its claim sid does not fit.')
  })

  test('names its visit by the claim in PAGE_TOKEN_VISIT only', async () => {
    const verify = tokens({ visit: 'session_id' })
    const visitOf = async (claims: object) => (await verify(signed({ ...good, ...claims }))).visit
    expect(await visitOf({ session_id: 's2', visit: 'v1', sid: 's1' })).toBe('s2')
    expect(await visitOf({ visit: 'v1', sid: 's1' })).toBeUndefined()
    expect(await refusal(signed({ ...good, session_id: 7 }), verify)).toContain('Its claim session_id does not fit.')
  })

  test('must have a value of each claim in PAGE_TOKEN_CLAIMS', async () => {
    const claims = requiredClaims('email_verified=true,level=2,level=3,roles=chat', () => undefined)!
    const verify = tokens({ claims })
    const whole = { ...good, email_verified: true, level: 3, roles: ['mail', 'chat'] }
    for (const more of [{}, { email_verified: 'true' }, { level: '2' }, { roles: 'chat' }, { level: [2] }])
      expect((await verify(signed({ ...whole, ...more }))).jid).toBe('alice@example.org')
    const wrong = (name: string) => `Its claim ${name} is missing or wrong: see PAGE_TOKEN_CLAIMS.`
    for (const [name, value] of [
      ...[undefined, null, false, 'TRUE', 1, {}, [], [['true']]].map(value => ['email_verified', value] as const),
      ...[4, '2 ', [4]].map(value => ['level', value] as const),
      ['roles', 'chat mail'],
    ] as const)
      expect(await refusal(signed({ ...whole, [name]: value }), verify)).toBe(wrong(name))
    const ofIdToken = { ...whole, email_verified: false, nonce: 'n' }
    expect(await refusal(signed(ofIdToken), verify)).toBe(wrong('email_verified'))
    const inherited = tokens({ claims: new Map([['constructor', [String(Object)]]]) })
    expect(await refusal(signed(good), inherited)).toContain('Its claim constructor is missing or wrong')
  })

  test.each([
    [{ token_use: 'access' }, 'It is an access token.'],
    [{ scope: 'openid' }, 'It is an access token.'],
    [{ token_use: 'refresh' }, 'It is a refresh token: send an access token.'],
    [{ token_use: 'constructor' }, ''],
  ])('is refused as %j if an ID token is required', async (claims, detail) => {
    const verify = tokens({ claims: new Map([['token_use', ['id']]]) })
    const sentence = 'Its claim token_use is missing or wrong: see PAGE_TOKEN_CLAIMS.'
    expect(await refusal(signed({ ...good, ...claims }), verify)).toBe(`${sentence} ${detail}`.trim())
    const header = { ...hs256, typ: 'at+jwt' }
    expect(await refusal(signedWith(header, good), verify)).toBe(`${sentence} It is an access token.`)
  })

  test('may have one of several audiences', async () => {
    const verify = tokens({ audiences: ['chat', 'api'] })
    for (const aud of ['chat', 'api', ['x', 'api']]) await verify(signed({ ...good, aud }))
    expect(await refusal(signed({ ...good, aud: 'x' }), verify)).toBe(ofAnotherApp)
  })

  test('is used as token, password or credential for the login, depending on the settings', async () => {
    const token = signed({ ...good, credential: 'c1' })
    expect(await tokens({ login: 'token' })(token)).toMatchObject({ token, password: undefined, credential: undefined })
    expect(await tokens({ login: 'password' })(token)).toMatchObject({ token: undefined, password: token })
    expect(await tokens({ login: 'credential' })(token)).toMatchObject({ token: undefined, credential: 'c1' })
  })

  test.each<[string, string]>([
    ['with another secret', signed(good, 'a-secret-of-somebody-else-32-bytes!!')],
    ['with alg none and a signature', signedWith({ alg: 'none' }, good)],
    ['with alg nOnE', signedWith({ alg: 'nOnE' }, good)],
    ['with another algorithm', signedWith({ alg: 'HS512' }, good)],
    ['without an algorithm', signedWith({}, good)],
    ['with an algorithm that has no text', signedWith({ alg: textless }, good)],
    ['with a critical extension', signedWith({ ...hs256, crit: ['x'], x: 1 }, good)],
    ['with b64: false', signedWith({ ...hs256, crit: ['b64'], b64: false }, good)],
    ['with an empty key', signedWith({ ...hs256, kid: '../../dev/null' }, good, '')],
    ['with a key in its header', signedWith({ ...hs256, jwk: { kty: 'oct', k: 'AAAA' } }, good, 'AAAA')],
    ['with a header that is no object', `${Buffer.from('[]').toString('base64url')}.${base64(good)}.AA`],
  ])('is rejected without details if it is signed %s', async (_how, token) => {
    expect(await refusal(token)).toBe(unsigned)
  })

  test.each<[string, string, string]>([
    ['without a signature', `${base64({ alg: 'none' })}.${base64(good)}.`, noToken],
    ['with one part', 'abc', opaque],
    ['with five parts', 'a.b.c.d.e', encrypted],
    ['with a space', `${signed(good)} `, noToken],
    ['of 9,000 characters', signed({ ...good, more: 'x'.repeat(6_500) }), noToken],
    ['of 9,000 characters in five parts', `a.b.c.d.${'e'.repeat(9_000)}`, noToken],
  ])('is rejected %s, as no token', async (_how, token, detail) => {
    expect(await refusal(token)).toBe(detail)
  })

  test.each<[string, object, string]>([
    ['after its expiry', { exp: seconds - 31 }, `It has expired. If it is new, ${clocks}`],
    ['without exp', { exp: undefined }, 'Its claim exp is missing or wrong.'],
    ['with exp as text', { exp: 'never' }, 'Its claim exp is missing or wrong.'],
    ['that lasts too long', { exp: seconds + 3631 }, 'Its exp is more than 3600 seconds away: see PAGE_TOKEN_MAX_AGE.'],
    ['with exp in milliseconds', { exp: now + 300_000 }, 'Its exp is too large: it is in seconds, not milliseconds.'],
    ['that is not valid yet', { nbf: seconds + 31 }, `It is not valid yet: ${clocks}`],
    ['without an audience', { aud: undefined }, withoutAudience],
    ['for another audience', { aud: 'mail' }, ofAnotherApp],
    ['for other audiences', { aud: ['mail', 'chat2'] }, ofAnotherApp],
    ['with an object as audience', { aud: { chat: true } }, ofAnotherApp],
    ['with another audience as an ID token', { aud: 'mail', at_hash: 'x' }, ofIdToken],
    ['with another audience as an access token', { aud: 'mail', scope: 'openid' }, ofAnotherApi],
    ['without an audience as an access token', { aud: null, token_use: 'access' }, withoutAudience],
    ['with another audience as a refresh token', { aud: 'mail', typ: 'Refresh' }, ofRefreshToken],
    ['with another audience, of a kind that has no text', { aud: 'mail', token_use: textless }, ofAnotherApp],
  ])('is refused %s', async (_how, claims, detail) => {
    expect(await refusal(signed({ ...good, ...claims }))).toBe(detail)
  })

  test('is refused with another audience and a type that has no text', async () => {
    expect(await refusal(signedWith({ alg: 'HS256', typ: textless }, { ...good, aud: 'mail' }))).toBe(ofAnotherApp)
  })

  test.each(['HS384', 'HS512'])('is rejected with a valid signature by %s', async alg => {
    const long = keyOf('a-secret-of-the-portal-with-32-bytes'.repeat(2))
    const token = await new SignJWT(good).setProtectedHeader({ alg }).sign(long)
    expect(await refusal(token, tokens({ secrets: { file: '', secrets: [long] } }))).toBe(unsigned)
  })

  test('may be used 30 seconds early or late, and have deeply nested claims', async () => {
    const x: unknown = JSON.parse('['.repeat(2_800) + ']'.repeat(2_800))
    for (const claims of [{ exp: seconds - 29 }, { exp: seconds + 3630 }, { nbf: seconds + 29 }, { x }])
      expect((await tokens()(signed({ ...good, ...claims }))).jid).toBe('alice@example.org')
  })

  test('must have the right issuer if one is set', async () => {
    const verify = tokens({ issuers: ['https://id.example'] })
    expect((await verify(signed({ ...good, iss: 'https://id.example' }))).jid).toBe('alice@example.org')
    const wrong = 'Its claim iss is missing or wrong: see PAGE_TOKEN_ISSUER.'
    for (const iss of [undefined, 'https://id.example/', ['https://id.example']])
      expect(await refusal(signed({ ...good, iss }), verify)).toBe(wrong)
  })

  test('must be short enough for a password if it is sent as one', async () => {
    const long = signed({ ...good, roles: 'r'.repeat(1024) })
    expect((await tokens({ login: 'token' })(long)).token).toBe(long)
    expect(await refusal(long, tokens({ login: 'password' }))).toBe(
      'It has more than 1024 bytes, and PAGE_TOKEN_LOGIN=password sends it as a password: leave out claims.',
    )
  })

  test('must have the claim credential if that logs in', async () => {
    const verify = tokens({ login: 'credential' })
    for (const credential of [undefined, '', 7, ['x']])
      expect(await refusal(signed({ ...good, credential }), verify)).toBe('It has no text in the claim credential.')
  })
})

describe('the JID from a page token', () => {
  const jidOf = async (sub: unknown, jid = '{sub}@example.org', ignoreCase = false) =>
    (await tokens({ jid: template(jid), ignoreCase })(signed({ ...good, sub }))).jid
  const refusalOf = (sub: unknown, jid = '{sub}@example.org') =>
    refusal(signed({ ...good, sub }), tokens({ jid: template(jid) }))

  test.each([
    ['alice', 'alice@example.org'],
    ['alice.smith', 'alice.smith@example.org'],
    ['alice@evil.example', 'alice\\40evil.example@example.org'],
    ['alice/desk', 'alice\\2fdesk@example.org'],
    ['a b"c&d\'e:f<g>h', 'a\\20b\\22c\\26d\\27e\\3af\\3cg\\3eh@example.org'],
    ['a\\40b', 'a\\5c40b@example.org'],
    ['a\\b', 'a\\b@example.org'],
    ['jörg', 'jörg@example.org'],
    // Whole numbers that are exact.
    [7, '7@example.org'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991@example.org'],
    ['7', 'user-7.x@example.org', 'user-{sub}.x@example.org'],
    ['alice@example.net', 'alice@example.net', '{sub}'],
  ])('is made of %s: %s', async (sub, jid, text = '{sub}@example.org') => {
    expect(await jidOf(sub, text)).toBe(jid)
  })

  test('is the claim itself if the template is only the claim, so it must be a bare JID', async () => {
    expect(await refusalOf('a@b.example/c', '{sub}')).toContain('JID')
  })

  const noTexts = [[], ['alice'], { toString: 'alice' }, 7.5, 2 ** 53, true, null, undefined, '']
  const noNames = [' alice', 'x'.repeat(1024), 'ａlice', '\u212aate', 'a\u0000b', '\ud800', '@'.repeat(400)]

  test.each([...noTexts, ...noNames].map(sub => [sub]))('is rejected if the claim is %j', async sub => {
    expect(await refusalOf(sub)).toMatch(/PAGE_TOKEN_JID/)
  })

  test('is refused if the claim has capital letters, unless the settings say that names ignore case', async () => {
    expect(await refusalOf('Alice')).toMatch(/capital letters.*PAGE_TOKEN_IGNORE_CASE/)
    expect(await refusalOf('Alice@example.org', '{sub}')).toMatch(/capital/)
    expect(await jidOf('Alice', undefined, true)).toBe('alice@example.org')
    expect(await jidOf('\u00dcnal', undefined, true)).toBe('\u00fcnal@example.org')
    expect(await jidOf('alice@Example.org', '{sub}')).toBe('alice@example.org')
    expect(await refusalOf('alice', '{sub}')).toContain('If it is a name, set PAGE_TOKEN_JID={sub}@example.org')
    // Another way out, also for claims that make no JID.
    const advice = 'Encode it: PAGE_TOKEN_JID=u-{hex(sub)}.x@example.org.'
    for (const sub of ['Alice', ' alice', 'ａlice'])
      expect(await refusalOf(sub, 'u-{sub}.x@example.org')).toContain(advice)
    expect(await refusalOf('Alice@a.example', '{sub}')).toContain('Encode it: PAGE_TOKEN_JID={hex(sub)}@example.org.')
  })

  test.each([
    ['aB', '6142'],
    ['ab', '6162'],
    ['Ünal ', 'c39c6e616c20'],
    ['a\u0000@/', '6100402f'],
    ['tPLvZJ9lFhYhRgqwRaDmKiPq4bT2', '74504c765a4a396c46685968526771775261446d4b69507134625432'],
    [7, '37'],
  ])('is %j in hexadecimal digits with hex(sub)', async (sub, name) => {
    expect(await jidOf(sub, '{hex(sub)}@example.org')).toBe(`${name}@example.org`)
    expect(await jidOf(sub, 'u-{hex(sub)}@example.org')).toBe(`u-${name}@example.org`)
  })

  test('is refused if the digits are too long, or there is no claim', async () => {
    const hex = '{hex(sub)}@example.org'
    expect(await jidOf('x'.repeat(511), hex)).toHaveLength(1022 + '@example.org'.length)
    expect(await refusalOf('x'.repeat(512), hex)).toBe('The claim of PAGE_TOKEN_JID is too long for a JID.')
    for (const sub of [undefined, '', '\ud800', [1]]) expect(await refusalOf(sub, hex)).toContain('no text')
  })

  test('is different for each claim, except for upper and lower case', () => {
    const random = new Random(31)
    const escapes = ['20', '40', '5c', '5C', '2f']
    const pieces = [...'aBb\\@/ :\'"<>&.0ßſİıéΣςσ', ...escapes, 'e\u0301', '\u212a', 'ﬁ', '\u00ad', 'ａ', '😀']
    const claims = new Map<string, string>()
    for (let count = 0; count < 4_000; count++) {
      const sub = Array.from({ length: 1 + random.below(5) }, () => random.pick(pieces)).join('')
      const folded = sub.replaceAll(/\p{Lu}/gu, letter => letter.toLowerCase())
      let jid: string
      try {
        jid = jidIn({ sub }, template('{sub}@example.org'), true)
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid-token' })
        continue
      }
      expect(jid).toMatch(/^[^@/]+@example\.org$/)
      expect(claims.get(jid) ?? folded).toBe(folded)
      claims.set(jid, folded)
    }
    expect(claims.size).toBeGreaterThan(1_000)
  })

  test('is not made of an inherited property of JavaScript objects', async () => {
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(await refusal(signed(good), tokens({ jid: template(`{${name}}@example.org`) }))).toContain('no text')
  })
})

describe('a page token signed with a private key', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ed = generateKeyPairSync('ed25519')
  const [ec384, ec521] = ['P-384', 'P-521'].map(namedCurve => generateKeyPairSync('ec', { namedCurve }))
  const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid })
  const set = (...keys: object[]) => JSON.stringify({ keys })
  const whole = set(
    ...[jwk(rsa.publicKey, 'rsa'), jwk(ec.publicKey, 'ec'), jwk(ed.publicKey, 'ed')],
    ...[jwk(ec384!.publicKey, '384'), jwk(ec521!.publicKey, '521')],
  )
  const issued = { ...good, iss: 'https://id.example' }
  const byKeys = { secrets: undefined, issuers: [issued.iss] }
  const sign = (alg: string, key: KeyObject, kid?: string, claims: object = issued) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key)
  const inFile = (keySet = whole) => tokens({ ...byKeys, keys: { file: '', ...readKeySet(keySet)! } })

  /** Fetches `published`, which a test changes. */
  function fetching(published = whole) {
    const clock = new FakeClock()
    const source = { published, fetches: 0 }
    const fetch = async () => {
      source.fetches += 1
      if (source.published === '') throw new Error('unreachable')
      return source.published
    }
    return { source, clock, verify: tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, clock }) }
  }

  test.each([
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map(alg => [alg, rsa.privateKey, 'rsa'] as const),
    ['ES256', ec.privateKey, 'ec'],
    ['ES384', ec384!.privateKey, '384'],
    ['ES512', ec521!.privateKey, '521'],
    ['EdDSA', ed.privateKey, 'ed'],
    ['Ed25519', ed.privateKey, 'ed'],
  ] as const)('is accepted with %s', async (alg, key, kid) => {
    expect((await inFile()(await sign(alg, key, kid))).jid).toBe('alice@example.org')
  })

  test('without kid is tried with each key that fits, also with a replaced key of the same kid', async () => {
    const second = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const third = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const verify = inFile(set(jwk(rsa.publicKey, 'a'), jwk(second.publicKey, 'b')))
    for (const { privateKey } of [rsa, second])
      expect((await verify(await sign('RS256', privateKey))).jid).toBe('alice@example.org')
    expect(await refusal(await sign('RS256', third.privateKey), verify)).toBe(withoutKey)
    const expired = await sign('RS256', second.privateKey, undefined, { ...issued, exp: seconds - 60 })
    expect(await refusal(expired, verify)).toContain('It has expired.')
    const { source, clock, verify: fetched } = fetching(set(jwk(rsa.publicKey, 'same')))
    expect((await fetched(await sign('RS256', rsa.privateKey, 'same'))).jid).toBe('alice@example.org')
    source.published = set(jwk(second.publicKey, 'same'))
    expect(await refusal(await sign('RS256', second.privateKey, 'same'), fetched)).toBe(withoutKey)
    // A backend repeats a sign-out after this time.
    clock.advance(1)
    await expect(fetched(await sign('RS256', second.privateKey, 'same'))).rejects.toMatchObject({
      code: 'invalid-token',
      retryAfterSeconds: 20,
    })
    clock.advance(20_000)
    expect((await fetched(await sign('RS256', second.privateKey, 'same'))).jid).toBe('alice@example.org')
    // Strangers cause at most one fetch in 20 s.
    for (let call = 0; call < 5; call++) await refusal(await sign('RS256', third.privateKey, 'same'), fetched)
    expect(source.fetches).toBe(2)
    clock.advance(20_000)
    const strange = fetched(await sign('RS256', third.privateKey, 'same'))
    await expect(strange).rejects.not.toHaveProperty('retryAfterSeconds')
    expect(source.fetches).toBe(3)
  })

  test('without kid is accepted beside a key that is too short for its algorithm', async () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const verify = inFile(set(jwk(short.publicKey, 'short'), jwk(rsa.publicKey, 'rsa')))
    expect((await verify(await sign('RS256', rsa.privateKey))).jid).toBe('alice@example.org')
  })

  test.each([undefined, 'short'])('is refused by a short key, which the answer names (kid: %s)', async kid => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const header = { alg: 'RS256', ...(kid !== undefined && { kid }) }
    const content = `${base64(header)}.${base64(issued)}`
    const token = `${content}.${signWith('sha256', Buffer.from(content), short.privateKey).toString('base64url')}`
    expect(await refusal(token, inFile(set(jwk(short.publicKey, 'short'))))).toBe(
      'The key of PAGE_TOKEN_JWKS for it has fewer than 2048 bits: sign with a longer key.',
    )
  })

  test('is refused with a public key as the secret of HS256', async () => {
    const secrets = [
      rsa.publicKey.export({ type: 'spki', format: 'pem' }),
      rsa.publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk(rsa.publicKey, 'rsa')),
      Buffer.from(rsa.publicKey.export({ format: 'jwk' }).n!, 'base64url'),
    ]
    for (const key of secrets)
      for (const kid of ['rsa', undefined])
        expect(await refusal(signedWith({ alg: 'HS256', kid }, issued, key), inFile())).toBe(forSecrets)
  })

  test('is refused with another algorithm, key or kid', async () => {
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const own = jwk(mine.publicKey, 'mine')
    const header = { alg: 'ES256', jwk: own, jku: 'https://evil.example/keys', x5u: 'https://evil.example/x' }
    for (const token of [
      await sign('ES256', mine.privateKey, 'ec'),
      await sign('ES256', mine.privateKey, 'mine'),
      await sign('ES256', ec.privateKey, 'rsa'),
      await new SignJWT(issued).setProtectedHeader(header).sign(mine.privateKey),
      signedWith({ alg: 'none', kid: 'rsa' }, issued),
    ])
      expect(await refusal(token, inFile())).toBe(withoutKey)
  })

  test('uses an e-mail address only if email_verified is true', async () => {
    const byEmail = tokens({ ...byKeys, keys: { file: '', ...readKeySet(whole)! }, jid: template('{email}') })
    const of = (more: object) => sign('ES256', ec.privateKey, 'ec', { ...issued, email: 'alice@example.org', ...more })
    for (const email_verified of [true, 'true'])
      expect((await byEmail(await of({ email_verified }))).jid).toBe('alice@example.org')
    for (const email_verified of [undefined, false, 'false', 1, ['true']])
      expect(await refusal(await of({ email_verified }), byEmail)).toBe('Its claim email_verified is not true.')
    const bySecret = tokens({ jid: template('{email}') })
    expect((await bySecret(signed({ ...good, email: 'a@b.example' }))).jid).toBe('a@b.example')
  })

  test('with a kid is accepted with a key that has none', async () => {
    const verify = inFile(set(ec.publicKey.export({ format: 'jwk' })))
    expect((await verify(await sign('ES256', ec.privateKey, 'any'))).jid).toBe('alice@example.org')
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    expect(await refusal(await sign('ES256', mine.privateKey, 'any'), verify)).toBe(withoutKey)
  })

  test('is checked with keys that are fetched once, and again later for new kids', async () => {
    const { source, clock, verify } = fetching(set(jwk(rsa.publicKey, 'rsa')))
    const old = await sign('RS256', rsa.privateKey, 'rsa')
    const token = await sign('ES256', ec.privateKey, 'ec')
    await Promise.all([verify(old), verify(old), verify(old)])
    expect(source.fetches).toBe(1)
    source.published = whole
    // Unknown keys cause a fetch every 20 seconds at most, also if many have one at the same time.
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const strange = await Promise.all(Array.from({ length: 50 }, (_, kid) => sign('ES256', mine.privateKey, `k${kid}`)))
    const refusals = () => Promise.all(strange.map(each => refusal(each, verify)))
    for (const each of [token, ...strange]) expect(await refusal(each, verify)).toBe(withoutKey)
    expect(source.fetches).toBe(1)
    // A backend repeats a sign-out after this time.
    clock.advance(1)
    await expect(verify(token)).rejects.toMatchObject({ code: 'invalid-token', retryAfterSeconds: 20 })
    for (const fetches of [2, 3]) {
      clock.advance(20_000)
      expect(new Set(await refusals())).toEqual(new Set([withoutKey]))
      await verify(token)
      expect(source.fetches).toBe(fetches)
    }
    clock.advance(610_000)
    await verify(token)
    expect(source.fetches).toBe(4)
  })

  test('is checked with the previous keys for an hour if new keys cannot be fetched', async () => {
    const { source, clock, verify } = fetching()
    const token = await sign('EdDSA', ed.privateKey, 'ed')
    await verify(token)
    source.published = ''
    clock.advance(3_600_000)
    await verify(token)
    clock.advance(1)
    await expect(verify(token)).rejects.toMatchObject({ code: 'keys-unavailable', retryAfterSeconds: 5 })
    expect(source.fetches).toBe(2)
    // Without usable keys, the pause between fetches is 5 s.
    clock.advance(4_998)
    await expect(verify(token)).rejects.toMatchObject({ code: 'keys-unavailable', retryAfterSeconds: 1 })
    expect(source.fetches).toBe(2)
    clock.advance(1)
    source.published = '{"keys":[]}'
    await expect(verify(token)).rejects.toMatchObject({ code: 'keys-unavailable' })
    clock.advance(5_000)
    source.published = whole
    expect((await verify(token)).jid).toBe('alice@example.org')
    expect(source.fetches).toBe(4)
  })

  test.each([
    ['no JSON', 'alice'],
    ['null', 'null'],
    ['too many keys', set(...Array.from({ length: 101 }, () => jwk(ec.publicKey, 'ec')))],
    ['lists in lists', `{"keys":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
    ['a private key', set(jwk(ec.privateKey, 'ec'))],
    ['a symmetric key', set({ kty: 'oct', k: 'AAAA', kid: 'ec' })],
    ['a key type named like an inherited property', '{"keys":[{"__proto__":{"kty":"EC"}}]}'],
  ])('is not checked with a JWKS that has %s', async (_what, text) => {
    const outcome = fetching(text).verify(await sign('ES256', ec.privateKey, 'ec'))
    await expect(outcome).rejects.toMatchObject({ code: 'keys-unavailable' })
  })

  test('waits for a slow JWKS server only while there are no usable keys', async () => {
    const clock = new FakeClock()
    const answers: ((text: string) => void)[] = []
    const fetch = () => new Promise<string>(resolve => answers.push(resolve))
    const verify = tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, clock })
    const token = await sign('ES256', ec.privateKey, 'ec')
    const first = verify(token)
    await new Promise(setImmediate)
    clock.advance(4_000)
    await new Promise(setImmediate)
    answers[0]!(whole)
    await first
    clock.advance(600_001)
    const users = [verify(token), verify(token)]
    clock.advance(2_000)
    for (const { jid } of await Promise.all(users)) expect(jid).toBe('alice@example.org')
    expect(answers).toHaveLength(2)
    answers[1]!(set(jwk(rsa.publicKey, 'rsa')))
    expect(await refusal(token, verify)).toBe(withoutKey)
  })

  test('is checked with keys that are fetched at a reload', async () => {
    let answer = whole
    const lines: unknown[] = []
    const fetch = async () => answer
    const made = pageTokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, lines })
    const userOf = userOfBy(made)
    const token = await sign('ES256', ec.privateKey, 'ec')
    await userOf(token)
    answer = 'damaged'
    await made.reload()
    await userOf(token)
    expect(lines).toEqual([])
    answer = set(jwk(rsa.publicKey, 'rsa'))
    await made.reload()
    expect(await refusal(token, userOf)).toBe(withoutKey)
    expect(lines).toEqual([['keys for page tokens reloaded']])
  })
})

test('a reload changes from a secret to the keys of the issuer, and back', async () => {
  const pair = generateKeyPairSync('ed25519')
  const issuer = 'https://id.example'
  const claims = { ...good, iss: issuer }
  const fetched: string[] = []
  const documents: Record<string, string> = {
    [`${issuer}/.well-known/openid-configuration`]: JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }),
    [`${issuer}/keys`]: JSON.stringify({ keys: [pair.publicKey.export({ format: 'jwk' })] }),
  }
  const pages = { ...defaults, issuers: [issuer] }
  const fetch = async (url: string) => {
    fetched.push(url)
    return documents[url]!
  }
  const made = pageTokens({ ...pages, fetch })
  const bySecret = signed(claims)
  const byKey = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(pair.privateKey)
  const userOf = userOfBy(made)
  expect((await userOf(bySecret)).jid).toBe('alice@example.org')
  expect(await refusal(byKey, userOf)).toContain('Its algorithm is for public keys')

  await made.reload({ ...pages, secrets: undefined })
  expect((await userOf(byKey)).jid).toBe('alice@example.org')
  expect(await refusal(bySecret, userOf)).toContain('PAGE_TOKEN_ISSUER names public keys')
  expect(fetched).toEqual(Object.keys(documents))

  await made.reload({ ...pages, secrets: undefined, keys: { url: `${issuer}/keys` } })
  expect((await userOf(byKey)).jid).toBe('alice@example.org')
  expect(fetched).toHaveLength(3)
})

describe('a file of page token keys', () => {
  const folder = testFolder()
  const file = join(folder.folder, 'keys')
  const write = (text: string) => void folder.file('keys', text)
  const old = generateKeyPairSync('ed25519')
  const later = generateKeyPairSync('ed25519')
  const setOf = ({ publicKey }: typeof old) => JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] })
  const byKey = ({ privateKey }: typeof old) =>
    new SignJWT({ ...good }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey)

  test.each([
    ['PAGE_TOKEN_SECRET_FILE', {}, other, signed(good), signed(good, other), 'short'],
    [
      'PAGE_TOKEN_JWKS',
      { secrets: undefined, keys: { file, ...readKeySet(setOf(old))! } },
      setOf(later),
      byKey(old),
      byKey(later),
      '{"keys":[]}',
    ],
  ])('replaces the keys of %s on reload, unless it is invalid', async (setting, pages, text, before, after, bad) => {
    const lines: unknown[] = []
    const made = pageTokens({ secrets: { file, secrets: [keyOf(secret)] }, ...pages, lines })
    const userOf = userOfBy(made)
    for (const faulty of [bad, '']) {
      write(faulty)
      await made.reload()
    }
    rmSync(file)
    await made.reload()
    expect((await userOf(await before)).jid).toBe('alice@example.org')
    expect(await refusal(await after, userOf)).toBe('secrets' in pages ? withoutKey : unsigned)
    const told = [expect.objectContaining({ problems: [expect.stringMatching(`^${setting} names a file `)] })]
    expect(lines.splice(0)).toEqual(Array(3).fill([...told, expect.stringContaining('the previous keys stay')]))

    write(text)
    await made.reload()
    expect((await userOf(await after)).jid).toBe('alice@example.org')
    expect(await refusal(await before, userOf)).toBe('secrets' in pages ? withoutKey : unsigned)
    expect(lines).toEqual([[{ file }, 'keys for page tokens reloaded']])
  })
})

describe('the name for a new account', () => {
  const email = 'a@b.example'

  test.each([
    ['{name}', { name: 'Alice Liddell' }, { name: 'Alice Liddell' }],
    ['{given} {family}', { given: 'Alice', family: '' }, { name: 'Alice' }],
    ['{name} <{email}>', { name: ' Alice\n\u0000L. ', email }, { name: 'Alice L.', address: email }],
    ['{name} <{email}>', { name: 'Alice <ceo@b.example>' }, { name: 'Alice <ceo@b.example>' }],
    ['{name}', { name: '😀'.repeat(300) }, { name: '😀'.repeat(200) }],
    ['{name}', { name: 'Alice\u202e\u2066\uffff\u{1fffe}L.' }, { name: 'Alice L.' }],
    ['{name} <{email}>', { name: 'Alice', email: 'ceo@b.example', email_verified: false }, { name: 'Alice' }],
    ['{email}', { email: 'ceo@b.example', email_verified: 'false' }, undefined],
    ['{email}', { email, email_verified: true }, { name: email }],
    ['{name}', { email }, undefined],
    ['{name}', { name: { first: 'Alice' } }, undefined],
  ])('%s with %j', (text, claims, card) => {
    const template = nameTemplate(text, () => undefined)
    expect(cardIn({ ...claims }, template)).toEqual(card)
  })

  test.each(['Alice', '{name', '{name} <{email}', '<{email}>', '{a b}', ''])('%j is no template', text => {
    const problems: string[] = []
    expect(nameTemplate(text, problem => void problems.push(problem))).toBeUndefined()
    expect(problems).toEqual(['must be like {name}, or {name} <{email}>, with claims in braces'])
  })
})
