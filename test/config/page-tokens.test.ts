import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { problemsOf } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

const secrets = file(
  'secrets',
  '# of the portal\na-secret-of-the-portal-with-32-bytes\n\nanother-secret-of-the-portal-32-bytes\n',
)
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const set = (...keys: (object | null)[]) => JSON.stringify({ keys })
const publicJwk = publicKey.export({ format: 'jwk' })

const symmetric = set({ kty: 'oct', k: 'AAAA' })

const usual = {
  ADMIN_USERS: 'portal:a-secret',
  XMPP_DOMAINS: 'example.org',
  XMPP_SERVICE_ACCOUNTS: 'example.org=bot:a-password',
  PAGE_ORIGINS: 'https://www.example.org, https://example.org',
  PAGE_TOKEN_SECRET_FILE: secrets,
  PAGE_TOKEN_AUDIENCE: 'chat',
  PAGE_TOKEN_JID: '{sub}@example.org',
}

const problems = (changes: Record<string, string>) => problemsOf(() => loadConfig({ ...usual, ...changes }))

const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const bothPem = publicPem + privateKey.export({ type: 'pkcs8', format: 'pem' })

const noPages = { PAGE_ORIGINS: '', PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_AUDIENCE: '', PAGE_TOKEN_JID: '' }
const aPem = file('public.pem', publicPem)
const byIssuer = { PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_JWKS: '', PAGE_TOKEN_ISSUER: 'https://id.example' }
const byKeys = { PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_ISSUER: 'https://id.example' }

describe('the settings for page tokens', () => {
  test('cause a warning without PAGE_ORIGINS', () => {
    const ofPages = Object.entries(usual).filter(([name]) => name.startsWith('PAGE_TOKEN_'))
    for (const [name, value] of [...ofPages, ['PAGE_GUESTS', 'example.org'] as const])
      expect(loadConfig({ ...usual, ...noPages, PAGE_ORIGINS: undefined, [name]: value }).warnings).toContain(
        `${name} has no effect without PAGE_ORIGINS: also name the origins of your pages.`,
      )
    // An empty PAGE_ORIGINS is intended, as in deploy/compose.yaml.
    for (const meant of [noPages, { PAGE_ORIGINS: '' }])
      expect(loadConfig({ ...usual, ...meant }).warnings).toEqual(loadConfig(usual).warnings)
  })

  test('cause a warning if the domains of PAGE_ADMIN exclude theirs', () => {
    const admins = file('admins', 'other:a-long-secret:example.net\nown:a-long-secret:example.org *.example.net\n')
    const warningsOf = (PAGE_ADMIN: string, more = {}) =>
      loadConfig({ ...usual, ADMIN_USERS_FILE: admins, PAGE_ADMIN, ...more }).warnings.filter(text =>
        text.startsWith('PAGE_ADMIN'),
      )
    const told = (domain: string, setting: string) =>
      `PAGE_ADMIN is an account without the domain ${domain} of ${setting}: calls of its pages get 403 forbidden.`
    expect(warningsOf('other')).toEqual([told('example.org', 'PAGE_TOKEN_JID')])
    expect(warningsOf('other', { PAGE_GUESTS: 'example.org' })).toEqual([
      told('example.org', 'PAGE_TOKEN_JID'),
      told('example.org', 'PAGE_GUESTS'),
    ])
    expect(warningsOf('own')).toEqual([])
    expect(warningsOf('other', { PAGE_ORIGINS: '' })).toEqual([])
    expect(warningsOf('other', { PAGE_TOKEN_JID: '{sub}' })).toEqual([])
  })

  test('may name public keys in a file or at a URL', () => {
    const keys = file(
      'keys.json',
      set(publicJwk, { kty: 'oct', k: 'AAAA' }, privateKey.export({ format: 'jwk' }), null),
    )
    expect(loadConfig({ ...usual, ...byKeys, PAGE_TOKEN_JWKS: keys }).config.pages.keys).toEqual({
      file: keys,
      keys: [publicJwk],
    })
    for (const url of ['https://id.example/keys', 'http://127.0.0.1:8080/keys'])
      expect(loadConfig({ ...usual, ...byKeys, PAGE_TOKEN_JWKS: url }).config.pages.keys).toEqual({ url })
  })

  test('may name public keys in a PEM file, without an issuer', () => {
    const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pkcs1 = rsa.export({ type: 'pkcs1', format: 'pem' }).toString()
    const keys = file('keys.pem', `# of the portal\n${publicPem}\n${pkcs1}`)
    expect(loadConfig({ ...usual, PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_JWKS: keys }).config.pages.keys).toEqual({
      file: keys,
      isPem: true,
      keys: [publicJwk, rsa.export({ format: 'jwk' })],
    })
  })

  test('may be lists, and name claims', () => {
    const { pages } = loadConfig({
      ...usual,
      PAGE_TOKEN_AUDIENCE: 'chat, https://chat.example/api,chat',
      PAGE_TOKEN_ISSUER: 'https://id.example/, b',
      PAGE_TOKEN_CLAIMS: 'client_id=a%2Cb, client_id=c,email_verified=true,urn:x=y=z',
      PAGE_TOKEN_JID: 'u-{hex(sub)}@example.org',
      PAGE_TOKEN_VISIT: 'jti',
    }).config
    expect(pages.secrets).toMatchObject({ file: secrets, secrets: [expect.anything(), expect.anything()] })
    expect(pages).toMatchObject({
      ...{ origins: ['https://www.example.org', 'https://example.org'], login: 'service' },
      audiences: ['chat', 'https://chat.example/api'],
      issuers: ['https://id.example/', 'b'],
      jid: { claim: 'sub', isHex: true, before: 'u-', domain: 'example.org' },
      visit: 'jti',
    })
    expect([...pages.claims]).toEqual([
      ['client_id', ['a,b', 'c']],
      ['email_verified', ['true']],
      ['urn:x', ['y=z']],
    ])
  })

  test.each<[string, Record<string, string>]>([
    ['client_id, for keys of an issuer', { PAGE_TOKEN_CLAIMS: 'client_id=a', ...byIssuer }],
    ['azp, for keys of an issuer', { PAGE_TOKEN_CLAIMS: 'azp=https://www.example.org', ...byIssuer }],
    ['any claim, for a secret', { PAGE_TOKEN_CLAIMS: 'token_type=access' }],
    ['any claim, for a PEM file', { PAGE_TOKEN_CLAIMS: 'a=b', PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_JWKS: aPem }],
  ])('need no audience with %s', (_what, changes) => {
    expect(problems({ PAGE_TOKEN_AUDIENCE: '', ...changes })).toEqual([])
  })

  test.each([
    ['{name}@example.org', byKeys, true],
    ['{hex(name)}@example.org', byIssuer, true],
    ['{nickname}@example.org', byKeys, true],
    ['{sub}@example.org', byKeys, false],
    ['{preferred_username}@example.org', byKeys, false],
    ['{name}@example.org', { PAGE_TOKEN_JWKS: '' }, false],
  ])('cause a warning for a claim that users can edit: %s', (jid, keys, isWarned) => {
    const set = { ...usual, PAGE_TOKEN_JWKS: 'https://id.example/keys', ...keys, PAGE_TOKEN_JID: jid }
    const warned = loadConfig(set).warnings.filter(warning => warning.includes('PAGE_TOKEN_JID'))
    expect(warned).toEqual(isWarned ? [expect.stringContaining('can edit this claim')] : [])
  })

  test.each<[string, Record<string, string>]>([
    ['PAGE_TOKEN_SECRET_FILE is required for PAGE_ORIGINS, or PAGE_TOKEN_JWKS', { PAGE_TOKEN_SECRET_FILE: '' }],
    ['PAGE_TOKEN_AUDIENCE is required', { PAGE_TOKEN_AUDIENCE: '' }],
    ['PAGE_TOKEN_AUDIENCE is required', { PAGE_TOKEN_AUDIENCE: '', ...byIssuer, PAGE_TOKEN_CLAIMS: 'token_use=a' }],
    ['PAGE_TOKEN_AUDIENCE must have a name', { PAGE_TOKEN_AUDIENCE: ',' }],
    ['PAGE_TOKEN_ISSUER must be an https URL', { ...byIssuer, PAGE_TOKEN_ISSUER: 'https://id.example,portal' }],
    ['PAGE_TOKEN_ISSUER must be an https URL', { ...byIssuer, PAGE_TOKEN_ISSUER: 'http://id.example' }],
    ['PAGE_TOKEN_CLAIMS must be like', { PAGE_TOKEN_CLAIMS: 'token_use' }],
    ['PAGE_TOKEN_JID has no @', { PAGE_TOKEN_JID: '{hex(sub)}' }],
    ['PAGE_TOKEN_JWKS names a PEM file that has not', { ...byKeys, PAGE_TOKEN_JWKS: file('both.pem', bothPem) }],
    ['PAGE_TOKEN_JWKS names a PEM file that has not', { ...byKeys, PAGE_TOKEN_JWKS: file('odd', '-----BEGIN X-----') }],
    ['PAGE_TOKEN_JID is required', { PAGE_TOKEN_JID: '' }],
    ['PAGE_GUESTS must be a domain that XMPP_DOMAINS allows', { PAGE_GUESTS: 'guests.example.org' }],
    ['PAGE_TOKEN_SECRET_FILE and PAGE_TOKEN_JWKS are both set', { PAGE_TOKEN_JWKS: aPem }],
    ['PAGE_TOKEN_ISSUER is required', { PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_JWKS: 'https://id.example/k' }],
    ['PAGE_TOKEN_JID must have a domain', { PAGE_TOKEN_JID: '{sub}@example.net', PAGE_TOKEN_LOGIN: 'token' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: 'alice@example.org' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: '{sub}@example.org/desk' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: '{sub}@{tenant}' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: 'A-{sub}@example.org' }],
    ['PAGE_ADMIN must be an account', { PAGE_ADMIN: 'nobody' }],
    ['PAGE_TOKEN_LOGIN=credential needs', { PAGE_TOKEN_LOGIN: 'credential', PAGE_ADMIN: 'portal' }],
    ['PAGE_TOKEN_LOGIN=service needs', { XMPP_SERVICE_ACCOUNTS: '' }],
    ['PAGE_ORIGINS has "*"', { PAGE_ORIGINS: '*' }],
    ['PAGE_PATH and WARM_PATH must differ', { PAGE_PATH: '/warm/connect' }],
    ['PAGE_PATH must lie outside', { PAGE_PATH: '/assets/connect' }],
    ['PAGE_PATH must not have $host', { PAGE_PATH: '/$host/connect' }],
    ['HTTP_HOSTS for a.example has a path that is PAGE_PATH', { HTTP_HOSTS: 'a.example=example.org?bosh=/connect' }],
    ['PAGE_TOKEN_JWKS must be an https URL', { ...byKeys, PAGE_TOKEN_JWKS: 'http://id.example/keys' }],
    ['PAGE_TOKEN_JWKS must be an https URL', { ...byKeys, PAGE_TOKEN_JWKS: 'https://a:b@id.example/' }],
    ['PAGE_TOKEN_JWKS names a file that cannot be read', { ...byKeys, PAGE_TOKEN_JWKS: '/nowhere' }],
    [
      'PAGE_TOKEN_JWKS names a file that is not a JWK set',
      { ...byKeys, PAGE_TOKEN_JWKS: file('symmetric', symmetric) },
    ],
  ])('are rejected with «%s …»', (problem, changes) => {
    expect(problems(changes)).toEqual([expect.stringContaining(problem)])
  })

  const line = 'a-secret-of-the-portal-with-32-bytes\n'
  test.each([
    ['short', `${line}31-bytes-are-too-short-a-secret\n`, ['line 2']],
    ['empty', '# none\n', ['without a secret']],
    ['too many', line.repeat(11), ['more than 10']],
    ['ten', line.repeat(10), []],
  ])('have one to ten secrets in a file, which is not quoted: %s', (name, content, found) => {
    const told = problems({ PAGE_TOKEN_SECRET_FILE: file(name, content) })
    expect(told).toEqual(found.map(problem => expect.stringContaining(problem)))
    expect(told.join()).not.toMatch(/a-secret-of|31-bytes/)
  })
})

describe('PAGE_GUESTS', () => {
  const guests = { ...noPages, PAGE_ORIGINS: usual.PAGE_ORIGINS, PAGE_GUESTS: 'guests.example.org' }
  const XMPP_DOMAINS = 'example.org,guests.example.org'

  test('needs no settings for tokens, but all of them if one is set', () => {
    expect(loadConfig({ ...usual, ...guests, XMPP_DOMAINS }).config.pages.guests).toBe('guests.example.org')
    expect(problems({ XMPP_DOMAINS, PAGE_GUESTS: 'guests.example.org' })).toEqual([])
    expect(problems({ ...guests, XMPP_DOMAINS, PAGE_TOKEN_AUDIENCE: 'chat' })).toEqual([
      expect.stringContaining('PAGE_TOKEN_SECRET_FILE is required'),
      expect.stringContaining('PAGE_TOKEN_JID is required'),
    ])
  })
})
