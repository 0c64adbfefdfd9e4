// Logins at Debian's Prosody and ejabberd without the user's password.

import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { makeCertificate } from '../support/certificates.js'
import { type Ejabberd, startEjabberd } from '../support/ejabberd.js'
import { eventually } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { callConnect } from '../support/page-call.js'
import { pageSecret, pageToken, settingsForPages } from '../support/page-token.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { root } from '../support/repository.js'
import { majorOf } from '../support/server-process.js'
import { bindingIn, type TestService, type WarmBinding } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'
import { describePlace, Place } from './place.js'
import { outlivesCuts, User } from './user.js'

const { folder, file } = testFolder()

const prosody = ['prosody', 'prosody-modules', 'openssl']
const ejabberd = ['ejabberd', 'openssl']
const encrypted = 'c2s_require_encryption = true'
const alice = 'alice@localhost'
const passwords = { alice: 'wonderland', portal: 'secret-of-portal' }

/** A self-signed certificate for these two users. */
const userCertificate = makeCertificate(
  ['alice', 'bob'].map(user => `otherName:1.3.6.1.5.5.7.8.5;UTF8:${user}@localhost`),
)
const certificateOptions = `&cert=${file('cert.pem', userCertificate.cert)}&key=${file('key.pem', userCertificate.key)}`

const refused = [403, 'not-authorized', 'sasl']

const anonymousKinds = [
  ['Prosody', prosody, () => startProsody({ config: `${encrypted}\nauthentication = "anonymous"` })],
  [
    'ejabberd',
    ejabberd,
    () => startEjabberd({ authentication: 'auth_method: anonymous\nanonymous_protocol: sasl_anon' }),
  ],
] as const

for (const [name, packages, start] of anonymousKinds)
  describePlace(
    `SASL ANONYMOUS at ${name}`,
    packages,
    () => Place.open<Prosody | Ejabberd>(start(), { environment: { WARM_ANONYMOUS: 'on' } }),
    place => {
      test('warms a session of a new anonymous user for a bare domain', async () => {
        const first = await place().use({ jid: 'localhost' })
        const second = await place().use({ jid: 'localhost' })
        const isAnonymous = expect.stringMatching(/^[^@/]+@localhost\/.+/)
        expect([first, second]).toEqual([isAnonymous, isAnonymous])
        expect(first.replace(/\/.*/, '')).not.toBe(second.replace(/\/.*/, ''))
      })

      test('rejects a user with a password', async () => {
        const refusal = await place().refusal({ jid: alice, password: 'wonderland' })
        expect(refusal.slice(1)).toContain('sasl')
      })
    },
  )

function testCertificate(place: () => Place<Prosody | Ejabberd>): void {
  test('logs in the users that the certificate names, without a password', async () => {
    expect(await place().use({ jid: `${alice}/desk` })).toBe(`${alice}/desk`)
    expect(await place().use({ jid: 'bob@localhost' })).toMatch(/^bob@localhost\/.+/)
  })

  test('rejects a user that the certificate does not name', async () => {
    expect(await place().refusal({ jid: 'carol@localhost' })).toEqual(refused)
  })
}

describePlace(
  'SASL EXTERNAL at Prosody',
  prosody,
  () => {
    const cafile = join(folder, 'cert.pem')
    const config = `${encrypted}
authentication = "ccert"
c2s_ssl = { verify = { "peer", "client_once" }, cafile = "${cafile}" }`
    return Place.open(startProsody({ config }), { options: certificateOptions })
  },
  testCertificate,
)

describePlace(
  'SASL EXTERNAL at ejabberd',
  ejabberd,
  () => Place.open(startEjabberd({ clientCa: userCertificate.cert }), { options: certificateOptions }),
  testCertificate,
)

describeWith(['prosody', 'openssl'], 'SASL OAUTHBEARER, with token introspection', () => {
  const of = (jid: unknown) => JSON.stringify({ active: true, jid })
  let answerSlowly: (answer: string) => void
  /** By token. The empty answer has status 500. Other tokens are not active. */
  const answers: Readonly<Record<string, string | Promise<string>>> = {
    'token-of-alice': of(alice),
    'token+of%=': of('a=b,c@localhost'),
    'slow-token-of-alice': new Promise(resolve => {
      answerSlowly = resolve
    }),
    'token-of-all': of('localhost'),
    'token-of-elsewhere': of('alice@elsewhere'),
    'token-of-a-number': of(1),
    'token-of-nobody': '{"active":true}',
    'answer-in-words': JSON.stringify({ active: 'true', jid: alice }),
    'answer-with-an-error': '',
    'answer-without-json': 'alice@localhost',
    'answer-of-null': 'null',
  }
  /** The credentials of Prosody, decoded, and the token. */
  const asked: [client: string, token: string][] = []
  let endpoint: Listener
  beforeAll(async () => {
    const server = createServer(async (request, response) => {
      const token = new URLSearchParams(await text(request)).get('token') ?? ''
      const credentials = request.headers.authorization?.replace('Basic ', '') ?? ''
      asked.push([Buffer.from(credentials, 'base64').toString(), token])
      const answer = (await answers[token]) ?? '{"active":false}'
      response.writeHead(request.method === 'POST' && answer !== '' ? 200 : 500).end(answer)
    })
    endpoint = await Listener.start(server)
  })
  afterAll(() => endpoint?.stop())
  const introspection = () => `${encrypted}
plugin_paths = { "${join(root, 'deploy/prosody')}" }
authentication = "introspection"
introspection_url = "${endpoint.url}/introspection"
introspection_client_id = "xmpp-server"
introspection_client_secret = "its secret: 100%"`

  describePlace(
    'at Prosody',
    ['prosody', 'openssl'],
    () => Place.open(startProsody({ config: introspection() })),
    place => {
      test('accepts a token for its user only', async () => {
        const token = 'token-of-alice'
        expect(await place().use({ jid: `${alice}/desk`, token })).toBe(`${alice}/desk`)
        expect(asked).toEqual([['xmpp-server:its%20secret%3a%20100%25', token]])
        expect(place().warmer.lines.join()).not.toContain(token)
        expect(await place().refusal({ jid: 'bob@localhost', token })).toEqual(refused)
        const other = { jid: alice, token, mechanism: 'X-OAUTH2' }
        expect(await place().refusal(other)).toEqual([502, 'no-mechanism', 'sasl'])
        expect(await place().use({ jid: 'a=b,c@localhost', token: 'token+of%=' })).toMatch(/^a=b,c@localhost\/./)
      })

      test.each(['token-of-all', 'token-of-elsewhere', 'token-of-a-number', 'token-of-nobody'])(
        'rejects a %s',
        async token => {
          expect(await place().refusal({ jid: alice, token })).toEqual(refused)
        },
      )

      test('returns credentials-expired for a token that is not active', async () => {
        const refusal = await place().refusal({ jid: alice, token: 'another-token' })
        expect(refusal).toEqual([403, 'credentials-expired', 'sasl'])
      })

      test.each(['answer-with-an-error', 'answer-without-json', 'answer-in-words', 'answer-of-null'])(
        'returns temporary-auth-failure for an %s',
        async token => {
          expect(await place().refusal({ jid: alice, token })).toEqual([503, 'temporary-auth-failure', 'sasl'])
        },
      )

      test('completes other logins while the OAuth server has not answered', async () => {
        const using = place().use({ jid: alice, token: 'slow-token-of-alice' })
        await eventually('the request to the OAuth server', () => asked.at(-1)![1] === 'slow-token-of-alice')
        await place().use({ jid: alice, token: 'token-of-alice' })
        answerSlowly(of(alice))
        await using
      })
    },
  )
})

describePlace(
  'SASL X-OAUTH2 at ejabberd',
  [...ejabberd, 'erlang-p1-oauth2'],
  () => Place.open(startEjabberd({ users: passwords })),
  place => {
    test('accepts a token that ejabberd has issued, for its user only', async () => {
      const token = await place().server.issueToken('alice')
      const parameters = { token, mechanism: 'X-OAUTH2' }
      expect(await place().use({ jid: `${alice}/desk`, ...parameters })).toBe(`${alice}/desk`)
      expect(await place().refusal({ jid: 'portal@localhost', ...parameters })).toEqual(refused)
      expect(place().warmer.lines.join()).not.toContain(token)
    })

    test('rejects an unknown token', async () => {
      const parameters = { jid: alice, token: 'token-of-nobody', mechanism: 'X-OAUTH2' }
      expect(await place().refusal(parameters)).toEqual(refused)
    })

    test('does not offer OAUTHBEARER', async () => {
      expect(await place().refusal({ jid: alice, token: 'x' })).toEqual([502, 'no-mechanism', 'sasl'])
    })
  },
)

const sharedSecret = 'a secret that portal and ejabberd share'

/** A JSON Web Token (RFC 7519) for a user. Expires in `seconds`. */
const signedToken = (jid: string, secret = sharedSecret, seconds = 60) =>
  new SignJWT({ jid })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(Buffer.from(secret))

/** As in docs/api.md. */
const authenticationByToken = (key: string) => `auth_method: [jwt, internal]
auth_password_format: scram
jwt_key: "${file('key.json', key)}"
jwt_auth_only_rule: tokens_only
access_rules:
  tokens_only: {allow: all}`

describePlace(
  'Signed logins at ejabberd',
  ejabberd,
  () => {
    const key = JSON.stringify({ kty: 'oct', alg: 'HS256', k: Buffer.from(sharedSecret).toString('base64url') })
    const environment = { XMPP_LOGIN_KEYS_FILE: file('login-keys', `localhost=${key}\n`), ...serviceAccount }
    const authentication = authenticationByToken(key)
    return Place.open(startEjabberd({ authentication, users: passwords }), { environment })
  },
  place => {
    testMending('mend links with a fresh token', place)

    test('need no account, no password and no service account', async () => {
      expect(await place().use({ jid: `${alice}/desk` })).toBe(`${alice}/desk`)
      expect(await place().use({ jid: 'nobody@localhost' })).toMatch(/^nobody@localhost\/.+/)
      expect(place().warmer.lines.join()).not.toContain('eyJ')
    })

    test('refuse the passwords of accounts', async () => {
      expect(await place().refusal({ jid: alice, password: passwords.alice })).toEqual(refused)
    })

    test('replace the password of their user, until they expire', async () => {
      expect(await place().use({ jid: alice, password: await signedToken(alice) })).toMatch(/^alice@localhost\/.+/)
      expect(await place().refusal({ jid: 'bob@localhost', password: await signedToken(alice) })).toEqual(refused)
      expect(await place().refusal({ jid: alice, password: await signedToken(alice, 'other') })).toEqual(refused)
      const expired = await signedToken(alice, sharedSecret, -60)
      expect(await place().refusal({ jid: alice, password: expired })).toEqual(refused)
    })
  },
)

function testMending(name: string, place: () => Place<Prosody | Ejabberd>): void {
  test(name, async () => {
    await outlivesCuts(await User.warm(place().warmer, { jid: alice }), place().relay)
  })
}

/** A message waits for a user who is away. */
async function expectStoredMessage(warmer: TestService, jid: string): Promise<void> {
  const sender = await User.warm(warmer, { jid: alice })
  sender.say(jid, 'while away')
  await sender.leave()
  const user = await User.warm(warmer, { jid })
  expect(await user.receives('while away')).toContain('alice@localhost')
  await user.leave()
}

function testCreatedAccounts(place: () => Place<Prosody | Ejabberd>): void {
  test('are made at the first login, and keep messages for their users', async () => {
    expect(await place().use({ jid: 'carla@localhost' })).toMatch(/^carla@localhost\/.+/)
    await place().use({ jid: 'carla@localhost' })
    await expectStoredMessage(place().warmer, 'carla@localhost')
    const made = place()
      .warmer.lines.map(line => JSON.parse(line))
      .filter(({ msg }) => msg === 'account')
    expect(made).toMatchObject([{ audit: true, jid: 'carla@localhost', code: 'ok' }])
  })

  test('have the name and address of the token', async () => {
    const token = pageToken({ sub: 'dinah', name: 'Dinah <& Cat', email: 'dinah@example.org' })
    const binding = bindingIn(await callConnect(place().warmer.url, origin, { token }))
    const dinah = User.attach(binding.url, binding)
    await eventually('the vCard', async () => {
      dinah.send("<iq xmlns='jabber:client' type='get' id='card'><vCard xmlns='vcard-temp'/></iq>")
      await dinah.isUpToDate()
      return dinah.received.includes('</vCard>')
    })
    expect(dinah.received).toContain('<FN>Dinah &lt;&amp; Cat</FN>')
    expect(dinah.received).toContain('<USERID>dinah@example.org</USERID>')
    await dinah.leave()
  })
}

const origin = 'https://www.example.org'
const pageTokens = {
  ...settingsForPages(origin, file('page-secrets', pageSecret)),
  PAGE_TOKEN_NAME: '{name} <{email}>',
}

describePlace(
  'Accounts that the service makes at ejabberd',
  ejabberd,
  () => {
    const key = JSON.stringify({ kty: 'oct', alg: 'HS256', k: Buffer.from(sharedSecret).toString('base64url') })
    const authentication = `${authenticationByToken(key)}
  configure: {allow: makers}
acl: {makers: {user: accounts@localhost}}`
    const modules = '  mod_adhoc: {}\n  mod_configure: {}\n  mod_offline: {}\n  mod_vcard: {}'
    const environment = {
      ...pageTokens,
      XMPP_LOGIN_KEYS_FILE: file('maker-keys', `localhost=${key}\n`),
      XMPP_SERVICE_ACCOUNTS: '',
      XMPP_CREATE_ACCOUNTS: 'localhost=accounts',
    }
    return Place.open(startEjabberd({ authentication, modules, users: passwords }), { environment })
  },
  testCreatedAccounts,
)

describePlace(
  'Accounts that the service makes at Prosody',
  prosody,
  () => {
    const config = `${encrypted}
plugin_paths = { "${join(root, 'deploy/prosody')}" }
service_accounts = { "portal@localhost" }
service_accounts_create = false
admins = { "portal@localhost" }${modulesOf('offline', 'adhoc', 'admin_adhoc', 'vcard')}`
    const environment = { ...pageTokens, XMPP_CREATE_ACCOUNTS: 'localhost=portal' }
    return Place.open(startProsody({ users: passwords, config }), { environment })
  },
  testCreatedAccounts,
)

const serviceAccount = { XMPP_SERVICE_ACCOUNTS: `localhost=portal:${passwords.portal}` }

function testServiceAccount(place: () => Place<Prosody | Ejabberd>): void {
  test('logs users in without a password', async () => {
    expect(await place().use({ jid: `${alice}/desk` })).toBe(`${alice}/desk`)
    expect(await place().use({ jid: 'bob@localhost' })).toMatch(/^bob@localhost\/.+/)
    expect(place().warmer.lines.join()).not.toContain(passwords.portal)
  })

  test('can be given in the call (authzid)', async () => {
    const portal = { jid: 'portal@localhost', password: passwords.portal }
    expect(await place().use({ ...portal, authzid: `${alice}/desk` })).toBe(`${alice}/desk`)
    expect(await place().refusal({ ...portal, password: 'wrong', authzid: alice })).toEqual(refused)
  })

  test('allows users to log in with their own passwords', async () => {
    expect(await place().use({ jid: alice, password: passwords.alice })).toMatch(/^alice@localhost\/.+/)
    expect(await place().refusal({ jid: alice, password: 'wrong' })).toEqual(refused)
  })
}

describePlace(
  'A service account at ejabberd',
  ejabberd,
  () => Place.open(startEjabberd({ users: { ...passwords, bob: 'builder' } }), { environment: serviceAccount }),
  place => {
    testServiceAccount(place)

    test.each([
      ['users who have no account', { jid: 'nobody@localhost' }],
      ['users for any other account', { jid: 'bob@localhost', password: 'builder', authzid: 'nobody@localhost' }],
    ])('logs in %s', async (_, parameters: Record<string, string>) => {
      expect(await place().use(parameters)).toMatch(/^nobody@localhost\/./)
    })
  },
)

const serviceModule = `${encrypted}
plugin_paths = { "${join(root, 'deploy/prosody')}" }
service_accounts = { "portal@localhost" }
admins = { "root@localhost" }`

const modulesOf = (...more: string[]) => {
  const names = ['roster', 'saslauth', 'tls', 'disco', 'ping', 'posix', 'bosh', 'smacks', 'service_account', ...more]
  return `\nmodules_enabled = { ${names.map(name => `"${name}"`).join(', ')} }`
}

const waysIn = [
  { name: 'SASL', config: modulesOf() },
  { name: 'SASL2', config: modulesOf('sasl2', 'sasl2_bind2', 'sasl2_sm', 'sasl2_fast') },
  { name: 'SCRAM', config: `${modulesOf()}\ndisable_sasl_mechanisms = { "PLAIN" }` },
]

const users = { ...passwords, bob: 'builder', root: 'of-all-evil', 'a=b,c': 'escaped' }

for (const { name, config } of waysIn) {
  // The modules for SASL2 break streams in 0.12.
  if (name === 'SASL2' && majorOf('prosody') < 13) continue
  describePlace(
    `A service account at Prosody with our module, by ${name}`,
    prosody,
    () => Place.open(startProsody({ users, config: serviceModule + config }), { environment: serviceAccount }),
    place => {
      testServiceAccount(place)

      test('logs in users whose names SCRAM escapes', async () => {
        expect(await place().use({ jid: 'a=b,c@localhost' })).toMatch(/^a=b,c@localhost\/./)
      })

      testMending('mends its links for the same user', place)
    },
  )
}

describePlace(
  'A service account at Prosody that makes accounts',
  prosody,
  () => {
    const limits = 'service_accounts_reserved = { "Boss" }\nservice_accounts_create_rate = 5\n'
    const create = `service_accounts_create = true\n${limits}`
    const admins = serviceModule.replace('"root@localhost"', '"root@localhost", "chief@localhost"')
    const config = admins + modulesOf('offline') + `\n${create}`
    return Place.open(startProsody({ users: passwords, config }), { environment: serviceAccount })
  },
  place => {
    test('makes one at the first login, which keeps messages for its user', async () => {
      const first = await place().use({ jid: 'carla@localhost' })
      expect(await place().use({ jid: 'carla@localhost' })).not.toBe(first)
      await expectStoredMessage(place().warmer, 'carla@localhost')
    })

    test.each(['admin', 'postmaster', 'boss', 'chief'])('makes none for %s', async name => {
      expect((await place().refusal({ jid: `${name}@localhost` })).slice(1)).toEqual(['authzid-refused', 'sasl'])
    })

    test('makes none for a password', async () => {
      expect(await place().refusal({ jid: 'dora@localhost', password: 'secret' })).toEqual(refused)
      const other = { jid: `${alice}`, password: passwords.alice, authzid: 'dora@localhost' }
      expect((await place().refusal(other)).slice(1)).toEqual(['authzid-refused', 'sasl'])
    })

    test('makes no more in a second than it may', async () => {
      const names = Array.from({ length: 40 }, (_, at) => `many${at}@localhost`)
      const all = await Promise.all(names.map(jid => place().warmer.warm({ jid })))
      const made = all.filter(({ status }) => status === 200).map(({ json }) => json as unknown as WarmBinding)
      expect(made.length).toBeGreaterThanOrEqual(5)
      expect(all.filter(({ json }) => json['code'] === 'temporary-auth-failure')).toHaveLength(40 - made.length)
      expect(made.length).toBeLessThan(40)
      for (const binding of made) await User.attach(binding.url, binding).leave()
    })
  },
)
