import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadConfig } from '../../src/config/load.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

const secrets = file(
  'secrets',
  '# of the portal\na-secret-of-the-portal-with-32-bytes\n\nanother-secret-of-the-portal-32-bytes\n',
)
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const set = (...keys: (object | null)[]) => JSON.stringify({ keys })
const publicJwk = publicKey.export({ format: 'jwk' })

const usual = {
  ADMIN_USERS: 'portal:a-secret',
  XMPP_DOMAINS: 'example.org',
  XMPP_SERVICE_ACCOUNTS: 'example.org=bot:a-password',
  PAGE_ORIGINS: 'https://www.example.org, https://example.org',
  PAGE_TOKEN_SECRET_FILE: secrets,
  PAGE_TOKEN_AUDIENCE: 'chat',
  PAGE_TOKEN_JID: '{sub}@example.org',
}

function problems(changes: Record<string, string>): readonly string[] {
  try {
    loadConfig({ ...usual, ...changes })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

const noPages = { PAGE_ORIGINS: '', PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_AUDIENCE: '', PAGE_TOKEN_JID: '' }

const byKeys = { PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_ISSUER: 'https://id.example' }

describe('the settings for page tokens', () => {
  test('are parsed', () => {
    const { pages } = loadConfig(usual).config
    expect(pages).toMatchObject({
      origins: ['https://www.example.org', 'https://example.org'],
      audience: 'chat',
      login: 'service',
      jid: { claim: 'sub', domain: 'example.org' },
    })
    expect(pages.secrets).toMatchObject({ file: secrets, secrets: [expect.anything(), expect.anything()] })
  })

  test('cause a warning without PAGE_ORIGINS', () => {
    for (const [name, value] of Object.entries(usual).filter(([name]) => name.startsWith('PAGE_TOKEN_')))
      expect(loadConfig({ ...usual, ...noPages, PAGE_ORIGINS: undefined, [name]: value }).warnings).toContain(
        `${name} has no effect without PAGE_ORIGINS: also name the origins of your pages.`,
      )
    // An empty PAGE_ORIGINS is intended, as in deploy/compose.yaml.
    for (const meant of [noPages, { PAGE_ORIGINS: '' }])
      expect(loadConfig({ ...usual, ...meant }).warnings).toEqual(loadConfig(usual).warnings)
  })

  test('are not required without PAGE_ORIGINS', () => {
    const { pages } = loadConfig({ ADMIN_USERS: 'portal:a-secret', XMPP_DOMAINS: 'example.org' }).config
    expect(pages.origins).toEqual([])
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

  test.each([
    ['{name}@example.org', byKeys, true],
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
    ['PAGE_TOKEN_JID is required', { PAGE_TOKEN_JID: '' }],
    [
      'PAGE_TOKEN_SECRET_FILE and PAGE_TOKEN_JWKS are both set',
      { ...byKeys, PAGE_TOKEN_SECRET_FILE: secrets, PAGE_TOKEN_JWKS: 'https://id.example/k' },
    ],
    ['PAGE_TOKEN_ISSUER is required', { PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_JWKS: 'https://id.example/k' }],
    ['PAGE_TOKEN_JID must have a domain', { PAGE_TOKEN_JID: '{sub}@example.net', PAGE_TOKEN_LOGIN: 'token' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: 'alice@example.org' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: '{a}{b}@example.org' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: '{sub}@example.org/desk' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: '{sub}@{tenant}' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: 'A-{sub}@example.org' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: 'al ice{sub}@a' }],
    ['PAGE_TOKEN_JID must be like', { PAGE_TOKEN_JID: '{sub}@a,b' }],
    ['PAGE_TOKEN_JID has no @', { PAGE_TOKEN_JID: 'x{sub}' }],
    ['PAGE_ADMIN must be an account', { PAGE_ADMIN: 'nobody' }],
    ['PAGE_TOKEN_LOGIN=credential needs', { PAGE_TOKEN_LOGIN: 'credential', PAGE_ADMIN: 'portal' }],
    ['PAGE_TOKEN_LOGIN=service needs', { XMPP_SERVICE_ACCOUNTS: '' }],
    ['PAGE_ORIGINS has "*"', { PAGE_ORIGINS: '*' }],
    ['PAGE_ORIGINS has "https://a.example/chat"', { PAGE_ORIGINS: 'https://a.example/chat' }],
    ['PAGE_PATH and WARM_PATH must differ', { PAGE_PATH: '/warm/connect' }],
    ['PAGE_PATH must lie outside', { PAGE_PATH: '/assets/connect' }],
    ['PAGE_PATH must not have $host', { PAGE_PATH: '/$host/connect' }],
    [
      'HTTP_HOSTS for chat.example.org has a path that is PAGE_PATH',
      { HTTP_HOSTS: 'chat.example.org=example.org?bosh=/connect' },
    ],
    ['PAGE_TOKEN_JWKS must be an https URL', { ...byKeys, PAGE_TOKEN_JWKS: 'http://id.example/keys' }],
    ['PAGE_TOKEN_JWKS must be an https URL', { ...byKeys, PAGE_TOKEN_JWKS: 'https://a:b@id.example/' }],
    ['PAGE_TOKEN_JWKS names a file that cannot be read', { ...byKeys, PAGE_TOKEN_JWKS: '/nowhere' }],
  ])('are rejected with «%s …»', (problem, changes) => {
    expect(problems(changes)).toEqual([expect.stringContaining(problem)])
  })

  test.each([
    ['short', 'a-secret-of-the-portal-with-32-bytes\n31-bytes-are-too-short-a-secret\n', 'line 2'],
    ['empty', '# none\n', 'without a secret'],
    ['too many', 'a-secret-of-the-portal-with-32-bytes\n'.repeat(11), 'more than 10'],
  ])('reject a file of secrets (%s), without quoting it', (name, content, problem) => {
    const told = problems({ PAGE_TOKEN_SECRET_FILE: file(name, content) })
    expect(told).toEqual([expect.stringContaining(problem)])
    expect(told.join()).not.toMatch(/a-secret-of|31-bytes/)
  })

  test.each([
    ['text', 'no JSON'],
    ['null', 'null'],
    ['list', '[]'],
    ['symmetric', set({ kty: 'oct', k: 'AAAA' })],
    ['private', set(privateKey.export({ format: 'jwk' }))],
    ['crowded', set(...Array.from({ length: 101 }, () => publicJwk))],
  ])('reject a JWKS file (%s)', (name, content) => {
    const told = problems({ ...byKeys, PAGE_TOKEN_JWKS: file(name, content) })
    expect(told).toEqual(['PAGE_TOKEN_JWKS names a file that is not a JWK set with public keys'])
  })
})
