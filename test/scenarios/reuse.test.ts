import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const account = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let clock: MovedClock
let service: TestService

/** Starts a service with a session of alice's that has been quiet for long enough. */
async function setUp(environment: Record<string, string> = {}) {
  server = await startLoginServer({ domain: 'plain.example' })
  clock = new MovedClock()
  service = await startTestService({
    servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: { XMPP_DOMAINS: 'plain.example', ...environment },
    clock,
  })
  const binding = await service.bind(account)
  clock.advance(5_000)
  return binding
}

afterEach(async () => {
  // So that the service does not wait for pages when it stops.
  await callSessions(service.url, 'DELETE', `/sessions?jid=${account.jid}`)
  await service.stop()
  expect(server.complaints).toEqual([])
  await server.stop()
})

const reuse = (more: Record<string, string> = {}) => service.warm({ ...account, reuse: 'on', ...more })
const stateOf = async (id: string) => (await callSessions(service.url, 'GET', `/${id}`)).json.state

test('takes up a session of the user without a login where the password is remembered', async () => {
  const { id, jid, sid } = await setUp()
  const { status, json } = await reuse()
  expect([status, json]).toMatchObject([200, { id, jid, sid, reused: true }])
  expect(server.connections).toHaveLength(1)
  const page = new BoshClient(`${service.url}/http-bind`, { sid, rid: json['rid'] as number })
  await page.request("<presence xmlns='jabber:client'/>", { pause: '10' })
  await eventually('the presence arrives', () => server.last.stanzas.length === 1)
  page.close()
})

test('checks the password by a login that binds nothing where none is remembered', async () => {
  const { id } = await setUp({ SCRAM_MEMORY: '0' })
  expect((await reuse()).json).toMatchObject({ id, reused: true })
  expect(server.connections).toHaveLength(2)
  expect(server.last.reached).not.toContain('bind')
  await eventually('the check has left', () => server.open === 1)
  expect(server.connections[0]!.ended).toBe(false)
})

test.each([
  ['is remembered', {}],
  ['is not', { SCRAM_MEMORY: '0' }],
])('refuses a wrong password where the right one %s, and leaves the session alone', async (_what, settings) => {
  const { id } = await setUp(settings)
  const refused = await reuse({ password: 'wrong' })
  expect(refused.json).toMatchObject({ status: 403, code: 'not-authorized', step: 'sasl' })
  await eventually('nothing is left of it', () => server.open === 1)
  expect(server.connections[0]!.ended).toBe(false)
  expect(await stateOf(id)).toBe('waiting')
  expect((await reuse()).json).toMatchObject({ id, reused: true })
})

test('gives two calls at the same time a session each', async () => {
  const { id } = await setUp()
  const ids = (await Promise.all([reuse(), reuse()])).map(({ json }) => json['id'])
  expect(new Set(ids).size).toBe(2)
  expect(ids).toContain(id)
})

test('warms a new session where the user has none that is free', async () => {
  const { id, sid, rid } = await setUp()
  const page = new BoshClient(`${service.url}/http-bind`, { sid, rid })
  const poll = page.request()
  while ((await stateOf(id)) !== 'held') await pause(5)
  expect((await reuse()).json).toMatchObject({ reused: false })
  expect(await stateOf(id)).toBe('held')
  await callSessions(service.url, 'DELETE', `/${id}`)
  await poll
  page.close()
})

test('looks for the resource that is asked for', async () => {
  const { id } = await setUp()
  expect((await reuse({ jid: `${account.jid}/desk` })).json).toMatchObject({ reused: false })
  expect((await reuse({ jid: `${account.jid}/chosen-by-server` })).json).toMatchObject({ id, reused: true })
})
