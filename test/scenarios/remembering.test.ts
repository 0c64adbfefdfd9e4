// Users are remembered: a credential has the keys of their passwords, and logs them in.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { saslFailure } from '../support/login-server/elements.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { jsonHeaders, startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { callSessions } from '../support/sessions-api.js'

const certificate = makeCertificate(['DNS:chat.example'])
const alice = 'alice@chat.example'
const password = 'Pa55-of-alice'
const byPassword = { jid: alice, password, remember: 'on' }
const expired = { status: 403, code: 'credentials-expired', step: 'sasl' }

const folder = mkdtempSync(join(tmpdir(), 'remembering-'))
const file = join(folder, 'seal.key')
const newKey = () => randomBytes(32).toString('base64')

let server: LoginServer
let service: WatchedService

async function start(environment: Record<string, string> = {}): Promise<void> {
  service = await startWatchedService([server], { SEAL_KEY_FILE: file, ...environment })
}

async function stop(): Promise<void> {
  // So that the service does not wait for pages when it stops.
  await callSessions(service.url, 'DELETE', `/sessions?jid=${alice}`)
  await service.emptied()
  await service.stop()
}

async function restart(environment: Record<string, string> = {}): Promise<void> {
  await stop()
  await start(environment)
}

beforeEach(async () => {
  writeFileSync(file, newKey())
  server = await startLoginServer({
    ...{ domain: 'chat.example', certificate, accounts: { alice: password, bob: 'Pa55-of-bob' } },
    mechanisms: ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN'],
  })
  await start()
})

afterEach(async () => {
  await stop()
  expect(server.complaints).toEqual([])
  await server.stop()
})

afterAll(() => rmSync(folder, { recursive: true }))

/** The answer of a call that succeeds. */
async function warm(parameters: object): Promise<Record<string, string>> {
  const { status, text } = await service.warm(parameters)
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  return JSON.parse(text)
}

const remember = async () => (await warm(byPassword))['credential']!
const reached = () => server.connections.map(({ mechanism, reached }) => [mechanism, reached.at(-1)])

describe('a credential', () => {
  test('is of keys that have logged the user in, and logs them in later', async () => {
    const { jid, credential } = await warm({ ...byPassword, jid: `${alice}/desk` })
    expect(jid).toBe(`${alice}/desk`)
    expect(reached()).toEqual([
      ['SCRAM-SHA-256', 'success'],
      ['SCRAM-SHA-256', 'bind'],
    ])
    const later = await warm({ jid: `${alice}/garden`, credential })
    expect([later['jid'], later['credential']]).toEqual([`${alice}/garden`, undefined])
    expect(server.last).toMatchObject({ mechanism: 'SCRAM-SHA-256', attempts: 1, user: 'alice', gs2Header: 'y,,' })
    expect(server.connections).toHaveLength(3)
    expect(service.outcomes().map(({ login }) => login)).toEqual(['password', 'keys'])
    const shown = [service.lines.join('\n'), server.connections.flatMap(({ packets }) => packets).join('\n')]
    for (const text of shown) for (const secret of [credential!, password]) expect(text).not.toContain(secret)
  })

  test('logs in after a restart with new keys before the old one, and not without the old one', async () => {
    const old = newKey()
    writeFileSync(file, old)
    await restart()
    const credential = await remember()
    writeFileSync(file, `${newKey()}\n${old}\n`)
    await restart()
    await warm({ jid: alice, credential })
    writeFileSync(file, newKey())
    await restart()
    const before = server.connections.length
    expect(await service.problem({ jid: alice, credential })).toEqual({ status: 403, code: 'credentials-expired' })
    expect(server.connections).toHaveLength(before)
  })

  test('is of one admin and one user', async () => {
    await restart({ ADMIN_USERS: 'admin:admin-secret,other:other-secret' })
    const credential = await remember()
    const refused = { status: 403, code: 'credentials-expired' }
    expect(await service.problem({ jid: 'bob@chat.example', credential })).toEqual(refused)
    const other = { ...jsonHeaders, Authorization: `Basic ${Buffer.from('other:other-secret').toString('base64')}` }
    const body = JSON.stringify({ jid: alice, credential })
    const { status, text } = await service.call('/warm', { method: 'POST', headers: other, body })
    expect([status, JSON.parse(text).code]).toEqual([403, 'credentials-expired'])
    await warm({ jid: 'ALICE@chat.example', credential })
  })

  test('logs in over spare links and pipelined, many times', async () => {
    await restart({ XMPP_SPARE_LINKS: '8' })
    const credential = await remember()
    const before = server.connections.length
    for (let count = 0; count < 6; count += 1) {
      const { id } = await warm({ jid: alice, credential })
      await callSessions(service.url, 'DELETE', `/${id}`)
    }
    const logins = server.connections.slice(before).filter(({ attempts }) => attempts > 0)
    expect(logins.map(({ mechanism }) => mechanism)).toEqual(Array(logins.length).fill('SCRAM-SHA-256'))
    // Spare links end in their own time, or with the service.
    await service.stop()
    await start()
  })
})

describe('a user whose session lives', () => {
  const ofTab = { visit: 'v1', tab: 't1' }

  test('is remembered after a check of the keys, which binds nothing', async () => {
    const { id } = await warm({ jid: alice, password, ...ofTab })
    const { credential, ...resumed } = await warm({ ...byPassword, ...ofTab })
    expect(resumed).toMatchObject({ id, resumed: true })
    expect(reached().map(([, last]) => last)).toEqual(['bind', 'success', 'success'])
    expect(await warm({ jid: alice, credential })).toMatchObject({ resumed: false })
  })

  test.each([
    ['salts at each login', () => ({ salt: randomBytes(16) })],
    ['knows another password at the next login', () => ({ accounts: { alice: 'another' } })],
  ])('is not remembered by a server that %s, and the session lives on', async (_what, change) => {
    const { id } = await warm({ jid: alice, password, ...ofTab })
    server.script = {
      challenge: turn => {
        server.usual = { ...server.usual, ...change() }
        turn.goOn()
      },
    }
    const problem = await service.problem({ ...byPassword, ...ofTab })
    expect(problem).toMatchObject({ status: 409, code: 'cannot-remember', step: 'sasl' })
    expect(await warm({ jid: alice, ...ofTab })).toMatchObject({ id, resumed: true })
  })
})

describe('a credential has expired', () => {
  test.each<[string, () => Partial<LoginServer['usual']>]>([
    ['the password is another', () => ({ accounts: { alice: 'another' } })],
    ['the salt is another', () => ({ salt: randomBytes(16) })],
    ['the iterations are others', () => ({ iterations: 5000 })],
    ['the account is gone', () => ({ accounts: {} })],
    ['the hash is no longer offered', () => ({ mechanisms: ['SCRAM-SHA-1'] })],
    ['SCRAM is no longer offered', () => ({ mechanisms: ['PLAIN'] })],
  ])('if %s', async (_what, change) => {
    const credential = await remember()
    server.usual = { ...server.usual, ...change() }
    const problem = await service.problem({ jid: alice, credential })
    expect(problem).toMatchObject(expired)
    expect(server.last.packets.join('')).not.toContain(password)
  })

  test.each([
    ['account-disabled', 403, 'account-disabled'],
    ['temporary-auth-failure', 503, 'temporary-auth-failure'],
  ])('not if the server says %s', async (condition, status, code) => {
    const credential = await remember()
    server.script = { success: turn => turn.say(saslFailure(condition)) }
    expect(await service.problem({ jid: alice, credential })).toMatchObject({ status, code })
  })

  test('not if the server does not know the keys', async () => {
    const credential = await remember()
    server.script = { success: turn => turn.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>") }
    expect(await service.problem({ jid: alice, credential })).toMatchObject({ code: 'server-not-authentic' })
  })
})

describe('a user cannot be remembered', () => {
  const refused = { status: 409, code: 'cannot-remember', step: 'sasl' }

  test('without SCRAM: the password is not sent, and without remember it is', async () => {
    server.usual = { ...server.usual, mechanisms: ['PLAIN'] }
    expect(await service.problem(byPassword)).toEqual(refused)
    expect(server.connections.map(({ attempts }) => attempts)).toEqual([0])
    expect(await warm({ jid: alice, password })).not.toHaveProperty('credential')
  })

  test('where XMPP_MECHANISMS leaves out SCRAM', async () => {
    await restart({ XMPP_MECHANISMS: 'PLAIN' })
    expect(await service.problem(byPassword)).toEqual(refused)
  })

  test('by a server that salts at each login: no session is opened', async () => {
    server.script = {
      connect: turn => {
        server.usual = { ...server.usual, salt: randomBytes(16) }
        turn.goOn()
      },
    }
    expect(await service.problem(byPassword)).toEqual(refused)
    expect(server.connections.flatMap(({ reached }) => reached)).not.toContain('bind')
    await service.emptied()
    expect(await warm({ jid: alice, password })).not.toHaveProperty('credential')
  })

  test('with a wrong password, which is refused as ever', async () => {
    expect(await service.problem({ ...byPassword, password: 'wrong' })).toEqual({
      ...{ status: 403, code: 'not-authorized', step: 'sasl', condition: 'not-authorized' },
    })
    expect(server.connections).toHaveLength(1)
  })
})
