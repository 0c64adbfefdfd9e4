import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import {
  type JidTemplate,
  jidTemplate,
  type KeysFile,
  readKeySet,
  type SecretsFile,
} from '../../../src/config/kinds/page-token-kinds.js'
import { Problem } from '../../../src/lib/errors.js'
import { jidIn } from '../../../src/warm/connect/page-claims.js'
import { createPageTokens } from '../../../src/warm/connect/page-tokens.js'
import { FakeClock } from '../../support/fake-clock.js'
import { Random } from '../../support/random.js'
import { testFolder } from '../../support/test-folder.js'

const now = Date.UTC(2026, 0, 1)
const seconds = now / 1000
const secret = 'a-secret-of-the-portal-with-32-bytes'
const other = 'another-secret-of-the-portal-32-bytes'
const keyOf = (text: string) => createSecretKey(Buffer.from(text))
const good = { sub: 'alice', aud: 'chat', exp: seconds + 300 }

const template = (text: string): JidTemplate =>
  jidTemplate(text, problem => {
    throw new Error(problem)
  })!

const defaults = {
  admin: undefined,
  origins: [] as string[],
  secrets: { file: '', secrets: [keyOf(secret), keyOf(other)] } as SecretsFile | undefined,
  keys: undefined as KeysFile | { readonly url: string } | undefined,
  audience: 'chat',
  issuer: undefined as string | undefined,
  jid: template('{sub}@example.org'),
  login: 'service' as 'service' | 'token' | 'password' | 'credential',
  ignoreCase: false,
  maxAge: 3600,
}

interface Options extends Partial<typeof defaults> {
  readonly clock?: FakeClock
  readonly fetch?: () => Promise<string>
  readonly lines?: unknown[]
}

const pageTokens = ({ clock = new FakeClock(), fetch = async () => '', lines = [], ...pages }: Options = {}) => {
  const log = (...line: unknown[]) => void lines.push(line)
  return createPageTokens({
    pages: { ...defaults, ...pages },
    fetchKeys: () => fetch,
    clock,
    now: () => now,
    log: { info: log, warn: log, error: log },
    onFetchFailed: () => {},
  })
}
const tokens = (options?: Options) => pageTokens(options).userOf

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs with HS256, even if the header has another algorithm. */
function signedWith(header: object, claims: object, key: string | Buffer = secret): string {
  const content = `${base64(header)}.${base64(claims)}`
  return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`
}

const hs256 = { alg: 'HS256', typ: 'JWT' }
const signed = (claims: object, key = secret) => signedWith(hs256, claims, key)

async function refusal(token: string, verify = tokens()): Promise<string | undefined> {
  try {
    await verify(token)
  } catch (error) {
    if (error instanceof Problem && error.code === 'invalid-token') return error.detail
    throw error
  }
  throw new Error('the token was accepted')
}

const unsigned =
  'HS256 with a secret of PAGE_TOKEN_SECRET_FILE did not sign it. A secret is the text of its line, not decoded.'
const withoutKey = 'No key of PAGE_TOKEN_JWKS, with an algorithm that is allowed, signed it.'
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

  test.each([[7], [''], [['v']], [{ v: 1 }], ['x'.repeat(129)], ['a\nb']])(
    'is refused if the visit is %j',
    async visit => {
      expect(await refusal(signed({ ...good, visit, sid: 's' }))).toContain('Its claim visit does not fit.')
      expect(await refusal(signed({ ...good, sid: visit }))).toContain('Its claim sid does not fit.')
    },
  )

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
    ['with a critical extension', signedWith({ ...hs256, crit: ['x'], x: 1 }, good)],
    ['with b64: false', signedWith({ ...hs256, crit: ['b64'], b64: false }, good)],
    ['with an empty key', signedWith({ ...hs256, kid: '../../dev/null' }, good, '')],
    ['with a key in its header', signedWith({ ...hs256, jwk: { kty: 'oct', k: 'AAAA' } }, good, 'AAAA')],
    ['with a header that is no object', `${Buffer.from('[]').toString('base64url')}.${base64(good)}.AA`],
  ])('is rejected without details if it is signed %s', async (_how, token) => {
    expect(await refusal(token)).toBe(unsigned)
  })

  test.each<[string, string]>([
    ['without a signature', `${base64({ alg: 'none' })}.${base64(good)}.`],
    ['with one part', 'abc'],
    ['with five parts', 'a.b.c.d.e'],
    ['with a space', `${signed(good)} `],
    ['of 9,000 characters', signed({ ...good, more: 'x'.repeat(6_500) })],
  ])('is rejected %s, as no token', async (_how, token) => {
    expect(await refusal(token)).toBe(noToken)
  })

  test.each<[string, object, string]>([
    ['after its expiry', { exp: seconds - 31 }, 'It has expired.'],
    ['without exp', { exp: undefined }, 'Its claim exp is missing or wrong.'],
    ['with exp as text', { exp: 'never' }, 'Its claim exp is missing or wrong.'],
    ['with exp as an array', { exp: [seconds + 300] }, 'Its claim exp is missing or wrong.'],
    ['that lasts too long', { exp: seconds + 3631 }, 'Its exp is more than 3600 seconds away: see PAGE_TOKEN_MAX_AGE.'],
    ['with exp in milliseconds', { exp: now + 300_000 }, 'Its exp is too large: it is in seconds, not milliseconds.'],
    ['that is not valid yet', { nbf: seconds + 31 }, 'It is not valid yet.'],
    ['without an audience', { aud: undefined }, 'Its claim aud is missing or wrong: see PAGE_TOKEN_AUDIENCE.'],
    ['for another audience', { aud: 'mail' }, 'Its claim aud is missing or wrong: see PAGE_TOKEN_AUDIENCE.'],
    ['for other audiences', { aud: ['mail', 'chat2'] }, 'Its claim aud is missing or wrong: see PAGE_TOKEN_AUDIENCE.'],
    [
      'with an object as audience',
      { aud: { chat: true } },
      'Its claim aud is missing or wrong: see PAGE_TOKEN_AUDIENCE.',
    ],
  ])('is refused %s', async (_how, claims, detail) => {
    expect(await refusal(signed({ ...good, ...claims }))).toBe(detail)
  })

  test.each(['HS384', 'HS512'])('is rejected with a valid signature by %s', async alg => {
    const long = keyOf('a-secret-of-the-portal-with-32-bytes'.repeat(2))
    const token = await new SignJWT(good).setProtectedHeader({ alg }).sign(long)
    expect(await refusal(token, tokens({ secrets: { file: '', secrets: [long] } }))).toBe(unsigned)
  })

  test('may be used 30 seconds early or late', async () => {
    for (const claims of [
      { exp: seconds - 29 },
      { exp: seconds + 3630 },
      { nbf: seconds + 29 },
      { aud: ['x', 'chat'] },
    ])
      expect((await tokens()(signed({ ...good, ...claims }))).jid).toBe('alice@example.org')
  })

  test('may have deeply nested claims', async () => {
    const depth = 2_800
    const content = `${base64(hs256)}.${Buffer.from(`{"sub":"alice","aud":"chat","exp":${seconds + 9},"x":${'['.repeat(depth)}${']'.repeat(depth)}}`).toString('base64url')}`
    const token = `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
    expect((await tokens()(token)).jid).toBe('alice@example.org')
  })

  test('must have the right issuer if one is set', async () => {
    const verify = tokens({ issuer: 'https://id.example' })
    expect((await verify(signed({ ...good, iss: 'https://id.example' }))).jid).toBe('alice@example.org')
    for (const iss of [undefined, 'https://id.example/', ['https://id.example']])
      expect(await refusal(signed({ ...good, iss }), verify)).toBe(
        'Its claim iss is missing or wrong: see PAGE_TOKEN_ISSUER.',
      )
  })

  test('must have the claim credential if that logs in', async () => {
    for (const credential of [undefined, '', 7, ['x']])
      expect(await refusal(signed({ ...good, credential }), tokens({ login: 'credential' }))).toBe(
        'It has no text in the claim credential.',
      )
  })
})

describe('the JID from a page token', () => {
  const jidOf = async (sub: unknown, jid = '{sub}@example.org') =>
    (await tokens({ jid: template(jid) })(signed({ ...good, sub }))).jid

  test.each([
    ['alice', 'alice@example.org'],
    ['alice.smith', 'alice.smith@example.org'],
    ['alice@evil.example', 'alice\\40evil.example@example.org'],
    ['alice/desk', 'alice\\2fdesk@example.org'],
    ['a b"c&d\'e:f<g>h', 'a\\20b\\22c\\26d\\27e\\3af\\3cg\\3eh@example.org'],
    ['a\\40b', 'a\\5c40b@example.org'],
    ['a\\b', 'a\\b@example.org'],
    ['jörg', 'jörg@example.org'],
  ])('is made of %s', async (sub, jid) => {
    expect(await jidOf(sub)).toBe(jid)
  })

  test('is the claim itself if the template is only the claim', async () => {
    expect(await jidOf('alice@example.net', '{sub}')).toBe('alice@example.net')
    expect(await refusal(signed({ ...good, sub: 'a@b.example/c' }), tokens({ jid: template('{sub}') }))).toContain(
      'JID',
    )
  })

  test('may have text around the claim', async () => {
    expect(await jidOf('7', 'user-{sub}.x@example.org')).toBe('user-7.x@example.org')
  })

  test.each([
    [[]],
    [['alice']],
    [{ toString: 'alice' }],
    [7],
    [null],
    [undefined],
    [''],
    [' alice'],
    ['x'.repeat(1024)],
    ['ａlice'],
    ['\u212aate'],
    ['a\u0000b'],
    ['\ud800'],
    ['@'.repeat(400)],
  ])('is rejected if the claim is %j', async sub => {
    expect(await refusal(signed({ ...good, sub }))).toMatch(/PAGE_TOKEN_JID/)
  })

  test('is refused if the claim has capital letters, unless the settings say that names ignore case', async () => {
    const token = signed({ ...good, sub: 'Alice' })
    expect(await refusal(token)).toMatch(/capital letters.*PAGE_TOKEN_IGNORE_CASE/)
    expect(await refusal(signed({ ...good, sub: 'Alice@example.org' }), tokens({ jid: template('{sub}') }))).toMatch(
      /capital/,
    )
    expect((await tokens({ ignoreCase: true })(token)).jid).toBe('alice@example.org')
    expect((await tokens({ ignoreCase: true })(signed({ ...good, sub: '\u00dcnal' }))).jid).toBe(
      '\u00fcnal@example.org',
    )
    expect((await tokens({ jid: template('{sub}') })(signed({ ...good, sub: 'alice@Example.org' }))).jid).toBe(
      'alice@example.org',
    )
  })

  test('is different for each claim, except for upper and lower case', () => {
    const random = new Random(31)
    const pieces = [
      ...'aBb\\@/ :\'"<>&.0ßſİıéΣςσ',
      '20',
      '40',
      '5c',
      '5C',
      '2f',
      'e\u0301',
      '\u212a',
      'ﬁ',
      '\u00ad',
      'ａ',
      '😀',
    ]
    const claims = new Map<string, string>()
    for (let count = 0; count < 20_000; count++) {
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
    expect(claims.size).toBeGreaterThan(2_000)
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
  const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid })
  const set = (...keys: object[]) => JSON.stringify({ keys })
  const whole = set(jwk(rsa.publicKey, 'rsa'), jwk(ec.publicKey, 'ec'), jwk(ed.publicKey, 'ed'))
  const issued = { ...good, iss: 'https://id.example' }
  const byKeys = { secrets: undefined, issuer: issued.iss }
  const sign = (alg: string, key: KeyObject, kid?: string, claims: object = issued) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key)
  const inFile = () => tokens({ ...byKeys, keys: { file: '', ...readKeySet(whole)! } })

  const [ec384, ec521] = ['P-384', 'P-521'].map(namedCurve => generateKeyPairSync('ec', { namedCurve }))
  const curves = set(jwk(ec384!.publicKey, '384'), jwk(ec521!.publicKey, '521'), jwk(ec.publicKey, 'ec'))

  test.each([
    ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const).map(
      alg => [alg, rsa.privateKey, 'rsa'] as const,
    ),
    ['ES256', ec.privateKey, 'ec'],
    ['EdDSA', ed.privateKey, 'ed'],
    ['Ed25519', ed.privateKey, 'ed'],
  ] as const)('is accepted with %s', async (alg, key, kid) => {
    expect((await inFile()(await sign(alg, key, kid))).jid).toBe('alice@example.org')
  })

  test.each([
    ['ES384', ec384!.privateKey],
    ['ES512', ec521!.privateKey],
  ] as const)('is accepted with %s', async (alg, key) => {
    const verify = tokens({ ...byKeys, keys: { file: '', ...readKeySet(curves)! } })
    expect((await verify(await sign(alg, key))).jid).toBe('alice@example.org')
  })

  test('without kid is tried with each key that fits, also with a replaced key of the same kid', async () => {
    const second = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const third = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const verify = tokens({
      ...byKeys,
      keys: { file: '', ...readKeySet(set(jwk(rsa.publicKey, 'a'), jwk(second.publicKey, 'b')))! },
    })
    for (const { privateKey } of [rsa, second])
      expect((await verify(await sign('RS256', privateKey))).jid).toBe('alice@example.org')
    expect(await refusal(await sign('RS256', third.privateKey), verify)).toBe(withoutKey)
    const expired = await sign('RS256', second.privateKey, undefined, { ...issued, exp: seconds - 60 })
    expect(await refusal(expired, verify)).toBe('It has expired.')
    const clock = new FakeClock()
    let published = set(jwk(rsa.publicKey, 'same'))
    let fetches = 0
    const fetch = async () => {
      fetches += 1
      return published
    }
    const fetched = tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, clock, fetch })
    expect((await fetched(await sign('RS256', rsa.privateKey, 'same'))).jid).toBe('alice@example.org')
    published = set(jwk(second.publicKey, 'same'))
    expect(await refusal(await sign('RS256', second.privateKey, 'same'), fetched)).toBe(withoutKey)
    clock.advance(30_000)
    expect((await fetched(await sign('RS256', second.privateKey, 'same'))).jid).toBe('alice@example.org')
    // Strangers cause at most one fetch in 30 s.
    for (let call = 0; call < 5; call++) await refusal(await sign('RS256', third.privateKey, 'same'), fetched)
    expect(fetches).toBe(2)
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
        expect(await refusal(signedWith({ alg: 'HS256', kid }, issued, key), inFile())).toBe(withoutKey)
  })

  test('is refused with another algorithm, key or kid', async () => {
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const own = jwk(mine.publicKey, 'mine')
    const header = { alg: 'ES256', jwk: own, jku: 'https://evil.example/keys', x5u: 'https://evil.example/x' }
    for (const token of [
      signedWith({ alg: 'HS256', kid: 'rsa' }, issued, rsa.publicKey.export({ format: 'pem', type: 'spki' })),
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
    expect((await tokens({ jid: template('{email}') })(signed({ ...good, email: 'a@b.example' }))).jid).toBe(
      'a@b.example',
    )
  })

  test('is refused from another issuer', async () => {
    const token = await sign('ES256', ec.privateKey, 'ec', { ...issued, iss: 'https://evil.example' })
    expect(await refusal(token, inFile())).toBe('Its claim iss is missing or wrong: see PAGE_TOKEN_ISSUER.')
  })

  test('is checked with keys that are fetched once, and again later for a new kid', async () => {
    const clock = new FakeClock()
    let answer = set(jwk(rsa.publicKey, 'rsa'))
    let fetched = 0
    const fetch = async () => {
      fetched += 1
      return answer
    }
    const verify = tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, clock })
    const old = await sign('RS256', rsa.privateKey, 'rsa')
    const token = await sign('ES256', ec.privateKey, 'ec')
    await Promise.all([verify(old), verify(old), verify(old)])
    expect(fetched).toBe(1)
    answer = whole
    // Unknown keys cause a fetch every 30 seconds at most.
    for (let tries = 0; tries < 5; tries++) expect(await refusal(token, verify)).toBe(withoutKey)
    expect(fetched).toBe(1)
    clock.advance(30_000)
    await verify(token)
    expect(fetched).toBe(2)
    clock.advance(610_000)
    await verify(token)
    expect(fetched).toBe(3)
  })

  test('is checked with the previous keys for an hour if new keys cannot be fetched', async () => {
    const clock = new FakeClock()
    let answer = whole
    let fetched = 0
    const fetch = async () => {
      fetched += 1
      if (answer === '') throw new Error('unreachable')
      return answer
    }
    const verify = tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, clock })
    const token = await sign('EdDSA', ed.privateKey, 'ed')
    await verify(token)
    answer = ''
    clock.advance(3_600_000)
    await verify(token)
    clock.advance(1)
    await expect(verify(token)).rejects.toMatchObject({ code: 'keys-unavailable', retryAfterSeconds: 5 })
    expect(fetched).toBe(2)
    // Without usable keys, the pause between fetches is 5 s.
    clock.advance(4_998)
    await expect(verify(token)).rejects.toMatchObject({ code: 'keys-unavailable', retryAfterSeconds: 1 })
    expect(fetched).toBe(2)
    clock.advance(1)
    answer = '{"keys":[]}'
    await expect(verify(token)).rejects.toMatchObject({ code: 'keys-unavailable' })
    clock.advance(5_000)
    answer = whole
    expect((await verify(token)).jid).toBe('alice@example.org')
    expect(fetched).toBe(4)
  })

  test('causes one fetch in 30 seconds, even if many tokens have unknown keys', async () => {
    const clock = new FakeClock()
    const mine = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    let fetched = 0
    const fetch = async () => {
      fetched += 1
      return whole
    }
    const verify = tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, clock })
    const strange = await Promise.all(Array.from({ length: 50 }, (_, kid) => sign('ES256', mine.privateKey, `k${kid}`)))
    for (let round = 1; round <= 3; round++) {
      const refusals = await Promise.all(strange.map(token => refusal(token, verify)))
      expect(new Set(refusals)).toEqual(new Set([withoutKey]))
      expect(fetched).toBe(round)
      clock.advance(30_000)
    }
  })

  test.each([
    ['no JSON', 'alice'],
    ['too many keys', set(...Array.from({ length: 101 }, () => jwk(ec.publicKey, 'ec')))],
    ['lists in lists', `{"keys":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
    ['a private key', set(jwk(ec.privateKey, 'ec'))],
    ['a symmetric key', set({ kty: 'oct', k: 'AAAA', kid: 'ec' })],
    ['a key type named like an inherited property', '{"keys":[{"__proto__":{"kty":"EC"}}]}'],
  ])('is not checked with a JWKS that has %s', async (_what, text) => {
    const verify = tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch: async () => text })
    await expect(verify(await sign('ES256', ec.privateKey, 'ec'))).rejects.toMatchObject({ code: 'keys-unavailable' })
  })

  test('does not wait for a slow JWKS server while there are usable keys', async () => {
    const clock = new FakeClock()
    const answers: ((text: string) => void)[] = []
    const fetch = () => new Promise<string>(resolve => answers.push(resolve))
    const verify = tokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, clock })
    const token = await sign('ES256', ec.privateKey, 'ec')
    const first = verify(token)
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
    const { userOf, reload } = pageTokens({ ...byKeys, keys: { url: 'https://id.example/keys' }, fetch, lines })
    const token = await sign('ES256', ec.privateKey, 'ec')
    await userOf(token)
    answer = 'damaged'
    await reload()
    await userOf(token)
    expect(lines).toEqual([])
    answer = set(jwk(rsa.publicKey, 'rsa'))
    await reload()
    expect(await refusal(token, userOf)).toBe(withoutKey)
    expect(lines).toEqual([['keys for page tokens reloaded']])
  })
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
  ])(
    'replaces the keys of %s on reload, or none if it is invalid',
    async (setting, pages, text, before, after, bad) => {
      const lines: unknown[] = []
      const { userOf, reload } = pageTokens({ secrets: { file, secrets: [keyOf(secret)] }, ...pages, lines })
      for (const faulty of [bad, '']) {
        write(faulty)
        await reload()
      }
      rmSync(file)
      await reload()
      expect((await userOf(await before)).jid).toBe('alice@example.org')
      expect(await refusal(await after, userOf)).toBe('secrets' in pages ? withoutKey : unsigned)
      const told = [expect.objectContaining({ problems: [expect.stringMatching(`^${setting} names a file `)] })]
      expect(lines.splice(0)).toEqual(Array(3).fill([...told, expect.stringContaining('the previous keys stay')]))

      write(text)
      await reload()
      expect((await userOf(await after)).jid).toBe('alice@example.org')
      expect(await refusal(await before, userOf)).toBe('secrets' in pages ? withoutKey : unsigned)
      expect(lines).toEqual([[{ file }, 'keys for page tokens reloaded']])
    },
  )
})
