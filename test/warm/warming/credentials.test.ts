import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { Server } from '../../../src/config/config.js'
import { bodyParameters, type ParameterName } from '../../../src/warm/parameters.js'
import { givenIn, parametersIn, readParameters } from '../../../src/warm/read-parameters.js'
import { demandCredentials, readCredentials } from '../../../src/warm/warming/warm-request.js'
import { formatJid } from '../../../src/xmpp/jid/jid.js'
import { problemIn } from '../../support/problem-in.js'

const account = { user: 'portal', password: 'secret-of-portal' }
const anyAccount = { user: 'any', password: 'secret-of-any' }
const certificate = { cert: 'CERT', key: 'KEY' }
const server: Server = {
  ...{ host: 'xmpp.example', port: 5222, tls: 'starttls', allowsPlain: false, ca: undefined, verify: true },
  certificate: undefined,
}
const remote = { url: 'https://xmpp.example/http-bind', allowsPlain: false, ca: undefined, verify: true }

const warm = { attachSeconds: 120, anonymous: false }
const nothing = { serviceAccounts: new Map(), loginKeys: new Map(), servers: new Map(), remotes: new Map(), warm }
const accounts = { ...nothing, serviceAccounts: new Map([['chat.example', account]]) }
const certificates = { ...nothing, servers: new Map([['chat.example', { ...server, certificate }]]) }
const anonymous = { ...nothing, warm: { ...warm, anonymous: true } }

const read = (parameters: object, ways = nothing) =>
  demandCredentials(readCredentials(readParameters('application/json', Buffer.from(JSON.stringify(parameters))), ways))

function outcome(parameters: object, ways = nothing): unknown[] {
  const { jid, credentials } = read(parameters, ways)
  return [formatJid(jid), credentials]
}

const problemOf = (parameters: object, ways = nothing) => problemIn(() => read(parameters, ways)).text

const invalid = (name: ParameterName) => `invalid-parameter | Parameter: ${name}. ${bodyParameters[name].allowed}`
const missing = (name: string) => `missing-parameter | Parameter: ${name}.`
const invalidJid = /^invalid-jid .*(It has no @\. Write it like alice@example\.org|The part before the @ is empty)\.$/
const noLogin = `${missing('password')} Or send token or credential. A jid alone needs XMPP_SERVICE_ACCOUNTS, XMPP_LOGIN_KEYS_FILE or a certificate.`
const empty = (name: string) => `${missing(name)} It is empty. Fill it in, or leave it out where the call needs none.`

const jid = 'Juliet@chat.example/balcony'

test.each([{ password: 'x' }, { token: 'x' }, { authzid: jid }])('a credential cannot be combined with %j', more => {
  expect(problemOf({ jid: 'juliet@chat.example', credential: 'x', ...more })).toBe(invalid('credential'))
})

describe('a token of a warm call', () => {
  test('is sent with OAUTHBEARER unless the call names another mechanism', () => {
    const token = 'eyJ.a-b_c~+/=='
    const credentials = { kind: 'token', token, mechanism: 'OAUTHBEARER' }
    expect(outcome({ jid, token })).toEqual(['juliet@chat.example/balcony', credentials])
    const other = { token: 't', mechanism: 'X-OAUTH2' }
    expect(outcome({ jid, ...other })[1]).toEqual({ kind: 'token', ...other })
  })

  test('may have 8192 characters', () => {
    expect(problemOf({ jid, token: 't'.repeat(8192) })).toBe('none')
    expect(problemOf({ jid, token: 't'.repeat(8193) })).toBe(invalid('token'))
  })

  test.each([
    ['a space', 'a b'],
    ['a line feed at its end', 'a\n'],
    ['the separator of OAUTHBEARER', 'a\u0001b'],
    ['a NUL', 'a\0b'],
    ['a delete', 'a\u007fb'],
    ['a letter outside ASCII', 'é'],
  ])('cannot have or be %s', (_what, token) => {
    expect(problemOf({ jid, token })).toBe(invalid('token'))
  })

  const noNames = ['oauthbearer', 'A'.repeat(21), 'A B', 'A\u0000', 'Ä', 7, null]
  const notForTokens = ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-512-PLUS', 'EXTERNAL', 'ANONYMOUS']

  test.each([...noNames, ...notForTokens])('cannot be sent with the mechanism %j', mechanism => {
    expect(problemOf({ jid, token: 't', mechanism })).toBe(invalid('mechanism'))
  })

  test.each([
    ['a password', { jid, password: 'pw', token: 't' }, invalid('token')],
    ['another user as authzid', { jid, token: 't', authzid: 'romeo@chat.example' }, invalid('authzid')],
    ['the same user as authzid', { jid, token: 't', authzid: 'juliet@chat.example' }, invalid('authzid')],
  ])('cannot be combined with %s', (_what, parameters, problem) => {
    expect(problemOf(parameters)).toBe(problem)
  })

  test('needs a jid, whatever authzid contains', () => {
    expect(problemOf({ token: 't' })).toBe(missing('jid'))
    expect(problemOf({ token: 't', authzid: 'romeo@chat.example' })).toBe(missing('jid'))
    expect(problemOf({ token: 't', jid: 'chat.example' }, anonymous)).toMatch(invalidJid)
  })
})

test.each([
  ['nothing else', {}],
  ['a password', { password: 'pw' }],
  ['a configured account', {}, accounts],
])('a mechanism without a token, and with %s, is rejected', (_what, parameters, ways = nothing) => {
  const problem = `${missing('token')} It is needed with mechanism.`
  expect(problemOf({ jid, mechanism: 'X-OAUTH2', ...parameters }, ways)).toBe(problem)
})

describe('a password with an authzid', () => {
  const portal = { jid: 'Portal@chat.example', password: 'pw' }

  test('opens a session of the authzid, with its resource', () => {
    expect(outcome({ ...portal, authzid: 'Romeo@CHAT.example/orchard' })).toEqual([
      'romeo@chat.example/orchard',
      { kind: 'password', password: 'pw', user: 'portal' },
    ])
    const bare = { jid: 'portal@chat.example/x', authzid: 'romeo@chat.example' }
    expect(outcome({ ...portal, ...bare })[0]).toBe(bare.authzid)
  })

  test('logs in without an authzid if both are the same user', () => {
    expect(outcome({ ...portal, authzid: 'portal@chat.example/desk' })).toEqual([
      'portal@chat.example/desk',
      { kind: 'password', password: 'pw' },
    ])
  })

  test('is used even if the operator has configured an account, as a token is', () => {
    expect(outcome({ ...portal, authzid: 'romeo@chat.example' }, accounts)[1]).toMatchObject({ user: 'portal' })
    expect(outcome({ jid, token: 't' }, accounts)[1]).toMatchObject({ kind: 'token' })
  })

  test.each([
    ['of another domain', 'romeo@other.example'],
    ['that is a domain', 'chat.example'],
    ['that is no JID', '@chat.example'],
    ['with a control character', 'ro\u0000meo@chat.example'],
    ['with an empty resource', 'romeo@chat.example/'],
    ['that is too long', `${'a'.repeat(1024)}@chat.example`],
  ])('is rejected if the authzid is one %s', (_what, authzid) => {
    expect(problemOf({ ...portal, authzid })).toBe(invalid('authzid'))
  })

  test('needs jid and password of the account', () => {
    expect(problemOf({ password: 'pw', authzid: 'romeo@chat.example' })).toBe(missing('jid'))
    const withoutPassword = { jid: portal.jid, authzid: 'romeo@chat.example' }
    expect(problemOf(withoutPassword, accounts)).toBe(`${missing('password')} It is needed with jid and authzid.`)
    expect(problemOf({ jid: 'chat.example', authzid: 'romeo@chat.example' }, anonymous)).toMatch(invalidJid)
  })
})

describe('a warm call without password and token', () => {
  const byAccount = ['juliet@chat.example/balcony', { kind: 'service', account }]

  test('logs in by the domain’s key rather than by the account', () => {
    const key = { alg: 'HS256', key: createSecretKey(randomBytes(32)), kid: undefined }
    const keys = { ...accounts, loginKeys: new Map([['chat.example', key]]) }
    expect(outcome({ jid }, keys)[1]).toEqual({ kind: 'signed', key })
    const both = { ...keys, serviceAccounts: new Map([['*', account]]) }
    expect(outcome({ jid: 'juliet@other.example' }, both)[1]).toEqual({ kind: 'service', account })
  })

  test('may have empty fields in the admin form', () => {
    const sent = `jid=${jid}&password=&token=&mechanism=&authzid=`
    const read = parametersIn(givenIn(undefined, Buffer.from(sent)), true)
    const { jid: user, credentials } = demandCredentials(readCredentials(read, accounts))
    expect([formatJid(user), credentials]).toEqual(byAccount)
  })

  test.each([
    ['password', { jid, password: '' }],
    ['token', { jid, token: '' }],
    ['credential', { jid, credential: '' }],
    ['password', { jid, token: 't', password: '' }],
    ['token', { jid, password: 'pw', token: '' }],
    ['authzid', { jid, password: 'pw', authzid: '' }],
    ['mechanism', { jid, token: 't', mechanism: '' }],
    ['jid', { jid: '', authzid: jid }],
  ] as const)('with an empty %s from a program is rejected, with advice: %j', (name, parameters) => {
    for (const ways of [nothing, accounts, certificates, anonymous])
      expect(problemOf(parameters, ways)).toBe(empty(name))
    const form = Buffer.from(`${new URLSearchParams(parameters)}`)
    expect(() => readParameters(undefined, form)).toThrow(expect.objectContaining({ code: 'missing-parameter' }))
  })

  test('may have authzid instead of jid', () => {
    expect(outcome({ authzid: jid }, accounts)).toEqual(outcome({ jid }, accounts))
    expect(problemOf({ authzid: jid })).toBe(noLogin)
    expect(problemOf({ authzid: 'chat.example' }, anonymous)).toBe(invalid('authzid'))
  })

  test('cannot log in the service account itself', () => {
    for (const local of [account.user, account.user.toUpperCase()])
      expect(problemOf({ jid: `${local}@chat.example` }, accounts)).toMatch(/^authzid-refused/)
    const own = { jid: `${account.user}@chat.example`, password: 'pw' }
    expect(outcome(own, accounts)[1]).toMatchObject({ kind: 'password' })
  })

  test('uses the domain’s own account before the account for all domains, or a certificate', () => {
    const both = { ...nothing, serviceAccounts: new Map([...accounts.serviceAccounts, ['*', anyAccount]]) }
    expect(outcome({ jid }, both)[1]).toEqual({ kind: 'service', account })
    expect(outcome({ jid: 'juliet@sub.chat.example' }, both)[1]).toEqual({ kind: 'service', account: anyAccount })
    const { servers } = certificates
    expect(outcome({ jid }, { ...accounts, servers })[1]).toEqual({ kind: 'service', account })
  })

  test('uses the client certificate for the domain’s server', () => {
    expect(outcome({ jid }, certificates)).toEqual(['juliet@chat.example/balcony', { kind: 'certificate' }])
    expect(problemOf({ jid: 'juliet@other.example' }, certificates)).toBe(noLogin)
  })

  test('does not use the certificate for all other servers if the server has its own entry', () => {
    const others = new Map([['*', { ...server, certificate }]])
    const any = { ...nothing, servers: others }
    expect(outcome({ jid }, any)[1]).toEqual({ kind: 'certificate' })
    const own = { ...nothing, servers: new Map([...others, ['chat.example', server]]) }
    expect(problemOf({ jid }, own)).toBe(noLogin)
    const elsewhere = { ...any, remotes: new Map([['chat.example', remote]]) }
    expect(problemOf({ jid }, elsewhere)).toBe(noLogin)
  })
})

describe('a warm call for a bare domain', () => {
  test('names the setting that allows it, unless the operator does', () => {
    const problem = 'invalid-jid | A domain alone is an anonymous login, which needs WARM_ANONYMOUS=on.'
    for (const ways of [nothing, accounts]) expect(problemOf({ jid: 'chat.example' }, ways)).toBe(problem)
    expect(problemOf({ jid: 'juliet' })).toMatch(invalidJid)
  })

  test('is an anonymous session if the operator allows it', () => {
    expect(outcome({ jid: 'CHAT.example.' }, anonymous)).toEqual(['chat.example', { kind: 'anonymous' }])
    const nobody = { local: '', domain: 'chat.example', resource: undefined }
    expect(read({ jid: 'chat.example' }, anonymous).jid).toEqual(nobody)
    expect(outcome({ jid: 'bücher.example' }, anonymous)[0]).toBe('bücher.example')
    expect(problemOf({ jid: 'juliet@chat.example' }, anonymous)).toBe(noLogin)
    const both = { ...accounts, warm: anonymous.warm }
    expect(outcome({ jid: 'chat.example' }, both)[1]).toEqual({ kind: 'anonymous' })
    expect(outcome({ jid }, both)[1]).toEqual({ kind: 'service', account })
  })

  test.each([
    ['with a password', { jid: 'chat.example', password: 'pw' }, anonymous],
    ['with a resource', { jid: 'chat.example/x' }, anonymous],
    ['if it is invalid', { jid: 'chat example' }, anonymous],
    ['with an empty local part', { jid: '@chat.example' }, anonymous],
    ['with a NUL', { jid: 'chat.exam\u0000ple' }, anonymous],
  ])('is rejected %s', (_what, parameters, ways) => {
    expect(problemOf(parameters, ways)).toMatch(invalidJid)
  })
})
