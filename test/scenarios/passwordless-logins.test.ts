import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { idOf } from '../support/login-server/elements.js'
import { type LoginServer, startLoginServer, type Turn, type Usual } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

const folder = mkdtempSync(join(tmpdir(), 'passwordless-'))
const certificate = makeCertificate(['DNS:chat.example'])
const own = makeCertificate(['DNS:portal.example'])
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return encodeURIComponent(join(folder, name))
}
const trusting = `ca=${file('ca.pem', certificate.cert)}`
const showing = `cert=${file('own.pem', own.cert + own.key)}`

const alice = 'alice@chat.example'
const token = 'aB3-._~+/c29tZSB0b2tlbg=='
const mechanisms = ['SCRAM-SHA-256', 'PLAIN', 'OAUTHBEARER', 'X-OAUTH2', 'X-TOKEN', 'EXTERNAL', 'ANONYMOUS']

let server: LoginServer
let service: WatchedService
let usual: Usual

async function start(options: string, environment: Record<string, string> = {}): Promise<void> {
  service = await startWatchedService([server], {
    XMPP_SERVERS: `chat.example=xmpp://127.0.0.1:${server.port}?${options}`,
    ...environment,
  })
}

beforeEach(async () => {
  server = await startLoginServer({
    ...{ domain: 'chat.example', certificate, clientCertificate: own.cert, mechanisms },
    accounts: { alice: 'Pa55-of-alice', bob: 'Pa55-of-bob', portal: 'Pa55-of-portal' },
    tokens: { alice: token, bob: 'token-of-bob' },
    actors: ['portal'],
  })
  usual = server.usual
})

afterEach(async () => {
  await service.emptied()
  expect(server.complaints).toEqual([])
  await service.stop()
  await server.stop()
})

afterAll(() => rmSync(folder, { recursive: true }))

/** Warms a session and ends it. Resolves with its JID. */
async function warm(parameters: object): Promise<string> {
  const { status, text } = await service.warm(parameters)
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  const binding = JSON.parse(text)
  const client = new BoshClient(`${service.url}/http-bind`, binding)
  await client.terminate()
  client.close()
  return binding.jid
}

const refused = (code: string, condition: string) => ({ status: 403, code, step: 'sasl', condition })
const noMechanism = { status: 502, code: 'no-mechanism', step: 'sasl' }

describe('a token', () => {
  beforeEach(() => start(trusting))

  test.each([
    ['OAUTHBEARER', {}],
    ['X-OAUTH2', { mechanism: 'X-OAUTH2' }],
    ['X-TOKEN', { mechanism: 'X-TOKEN' }],
  ])('is sent with %s', async (mechanism, how) => {
    expect(await warm({ jid: `${alice}/desk`, token, ...how })).toBe(`${alice}/desk`)
    expect(server.last).toMatchObject({ mechanism, attempts: 1, from: alice, showedCertificate: false })
  })

  test.each([{}, { mechanism: 'X-OAUTH2' }])('that the server rejects gets not-authorized: %j', async how => {
    const told = refused('not-authorized', 'not-authorized')
    expect(await service.problem({ jid: alice, token: 'another', ...how })).toEqual(told)
    expect(await service.problem({ jid: alice, token: 'token-of-bob', ...how })).toEqual(told)
    expect(server.connections.map(({ attempts }) => attempts)).toEqual([1, 1])
  })

  test('that has expired gets credentials-expired', async () => {
    server.script = {
      success: turn => turn.say("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><credentials-expired/></failure>"),
    }
    expect(await service.problem({ jid: alice, token: 'old' })).toEqual(
      refused('credentials-expired', 'credentials-expired'),
    )
  })

  test('that the server rejects and then accepts gets remote-protocol-error', async () => {
    server.script = { success: turn => turn.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>") }
    expect(await service.problem({ jid: alice, token: 'another' })).toEqual({
      ...{ status: 502, code: 'remote-protocol-error', step: 'sasl' },
    })
  })

  test('is not sent to a server without a mechanism for tokens', async () => {
    server.usual = { ...usual, mechanisms: ['SCRAM-SHA-256', 'PLAIN'] }
    const { status, text } = await service.warm({ jid: alice, token })
    expect({ status, ...JSON.parse(text) }).toMatchObject(noMechanism)
    expect(text).toContain('OAUTHBEARER')
    expect(server.last.attempts).toBe(0)
  })

  test('opens no session if the server binds another user', async () => {
    server.script = { bind: turn => turn.goOn(turn.usual.replace('alice@', 'bob@')) }
    expect(await service.problem({ jid: alice, token })).toEqual({
      ...{ status: 502, code: 'jid-mismatch', step: 'bind' },
    })
  })

  test('does not appear in the log', async () => {
    await warm({ jid: alice, token })
    await service.problem({ jid: alice, token: 'token-of-bob' })
    for (const secret of [token, 'token-of-bob', Buffer.from(token).toString('base64').slice(4, 20)])
      expect(service.lines.join('\n')).not.toContain(secret)
  })
})

test('a token is not sent without TLS', async () => {
  await server.stop()
  server = await startLoginServer({ domain: 'chat.example', mechanisms, tokens: { alice: token } })
  await start('tls=none')
  for (const how of [{}, { mechanism: 'X-OAUTH2' }])
    expect(await service.problem({ jid: alice, token, ...how })).toEqual(noMechanism)
  expect(server.connections.map(({ attempts }) => attempts)).toEqual([0, 0])
})

describe('a login for another user', () => {
  const portal = { authzid: alice, jid: 'portal@chat.example', password: 'Pa55-of-portal' }

  test.each(['PLAIN', 'SCRAM-SHA-256'])('succeeds with %s', async mechanism => {
    await start(trusting)
    server.usual = { ...usual, mechanisms: [mechanism] }
    expect(await warm({ ...portal, authzid: `${alice}/desk` })).toBe(`${alice}/desk`)
    expect(server.last).toMatchObject({ mechanism, attempts: 1, user: 'portal', owner: 'alice' })
    expect(server.last.gs2Header).toBe(mechanism === 'PLAIN' ? undefined : `y,a=${alice},`)
  })

  test.each(['PLAIN', 'SCRAM-SHA-256'])(
    'by an account without that right gets authzid-refused with %s',
    async mechanism => {
      await start(trusting)
      server.usual = { ...usual, mechanisms: [mechanism] }
      const bob = { authzid: alice, jid: 'bob@chat.example', password: 'Pa55-of-bob' }
      expect(await service.problem(bob)).toEqual(refused('authzid-refused', 'invalid-authzid'))
      expect(server.last.attempts).toBe(1)
    },
  )

  test('by XMPP_SERVICE_ACCOUNTS needs no secret in the call', async () => {
    await start(trusting, { XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal' })
    expect(await warm({ jid: `${alice}/desk` })).toBe(`${alice}/desk`)
    // The mechanism that most servers with such accounts support.
    expect(server.last).toMatchObject({ mechanism: 'PLAIN', user: 'portal', owner: 'alice' })
    expect(service.lines.join('\n')).not.toContain('Pa55-of-portal')
  })

  test('by XMPP_SERVICE_ACCOUNTS sends no password if XMPP_MECHANISMS lacks PLAIN', async () => {
    const environment = { XMPP_SERVICE_ACCOUNTS: '*=portal:Pa55-of-portal', XMPP_MECHANISMS: 'SCRAM-SHA-256' }
    await start(trusting, environment)
    expect(await warm({ jid: alice })).toBe(`${alice}/chosen-by-server`)
    expect(server.last).toMatchObject({ mechanism: 'SCRAM-SHA-256', user: 'portal', owner: 'alice' })
  })

  test('gets jid-mismatch if the server binds the acting account instead', async () => {
    await start(trusting)
    server.script = { bind: turn => turn.goOn(turn.usual.replace('alice@', 'portal@')) }
    expect(await service.problem(portal)).toEqual({ status: 502, code: 'jid-mismatch', step: 'bind' })
    const { text } = await service.warm(portal)
    expect(JSON.parse(text).detail).toMatch(/ignored the authzid.*\/mod_service_account\.lua\..* docs\/api\.md\.$/)
  })
})

describe('a client certificate', () => {
  beforeEach(() => start(`${trusting}&${showing}`))

  test('logs a user in with EXTERNAL, and the user is named only over TLS', async () => {
    expect(await warm({ jid: `${alice}/desk` })).toBe(`${alice}/desk`)
    expect(server.last).toMatchObject({
      ...{ mechanism: 'EXTERNAL', attempts: 1, owner: 'alice', from: alice, showedCertificate: true },
    })
  })

  test('does not log in a user that it does not name', async () => {
    expect(await service.problem({ jid: 'nobody@chat.example' })).toEqual(refused('not-authorized', 'not-authorized'))
  })

  test('is not sent by other logins or by sessions of browsers', async () => {
    await warm({ jid: alice })
    await warm({ jid: alice, password: 'Pa55-of-alice' })
    await warm({ jid: alice, token })
    const browser = new BoshClient(`${service.url}/http-bind`)
    const terms = { to: 'chat.example', from: alice, wait: '5', hold: '1', ver: '1.6' }
    browser.sid = attribute(await browser.request('', terms), 'sid')
    expect(server.connections.map(({ showedCertificate }) => showedCertificate)).toEqual([
      ...[true, false, false, false],
    ])
    await browser.terminate('')
    browser.close()
  })

  test('gets no-mechanism if the server does not offer EXTERNAL', async () => {
    server.usual = { ...usual, mechanisms: ['SCRAM-SHA-256'] }
    expect(await service.problem({ jid: alice })).toEqual(noMechanism)
  })
})

describe('an anonymous session', () => {
  beforeEach(() => start(trusting, { WARM_ANONYMOUS: 'on' }))

  test('has the JID that the server assigns', async () => {
    expect(await warm({ jid: 'chat.example' })).toBe('somebody-new@chat.example/chosen-by-server')
    expect(server.last).toMatchObject({ mechanism: 'ANONYMOUS', attempts: 1 })
  })

  test('gets jid-mismatch if the server binds another domain', async () => {
    server.script = {
      bind: (turn: Turn) =>
        turn.say(
          `<iq type='result' id='${idOf(turn)}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>x@other.example/y</jid></bind></iq>`,
        ),
    }
    expect(await service.problem({ jid: 'chat.example' })).toEqual({
      ...{ status: 502, code: 'jid-mismatch', step: 'bind' },
    })
  })

  test('gets no-mechanism if the server does not offer ANONYMOUS', async () => {
    server.usual = { ...usual, mechanisms: ['SCRAM-SHA-256', 'PLAIN'] }
    expect(await service.problem({ jid: 'chat.example' })).toEqual(noMechanism)
  })
})
