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

/** Warms a session and ends it; resolves with its JID. */
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
  ])('is shown by %s', async (mechanism, how) => {
    expect(await warm({ jid: `${alice}/desk`, token, ...how })).toBe(`${alice}/desk`)
    expect(server.last).toMatchObject({ mechanism, attempts: 1, from: alice, showedCertificate: false })
  })

  test.each([{}, { mechanism: 'X-OAUTH2' }])('that the server does not accept is refused: %j', async how => {
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

  test('that lets in after it was refused is not believed', async () => {
    server.script = { success: turn => turn.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>") }
    expect(await service.problem({ jid: alice, token: 'another' })).toEqual({
      ...{ status: 502, code: 'remote-protocol-error', step: 'sasl' },
    })
  })

  test('is not shown to a server that does not know what it is', async () => {
    server.usual = { ...usual, mechanisms: ['SCRAM-SHA-256', 'PLAIN'] }
    const { status, text } = await service.warm({ jid: alice, token })
    expect({ status, ...JSON.parse(text) }).toMatchObject(noMechanism)
    expect(text).toContain('OAUTHBEARER')
    expect(server.last.attempts).toBe(0)
  })

  test('of another user opens nothing, wherever the server puts it', async () => {
    server.script = { bind: turn => turn.goOn(turn.usual.replace('alice@', 'bob@')) }
    expect(await service.problem({ jid: alice, token })).toEqual({
      ...{ status: 502, code: 'jid-mismatch', step: 'bind' },
    })
  })

  test('is nowhere in the log', async () => {
    await warm({ jid: alice, token })
    await service.problem({ jid: alice, token: 'token-of-bob' })
    for (const secret of [token, 'token-of-bob', Buffer.from(token).toString('base64').slice(4, 20)])
      expect(service.lines.join('\n')).not.toContain(secret)
  })
})

test('a token does not cross a plain link', async () => {
  await server.stop()
  server = await startLoginServer({ domain: 'chat.example', mechanisms, tokens: { alice: token } })
  await start('tls=none')
  for (const how of [{}, { mechanism: 'X-OAUTH2' }])
    expect(await service.problem({ jid: alice, token, ...how })).toEqual(noMechanism)
  expect(server.connections.map(({ attempts }) => attempts)).toEqual([0, 0])
})

describe('another account', () => {
  const portal = { authzid: alice, jid: 'portal@chat.example', password: 'Pa55-of-portal' }

  test.each(['PLAIN', 'SCRAM-SHA-256'])('logs a user in by %s', async mechanism => {
    await start(trusting)
    server.usual = { ...usual, mechanisms: [mechanism] }
    expect(await warm({ ...portal, authzid: `${alice}/desk` })).toBe(`${alice}/desk`)
    expect(server.last).toMatchObject({ mechanism, attempts: 1, user: 'portal', owner: 'alice' })
    expect(server.last.gs2Header).toBe(mechanism === 'PLAIN' ? undefined : `y,a=${alice},`)
  })

  test.each(['PLAIN', 'SCRAM-SHA-256'])('that may not act for others is refused by %s', async mechanism => {
    await start(trusting)
    server.usual = { ...usual, mechanisms: [mechanism] }
    const bob = { authzid: alice, jid: 'bob@chat.example', password: 'Pa55-of-bob' }
    expect(await service.problem(bob)).toEqual(refused('authzid-refused', 'invalid-authzid'))
    expect(server.last.attempts).toBe(1)
  })

  test('of the operator needs no secret in the call', async () => {
    await start(trusting, { XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal' })
    expect(await warm({ jid: `${alice}/desk` })).toBe(`${alice}/desk`)
    // Which servers understand best of those that act for others.
    expect(server.last).toMatchObject({ mechanism: 'PLAIN', user: 'portal', owner: 'alice' })
    expect(service.lines.join('\n')).not.toContain('Pa55-of-portal')
  })

  test('of the operator sends no password where PLAIN is not allowed', async () => {
    const environment = { XMPP_SERVICE_ACCOUNTS: '*=portal:Pa55-of-portal', XMPP_MECHANISMS: 'SCRAM-SHA-256' }
    await start(trusting, environment)
    expect(await warm({ jid: alice })).toBe(`${alice}/chosen-by-server`)
    expect(server.last).toMatchObject({ mechanism: 'SCRAM-SHA-256', user: 'portal', owner: 'alice' })
  })

  test('is not the one whose session it becomes where the server passes over the difference', async () => {
    await start(trusting)
    server.script = { bind: turn => turn.goOn(turn.usual.replace('alice@', 'portal@')) }
    expect(await service.problem(portal)).toEqual({ status: 502, code: 'jid-mismatch', step: 'bind' })
  })
})

describe('the certificate of the operator', () => {
  beforeEach(() => start(`${trusting}&${showing}`))

  test('logs a user in, who is named once the link is encrypted', async () => {
    expect(await warm({ jid: `${alice}/desk` })).toBe(`${alice}/desk`)
    expect(server.last).toMatchObject({
      ...{ mechanism: 'EXTERNAL', attempts: 1, owner: 'alice', from: alice, showedCertificate: true },
    })
  })

  test('does not log in users that it does not name', async () => {
    expect(await service.problem({ jid: 'nobody@chat.example' })).toEqual(refused('not-authorized', 'not-authorized'))
  })

  test('is not shown by other logins, nor by sessions of browsers', async () => {
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

  test('is of no use where the server does not ask for it', async () => {
    server.usual = { ...usual, mechanisms: ['SCRAM-SHA-256'] }
    expect(await service.problem({ jid: alice })).toEqual(noMechanism)
  })
})

describe('a session without an account', () => {
  beforeEach(() => start(trusting, { WARM_ANONYMOUS: 'on' }))

  test('has the name that the server gives', async () => {
    expect(await warm({ jid: 'chat.example' })).toBe('somebody-new@chat.example/chosen-by-server')
    expect(server.last).toMatchObject({ mechanism: 'ANONYMOUS', attempts: 1 })
  })

  test('is one of the domain that was asked for', async () => {
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

  test('needs a server that has them', async () => {
    server.usual = { ...usual, mechanisms: ['SCRAM-SHA-256', 'PLAIN'] }
    expect(await service.problem({ jid: 'chat.example' })).toEqual(noMechanism)
  })
})
