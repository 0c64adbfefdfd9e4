// A portal that stores no ids: it names its sessions by visit and tab.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const jid = 'alice@plain.example'
const account = { jid, password: 'Pa55-of-alice' }
const page = { jid, visit: 'v1', tab: 't1' }

let server: LoginServer
let services: TestService[]
const clients: BoshClient[] = []

beforeEach(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
  services = []
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const { url } of services) await callSessions(url, 'DELETE', `/sessions?jid=${jid}`)
  await Promise.all(services.map(service => service.stop()))
  expect(server.complaints).toEqual([])
  await server.stop()
})

async function start(count: number): Promise<readonly [TestService, TestService]> {
  const store = count > 1 ? memoryStore(systemClock) : undefined
  for (let number = 0; number < count; number++)
    services.push(
      await startTestService({
        servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
        environment: { XMPP_DOMAINS: 'plain.example' },
        store,
      }),
    )
  return [services[0]!, services.at(-1)!]
}

/** Logins wait here until the test continues them. */
function heldLogins() {
  const held: (() => void)[] = []
  server.script = { success: ({ goOn }) => new Promise<void>(resolve => held.push(() => resolve(goOn()))) }
  return held
}

const endVisit = ({ url }: TestService) => callSessions(url, 'DELETE', '/sessions?visit=v1')

test.each([1, 2])(
  'simultaneous pages at %i processes get one session, and later pages need no password',
  async count => {
    const [one, two] = await start(count)
    const held = heldLogins()
    const calls = [one, two, two].map(service => service.warm({ ...account, ...page }))
    await eventually('a login is under way', () => held.length === 1)
    held[0]!()
    const answers = (await Promise.all(calls)).map(({ json }) => json)
    expect(answers.map(({ resumed }) => resumed).sort()).toEqual([false, true, true])
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
    const again = await two.warm(page)
    expect(again).toMatchObject({ status: 200, json: { id: answers[0]!['id'], resumed: true } })
    expect(server.connections).toHaveLength(1)

    const { sid, rid } = again.json as { sid: string; rid: number }
    const client = new BoshClient(`${two.url}/http-bind`, { sid, rid })
    clients.push(client)
    await client.request("<presence xmlns='jabber:client'/>", { pause: '10' })
    await eventually('the presence arrives', () => server.last.stanzas.length === 1)
    expect((await one.warm(page)).json).toMatchObject({ id: again.json['id'], resumed: true })

    const listed = await callSessions(one.url, 'GET', '/sessions?visit=v1')
    expect(listed.json).toMatchObject({ total: 1, sessions: [{ id: again.json['id'], visit: 'v1', tab: 't1' }] })
    expect((await endVisit(one)).json).toEqual({ ended: 1 })
    await eventually('the user is logged out', () => server.open === 0)
    expect(await two.warm(page)).toMatchObject({ status: 400, json: { code: 'missing-parameter' } })
  },
)

test.each([
  [1, 'this'],
  [2, 'this'],
  [2, 'the other'],
] as const)('ending a visit aborts its login at one of %i processes: %s one', async (count, at) => {
  const [one, two] = await start(count)
  const held = heldLogins()
  const first = at === 'this' ? one : two
  const login = first.warm({ ...account, ...page })
  await eventually('a login is under way', () => held.length === 1)
  const calls = [login, ...[one, two].map(service => service.warm({ ...account, ...page }))]
  // The other calls wait for the login when these are answered.
  await Promise.all([one, two].map(({ url }) => callSessions(url, 'GET', '/sessions')))
  expect((await endVisit(one)).json).toEqual({ ended: 1 })
  for (const { status, json } of await Promise.all(calls)) {
    expect([status, json['code']]).toEqual([404, 'session-not-found'])
    expect(json['detail']).toContain('The visit was ended during this call.')
  }
  held[0]!()
  await eventually('no link is left', () => server.open === 0)
  expect(server.connections).toHaveLength(1)
})
