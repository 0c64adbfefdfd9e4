// `warm-bindings token`: what it prints about a page token, and that it prints no token.
// Runs in npm run test:all only: ten seconds.

import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { Listener } from '../support/listener.js'
import { Operator } from '../support/operated-service.js'
import { pageSecret, pageToken } from '../support/page-token.js'

const operator = Operator.ofEachTest()

beforeEach(() => operator.write('secrets', `${pageSecret}\n`))

const usual = {
  WARM_ENABLED: 'off',
  XMPP_DOMAINS: 'chat.example',
  XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal',
  PAGE_ORIGINS: 'https://portal.example',
  PAGE_TOKEN_SECRET_FILE: 'secrets',
  PAGE_TOKEN_AUDIENCE: 'chat',
  PAGE_TOKEN_JID: '{sub}@chat.example',
}

async function tryToken(token: string, more: Record<string, string> = {}, before = '', after = '') {
  const command = operator.startWithInput(`${before}${token}${after}\n`, { ...usual, ...more }, 'token')
  const exit = await command.exit
  const { stdout, stderr } = command
  for (const part of token.split('.')) expect(stdout + stderr).not.toContain(part || token)
  expect(stdout + stderr).not.toMatch(/Pa55|^\s+at /m)
  return { exit, stdout, stderr }
}

test.each([
  ['', ''],
  ['Bearer ', ''],
  ['Authorization: Bearer ', '\r'],
  ['"Authorization: Bearer ', '"'],
  ['  "Authorization": "Bearer ', '",'],
  ["curl -H 'Authorization: Bearer ", "' https://chat.example/connect \\"],
])('prints the user and the visit of a token after %j and before %j', async (before, after) => {
  const token = pageToken({ visit: 'v1', credential: 'secret-claim' })
  const { exit, stdout, stderr } = await tryToken(token, {}, before, after)
  expect([exit, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^The token is accepted\.\n {2}JID: alice@chat\.example\n {2}visit: v1\nIt says:\n/)
  for (const line of ['alg: "HS256"', 'iss: none', 'aud: "chat"', 'sub: "alice"', 'visit: "v1"'])
    expect(stdout).toContain(`\n  ${line}\n`)
  expect(stdout).toMatch(/\n {2}exp: "2\d{3}-.*Z"\n$/)
  expect(stdout).not.toContain('secret-claim')
})

test('prints the name for the vCard of a new account, or that there is none', async () => {
  const settings = {
    PAGE_TOKEN_NAME: '{name}',
    XMPP_CREATE_ACCOUNTS: 'chat.example=accounts',
    XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:secret',
  }
  const named = await tryToken(pageToken({ visit: 'v1', name: 'Alice \u0007 Liddell' }), settings)
  expect(named.stdout).toMatch(/\n {2}visit: v1\n {2}name: Alice Liddell\nIt says:\n/)
  const nameless = await tryToken(pageToken({ visit: 'v1', 'https://example.org/name': 'Alice' }), settings)
  expect(nameless.stdout).toContain('\n  name: none: it has no text in the claims of PAGE_TOKEN_NAME\n')
})

test.each<[string, string, Record<string, string>, RegExp]>([
  [
    'of another app',
    pageToken({ aud: 'a\u001b[2Jb c' }),
    {},
    /see PAGE_TOKEN_AUDIENCE.*\n {2}aud: "a\\u001b\[2Jb\?c"\n/s,
  ],
  ['with another claim', pageToken({}), { PAGE_TOKEN_CLAIMS: 'scp=chat' }, /see PAGE_TOKEN_CLAIMS.*\n {2}scp: none\n/s],
  [
    'of the account that makes accounts',
    pageToken({ sub: 'maker' }),
    { XMPP_CREATE_ACCOUNTS: 'chat.example=maker' },
    /XMPP_CREATE_ACCOUNTS/,
  ],
  [
    'of another domain',
    pageToken({ sub: 'a@b.example' }),
    { PAGE_TOKEN_JID: '{sub}' },
    /403 domain-not-allowed.*\nXMPP_DOMAINS does not allow/,
  ],
  ['that is opaque', 'ya29.a0AfH6SMBx', {}, /opaque token.*\nIt has no claims that can be read\.\n$/s],
])('says why a token %s is refused', async (_what, token, more, told) => {
  const { exit, stdout, stderr } = await tryToken(token, more)
  expect([exit, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^The token is refused: 40[13] /)
  expect(stderr).toMatch(told)
})

const ofGuests = {
  PAGE_GUESTS: 'chat.example',
  PAGE_TOKEN_SECRET_FILE: '',
  PAGE_TOKEN_AUDIENCE: '',
  PAGE_TOKEN_JID: '',
}

test.each([
  ['settings without pages', 'x', { PAGE_ORIGINS: '' }, 'PAGE_ORIGINS is not set'],
  [
    'settings for guests only',
    pageToken({}),
    ofGuests,
    'PAGE_TOKEN_JID is not set, so the service accepts no tokens exc',
  ],
  ['the token of a guest', 'guest-AbC_d', {}, 'It is the token of a guest'],
  ['settings that are not valid', 'x', { PAGE_TOKEN_JID: '' }, 'PAGE_TOKEN_JID is required'],
])('says what is missing with %s', async (_what, typed, more, told) => {
  const command = operator.startWithInput(`${typed}\n`, { ...usual, ...more }, 'token')
  expect(await command.exit).toBe(1)
  expect(command.stderr).toContain(told)
  expect(command.stderr).not.toMatch(/^\s+at /m)
})

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
let provider: Listener

beforeAll(async () => {
  const answering = createServer(({ url }, response) => {
    const { url: issuer } = provider
    if (url === '/keys') response.end(JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }))
    else response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }))
  })
  provider = await Listener.start(answering)
})
afterAll(() => provider?.stop())

test('fetches the keys of the issuer, or says why it cannot', async () => {
  const iss = provider.url
  const exp = Math.floor(Date.now() / 1000) + 60
  const claims = { iss, aud: 'chat', sub: 'alice', exp }
  const token = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey)
  const byIssuer = { PAGE_TOKEN_SECRET_FILE: '', PAGE_TOKEN_ISSUER: iss }
  expect((await tryToken(token, byIssuer)).stdout).toContain('JID: alice@chat.example\n')

  const other = { ...byIssuer, PAGE_TOKEN_ISSUER: `${iss}/` }
  const ofOther = await new SignJWT({ ...claims, iss: `${iss}/` }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey)
  const { exit, stderr } = await tryToken(ofOther, other)
  expect(exit).toBe(1)
  expect(stderr).toMatch(/503 keys-unavailable/)
  expect(stderr).toContain(
    `\nthe keys of PAGE_TOKEN_ISSUER cannot be fetched: the document of the issuer names another issuer: ${iss}\n`,
  )
})
