import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'

const certificate = makeCertificate(['DNS:chat.example'])
const alice = 'alice@chat.example'
const byPassword = { jid: `${alice}/desk`, password: 'Pa55-of-alice' }
const byToken = { jid: `${alice}/desk`, token: 'token-of-alice' }
const byPortal = { jid: 'portal@chat.example', password: 'Pa55-of-portal', authzid: `${alice}/desk` }

const folder = mkdtempSync(join(tmpdir(), 'checking-credentials-'))
const sealKeys = join(folder, 'seal.key')
writeFileSync(sealKeys, randomBytes(32).toString('base64'))
afterAll(() => rmSync(folder, { recursive: true }))

let server: LoginServer
let clock: MovedClock
let service: TestService

/** Starts a service with a session that these parameters opened, and that has been quiet for long enough. */
async function setUp(parameters: Record<string, string>, environment: Record<string, string> = {}) {
  server = await startLoginServer({
    ...{ domain: 'chat.example', certificate },
    mechanisms: ['SCRAM-SHA-256', 'PLAIN', 'OAUTHBEARER', 'X-OAUTH2'],
    accounts: { alice: 'Pa55-of-alice', portal: 'Pa55-of-portal' },
    tokens: { alice: 'token-of-alice' },
    actors: ['portal'],
  })
  clock = new MovedClock()
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, certificate.cert)
  service = await startTestService({
    servers: `chat.example=xmpp://127.0.0.1:${server.port}?ca=${encodeURIComponent(ca)}`,
    environment: { XMPP_DOMAINS: 'chat.example', ...environment },
    clock,
  })
  const binding: WarmBinding & { credential?: string } = await service.bind(parameters)
  clock.advance(5_000)
  return binding
}

afterEach(async () => {
  // So that the service does not wait for pages when it stops.
  await callSessions(service.url, 'DELETE', `/sessions?jid=${alice}`)
  await service.stop()
  expect(server.complaints).toEqual([])
  await server.stop()
})

const reuse = (parameters: Record<string, string>) => service.warm({ ...parameters, reuse: 'on' })

/** The check has left no connection behind, and the session is as it was. */
async function expectAlone(id: string): Promise<void> {
  await eventually('the check has left', () => server.open === 1)
  expect(server.connections[0]!.ended).toBe(false)
  expect(service.service.counts()).toEqual({ sessions: 1, links: 1 })
  const { json } = await callSessions(service.url, 'GET', `/${id}`)
  expect(json.state).toBe('waiting')
}

describe('what logged in a short while ago is not checked again', () => {
  test.each([
    ['a password', byPassword],
    ['a token', byToken],
    ['an account that acts for the user', byPortal],
  ])('%s', async (_what, parameters) => {
    const { id } = await setUp(parameters)
    expect((await reuse(parameters)).json).toMatchObject({ id, reused: true })
    expect(server.connections).toHaveLength(1)
  })

  test('credentials that have not logged in are checked', async () => {
    const { id } = await setUp(byToken)
    expect((await reuse({ ...byToken, mechanism: 'X-OAUTH2' })).json).toMatchObject({ id, reused: true })
    expect(server.last).toMatchObject({ mechanism: 'X-OAUTH2', attempts: 1 })
    clock.advance(5_000)
    expect((await reuse(byPassword)).json).toMatchObject({ id, reused: true })
    expect(server.last).toMatchObject({ mechanism: 'SCRAM-SHA-256', attempts: 1 })
    expect(server.connections).toHaveLength(3)
  })

  test('a login of a longer while ago is checked again', async () => {
    const { id } = await setUp(byPassword, { SCRAM_MEMORY: '4' })
    expect((await reuse(byPassword)).json).toMatchObject({ id, reused: true })
    expect(server.connections).toHaveLength(2)
  })
})

describe('a check', () => {
  const forgetting = { SCRAM_MEMORY: '0' }

  test('of a password ends with the login, before it could disturb a session of the same resource', async () => {
    const { id } = await setUp(byPassword, forgetting)
    expect((await reuse(byPassword)).json).toMatchObject({ id, reused: true })
    expect(server.last.reached.slice(-2)).toEqual(['challenge', 'success'])
    await eventually('the check has left', () => server.open === 1)
    expect(server.last.goodbye).toBe('footer')
  })

  test.each([
    ['300', 'is not needed shortly after one', 2],
    ['0', 'ends with the login, too', 3],
  ])('of a credential, with SCRAM_MEMORY=%s, %s', async (SCRAM_MEMORY, _what, connections) => {
    const environment = { SEAL_KEY_FILE: sealKeys, SCRAM_MEMORY }
    const { id, credential } = await setUp({ ...byPassword, remember: 'on' }, environment)
    expect((await reuse({ jid: byPassword.jid, credential: credential! })).json).toMatchObject({ id, reused: true })
    expect(server.connections).toHaveLength(connections)
    if (connections === 3) expect(server.last.reached.slice(-2)).toEqual(['challenge', 'success'])
    await eventually('the check has left', () => server.open === 1)
  })

  test('that makes a credential leaves the session that is there', async () => {
    const { id } = await setUp(byPassword, { SEAL_KEY_FILE: sealKeys })
    const { json } = await reuse({ ...byPassword, remember: 'on' })
    expect(json).toMatchObject({ id, reused: true, credential: expect.any(String) })
    expect(server.connections.map(({ reached }) => reached.at(-1))).toEqual(['bind', 'success', 'success'])
    await eventually('the check has left', () => server.open === 1)
  })

  test.each([
    ['a token', byToken],
    ['an account that acts for the user', byPortal],
  ])('of %s finds out which user they log in, with a resource that the server chooses', async (_what, parameters) => {
    const { id } = await setUp(parameters, forgetting)
    expect(server.last.resource).toBe('desk')
    expect((await reuse(parameters)).json).toMatchObject({ id, reused: true })
    expect(server.connections).toHaveLength(2)
    expect([server.last.reached.at(-1), server.last.resource]).toEqual(['bind', undefined])
    await eventually('the check has left', () => server.open === 1)
  })

  test.each([
    ['a token', byToken],
    ['an account that acts for the user', byPortal],
  ])('of %s that log another user in open nothing', async (_what, parameters) => {
    const { id } = await setUp(parameters, forgetting)
    server.script = { bind: turn => turn.goOn(turn.usual.replace('alice@', 'portal@')) }
    const { status, json } = await reuse(parameters)
    expect([status, json['code'], json['step']]).toEqual([502, 'jid-mismatch', 'bind'])
    await expectAlone(id)
  })

  test.each([
    ['a password', { ...byPassword, password: 'wrong' }],
    ['a token', { ...byToken, token: 'wrong' }],
    ['an account that acts for the user', { ...byPortal, password: 'wrong' }],
  ])('of a wrong %s is refused as a login is', async (_what, parameters) => {
    const { id } = await setUp(byPassword)
    const { status, json } = await reuse(parameters)
    expect([status, json['code'], json['step']]).toEqual([403, 'not-authorized', 'sasl'])
    await expectAlone(id)
  })

  test('believes no server that does not know the password', async () => {
    const { id } = await setUp(byPassword, forgetting)
    server.script = { success: turn => turn.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>") }
    const { status, json } = await reuse(byPassword)
    expect([status, json['code']]).toEqual([502, 'server-not-authentic'])
    await expectAlone(id)
  })

  test('takes no longer than a login may', async () => {
    const { id } = await setUp(byPassword, { ...forgetting, WARM_TIMEOUT: '1' })
    server.script = { challenge: () => {} }
    const { status, json } = await reuse(byPassword)
    expect([status, json['code'], json['step']]).toEqual([504, 'timeout', 'sasl'])
    await expectAlone(id)
  })

  test('is not needed where the operator vouches for the user', async () => {
    const environment = { ...forgetting, XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal' }
    const { id } = await setUp({ jid: alice }, environment)
    expect((await reuse({ jid: alice })).json).toMatchObject({ id, reused: true })
    expect(server.connections).toHaveLength(1)
  })
})
