// Credentials: the sealed keys of a password, which log the user in later.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { callSessions } from '../support/sessions-api.js'
import { testFolder } from '../support/test-folder.js'

const certificate = makeCertificate(['DNS:chat.example'])
const alice = 'alice@chat.example'
const password = 'Pa55-of-alice'
const byPassword = { jid: alice, password, remember: 'on' }

const { folder } = testFolder()
const file = join(folder, 'seal.key')
const newKey = () => randomBytes(32).toString('base64')

let server: LoginServer
let service: WatchedService

async function start(environment: Record<string, string> = {}): Promise<void> {
  service = await startWatchedService([server], { SEAL_KEY_FILE: file, ...environment })
}

async function stop(): Promise<void> {
  // Otherwise the service would wait for pages when it stops.
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

/** The reply to a call that succeeds. */
async function warm(parameters: object): Promise<Record<string, string>> {
  const { status, text } = await service.warm(parameters)
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  return JSON.parse(text)
}

const remember = async () => (await warm(byPassword))['credential']!
const reached = () => server.connections.map(({ mechanism, reached }) => [mechanism, reached.at(-1)])

describe('a credential', () => {
  test('contains keys that a login has verified, and logs the user in later', async () => {
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

  test('works after a restart only if SEAL_KEY_FILE still contains the old key', async () => {
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
})

describe('a user with an open session', () => {
  const ofTab = { visit: 'v1', tab: 't1' }

  test('gets a credential after a check of the keys, which binds no resource', async () => {
    const { id } = await warm({ jid: alice, password, ...ofTab })
    const { credential, ...resumed } = await warm({ ...byPassword, ...ofTab })
    expect(resumed).toMatchObject({ id, resumed: true })
    expect(reached().map(([, last]) => last)).toEqual(['bind', 'success', 'success'])
    expect(await warm({ jid: alice, credential })).toMatchObject({ resumed: false })
  })

  test.each([
    ['changes the salt at each login', () => ({ salt: randomBytes(16) })],
    ['has another password at the next login', () => ({ accounts: { alice: 'another' } })],
  ])('gets cannot-remember if the server %s, and keeps the session', async (_what, change) => {
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
