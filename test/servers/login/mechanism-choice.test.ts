import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { passwordMechanisms } from '../../../src/config/kinds/kinds.js'
import { createFastTokens } from '../../../src/servers/login/fast-tokens.js'
import type { Credentials } from '../../../src/servers/login/login-request.js'
import { chooseMechanism } from '../../../src/servers/login/mechanism-choice.js'
import type { ChannelBindingType, LinkFacts } from '../../../src/xmpp/link.js'
import { problemIn } from '../../support/problem-in.js'
import { loginParts } from './scripted-link.js'

const waiting = new AbortController()
const plainLink: LinkFacts = { encrypted: false, plainAllowed: false }
const remote: LinkFacts = { encrypted: true, plainAllowed: true }
const bindable = (...types: ChannelBindingType[]): LinkFacts => ({
  ...remote,
  channelBinding: type => (types.includes(type) ? Buffer.from('bytes') : undefined),
})
const tls12 = bindable('tls-unique', 'tls-server-end-point')
const tls13 = bindable('tls-exporter', 'tls-server-end-point')

const sha1 = 'SCRAM-SHA-1'
const sha256 = 'SCRAM-SHA-256'
const sha1Plus = 'SCRAM-SHA-1-PLUS'
const sha512Plus = 'SCRAM-SHA-512-PLUS'
const everything = ['PLAIN', sha1, sha512Plus, sha256, sha1Plus, 'X']
const endPoint = 'tls-server-end-point'
const all = [endPoint, 'tls-unique', 'tls-exporter']

interface Given {
  readonly credentials?: Credentials
  readonly offered?: readonly string[]
  readonly listed?: readonly string[]
  readonly link?: LinkFacts
  readonly liked?: readonly string[]
}

const choose = ({ credentials, offered = everything, listed, link = remote, liked = passwordMechanisms }: Given) =>
  chooseMechanism(
    {
      jid: { local: 'juliet', domain: 'chat.example', resource: 'balcony' },
      credentials: credentials ?? { kind: 'password', password: 'pw' },
    },
    { mechanisms: offered, channelBindings: listed, fast: [], link, waiting },
    loginParts(liked),
  )

/** Returns the mechanism, with its first message up to the nonce. */
function begun(given: Given): string {
  const mechanism = choose(given)
  return `${mechanism.name} ${String(mechanism.response()).replace(/,r=.*/s, '').replaceAll('\0', '|').replaceAll('\x01', '^')}`
}

const problemOf = (given: Given) => problemIn(() => choose(given))

test.each<[string, Given, string]>([
  ['the strongest mechanism, with channel binding over TLS 1.2', { link: tls12 }, `${sha512Plus} p=tls-unique,,`],
  ['the best listed type over TLS 1.2', { link: tls12, listed: all }, `${sha512Plus} p=tls-unique,,`],
  ['the best listed type over TLS 1.3', { link: tls13, listed: all }, `${sha512Plus} p=tls-exporter,,`],
  ['the only common type', { link: tls13, listed: ['tls-unique', endPoint] }, `${sha512Plus} p=${endPoint},,`],
  ['the only known type', { link: tls12, listed: ['tls-future', endPoint] }, `${sha512Plus} p=${endPoint},,`],
  ['no channel binding if the server lists no types over TLS 1.3', { link: tls13 }, `${sha256} n,,`],
  ['no channel binding of the server’s certificate unless listed', { link: bindable(endPoint) }, `${sha256} n,,`],
  ['a guessed type instead of PLAIN', { offered: [sha1Plus, 'PLAIN'], link: tls13 }, `${sha1Plus} p=tls-exporter,,`],
  ['a guessed type if only -PLUS is allowed', { link: tls13, liked: [sha1Plus] }, `${sha1Plus} p=tls-exporter,,`],
  ['no channel binding without a common type', { link: tls12, listed: ['tls-exporter'] }, `${sha256} n,,`],
  ['no channel binding if the list of types is empty', { link: tls13, listed: [] }, `${sha256} n,,`],
  ['no channel binding if the link has no data for it', { listed: all }, `${sha256} n,,`],
  ['the flag y if no -PLUS is offered', { offered: [sha256, 'PLAIN'], link: tls12 }, `${sha256} y,,`],
  ['the flag y over TLS 1.3 as well', { offered: [sha256], link: tls13 }, `${sha256} y,,`],
  ['the flag n if the operator allows no -PLUS', { offered: [sha256], link: tls13, liked: [sha256] }, `${sha256} n,,`],
  ['the flag n if -PLUS is offered', { offered: [sha1Plus, sha256], link: tls13 }, `${sha256} n,,`],
  ['the flag n for an unknown -PLUS', { offered: ['SCRAM-SHA3-512-PLUS', sha256], link: tls13 }, `${sha256} n,,`],
  ['the first mechanism of the operator’s list', { link: tls12, liked: [sha1, sha512Plus] }, `${sha1} n,,`],
  ['PLAIN if the operator lists it first', { liked: ['PLAIN'] }, 'PLAIN |juliet|pw'],
  ['PLAIN if there is no other mechanism', { offered: ['X', 'PLAIN'], link: tls12 }, 'PLAIN |juliet|pw'],
  ['SCRAM on an unencrypted link', { link: plainLink }, `${sha256} n,,`],
])('a login with a password uses %s', (_what, given, expected) => {
  expect(begun(given)).toBe(expected.startsWith('SCRAM') ? `${expected}n=juliet` : expected)
})

const other: Credentials = { kind: 'password', password: 'pw', user: 'nurse' }
const service: Credentials = { kind: 'service', account: { user: 'portal', password: 's3' } }
const portal = 'a=juliet@chat.example,n=portal'
const itself: Credentials = { kind: 'service', account: { user: 'juliet', password: 's3' } }

test.each<[string, Given, string]>([
  ['with its own password', { credentials: other, offered: ['PLAIN'] }, 'PLAIN juliet@chat.example|nurse|pw'],
  ['by SCRAM', { credentials: service, offered: [sha1Plus], link: tls12 }, `${sha1Plus} p=tls-unique,${portal}`],
  ['by PLAIN first: servers ignore other authzids', { credentials: service }, 'PLAIN juliet@chat.example|portal|s3'],
  ['by SCRAM if PLAIN is not allowed on the link', { credentials: service, link: plainLink }, `${sha256} n,${portal}`],
  ['without an authzid if it is the user', { credentials: itself, offered: ['PLAIN'] }, 'PLAIN |juliet|s3'],
])('an account that acts for the user logs in %s', (_what, given, expected) => {
  expect(begun(given)).toBe(expected)
})

describe('a signed login', () => {
  const key = { alg: 'HS256', key: createSecretKey(randomBytes(32)), kid: undefined } as const
  const credentials: Credentials = { kind: 'signed', key }

  test('is a token as the password of PLAIN, also if passwords may not be sent so, on a link that may carry it', () => {
    const given = { credentials, liked: [sha1] }
    expect(begun(given)).toMatch(/^PLAIN \|juliet\|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/)
    expect(problemOf({ credentials, offered: [sha1] }).detail).toContain('The login needs PLAIN.')
    expect(problemOf({ credentials, link: plainLink }).code).toBe('no-mechanism')
  })
})

const forbidden = 'a\x07'

test.each([
  ['name', { user: forbidden, password: 's3' }],
  ['password', { user: 'portal', password: forbidden }],
])('a %s of the service account that SASLprep forbids is the fault of this account', async (what, account) => {
  const mechanism = choose({ credentials: { kind: 'service', account }, offered: [sha1] })
  const logIn = async () => {
    const [, nonce] = /,r=(.*)$/.exec(String(mechanism.response()))!
    mechanism.challenge(`r=${nonce}x,s=c2FsdA==,i=4096`)
    return mechanism.response()
  }
  const problem = await logIn().catch(error => error)
  expect(problem).toMatchObject({
    ...{ code: 'not-authorized', step: 'sasl' },
    detail: `SASLprep (RFC 4013) forbids the ${what} of the account in XMPP_SERVICE_ACCOUNTS: change it.`,
  })
  expect(JSON.stringify(problem)).not.toContain(forbidden)
})

describe('credentials other than passwords have one mechanism', () => {
  const token = (mechanism: string): Credentials => ({ kind: 'token', token: 't0k', mechanism })
  const offered = [...everything, 'OAUTHBEARER', 'X-OAUTH2', 'X-TOKEN', 'EXTERNAL', 'ANONYMOUS']

  test.each<[Credentials, string]>([
    [token('OAUTHBEARER'), 'OAUTHBEARER n,a=juliet@chat.example,^auth=Bearer t0k^^'],
    [token('X-OAUTH2'), 'X-OAUTH2 |juliet|t0k'],
    [token('X-TOKEN'), 'X-TOKEN |juliet|t0k'],
    [{ kind: 'certificate' }, 'EXTERNAL juliet@chat.example'],
    [{ kind: 'anonymous' }, 'ANONYMOUS '],
  ])('%j', (credentials, expected) => {
    expect(begun({ credentials, offered, liked: [] })).toBe(expected)
  })

  test.each<[Credentials, string]>([
    [token('OAUTHBEARER'), 'OAUTHBEARER'],
    [{ kind: 'certificate' }, 'EXTERNAL'],
  ])('which is named in the error if it is not offered: %j', (credentials, name) => {
    const detail = `It offers ${everything.join(', ')}. The login needs ${name}.`
    expect(problemOf({ credentials })).toMatchObject({ code: 'no-mechanism', step: 'sasl', detail })
  })

  test.each<[Credentials, string]>([
    [token('OAUTHBEARER'), 'OAUTHBEARER'],
    [token('X-TOKEN'), 'X-TOKEN'],
    [{ kind: 'certificate' }, 'EXTERNAL'],
  ])('which is not used on an unencrypted link: %j', (credentials, name) => {
    const detail = expect.stringContaining(`${name} needs an encrypted link: in XMPP_SERVERS, remove tls=none `)
    expect(problemOf({ credentials, offered, link: plainLink })).toMatchObject({ code: 'no-mechanism', detail })
  })

  test('except credentials without a secret', () => {
    expect(begun({ credentials: { kind: 'anonymous' }, offered, link: plainLink })).toBe('ANONYMOUS ')
  })
})

describe('if no mechanism is left, the error has the reason:', () => {
  const none = 'nothing that is known'
  const known = passwordMechanisms.join(', ')
  const proof = { salt: '', iterations: 1, clientKey: '', serverKey: '', user: 'juliet', authzid: '' }
  const keys: Credentials = { kind: 'keys', proof: { hash: 'sha1', ...proof } }
  const noBinding =
    'SCRAM-SHA-1-PLUS. Mechanisms with -PLUS need TLS, and a type of channel binding that the server and this service know.'

  const needsTls = 'in XMPP_SERVERS, remove tls=none or use https://, or allow PLAIN with plain=on.'

  test.each<[string, Given, string]>([
    ['unknown mechanisms', { offered: ['DIGEST-MD5', 'X'] }, `DIGEST-MD5, X. This login needs one of: ${known}.`],
    ['no mechanism', { offered: [] }, `${none}. This login needs one of: ${known}.`],
    ['left out', { offered: ['PLAIN'], liked: [sha1] }, 'PLAIN. XMPP_MECHANISMS leaves out PLAIN.'],
    ['no encryption', { offered: ['PLAIN'], link: plainLink }, `PLAIN. PLAIN needs an encrypted link: ${needsTls}`],
    ['no channel binding', { offered: [sha1Plus] }, noBinding],
    [
      'the mechanism of the keys is left out',
      { credentials: keys, offered: [sha1, sha256], liked: [sha256] },
      'SCRAM-SHA-1, SCRAM-SHA-256. XMPP_MECHANISMS leaves out SCRAM-SHA-1.',
    ],
    ['no channel binding for the keys', { credentials: keys, offered: [sha1Plus] }, noBinding],
    ['none of the listed types', { offered: [sha1Plus], listed: all }, noBinding],
  ])('%s', (_what, given, told) => {
    expect(problemOf(given)).toMatchObject({ code: 'no-mechanism', step: 'sasl', detail: `It offers ${told}` })
  })

  test('in at most 200 characters, however many mechanisms the server offers', () => {
    const offered = Array.from({ length: 10_000 }, (_, at) => `X-${at}`)
    const { detail } = problemOf({ offered: [...offered, ...Array(1000).fill('PLAIN')], liked: [sha1] })
    expect(detail).toContain('X-9 and 10990 more. XMPP_MECHANISMS leaves out PLAIN.')
    expect(detail!.length).toBeLessThan(200)
  })
})

test('salts of a service account are not noted as those of the user whom it logs in', async () => {
  const tokens = createFastTokens()
  for (const [user, salt] of Object.entries({ juliet: 'AAAA', portal: 'BBBB', nurse: 'CCCC' })) {
    const mechanism = chooseMechanism(
      {
        jid: { local: 'juliet', domain: 'chat.example', resource: '' },
        credentials: { kind: 'password', password: 'pw', user },
      },
      { mechanisms: [sha256], channelBindings: undefined, fast: [], link: remote, waiting },
      { ...loginParts(passwordMechanisms), tokens },
    )
    const [, nonce] = /,r=(.*)$/.exec(String(mechanism.response()))!
    mechanism.challenge(`r=${nonce}x,s=${salt},i=4096`)
    await mechanism.response()
  }
  expect(tokens.areNeeded('chat.example', sha256)).toBe(false)
})
