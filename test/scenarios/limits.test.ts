// Limits through the whole service: what exceeds them is rejected, other clients continue, and the limit recovers.
// test/scenarios/reload.test.ts reaches each limit; test/session/limits/ and test/warm/call-limits.test.ts count exactly.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { Problem } from '../../src/lib/errors.js'
import type { WorkQueue } from '../../src/lib/limits/work-queue.js'
import { attribute, BoshClient, type Post } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const refused = "type='terminate' condition='policy-violation'"
const creation = { to: 'localhost', wait: '60', hold: '1', ver: '1.6' }

let server: DemoServer
let service: TestService
const clients: BoshClient[] = []

beforeAll(async () => {
  server = await startDemoServer(passwords)
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await stop()
  await eventually('no connection to the server is open', () => server.connections === 0)
})

afterAll(() => server.stop())

async function start(environment: Record<string, string>): Promise<void> {
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment,
    clock: new MovedClock(),
  })
}

/** Ends all sessions before the stop, which would wait for their pages. */
async function stop(): Promise<void> {
  const { json } = await callSessions(service.url, 'GET', '/sessions')
  for (const { id } of json.sessions) await end(id)
  await service.stop()
}

/** A client whose requests come through the trusted proxy, from this address. */
function clientFrom(address: string): BoshClient {
  const post: Post = (body, { signal, headers } = {}) =>
    ask(
      `${service.url}/http-bind`,
      {
        ...{ method: 'POST', agent: false, headers: { 'X-Forwarded-For': address, ...headers } },
        ...(signal && { signal }),
      },
      body,
    )
  const client = new BoshClient(`${service.url}/http-bind`, { post })
  clients.push(client)
  return client
}

/** Opens a session from an address. Rejects if the service does. */
async function open(address: string): Promise<BoshClient> {
  const client = clientFrom(address)
  const created = await client.request('', creation)
  client.sid = attribute(created, 'sid')
  if (client.sid === undefined) throw new Error(created)
  return client
}

const warm = (user: keyof typeof passwords, more: Record<string, string | number> = {}) =>
  service.warm({ jid: `${user}@localhost`, password: passwords[user], ...more })
const bind = (user: keyof typeof passwords) => service.bind({ jid: `${user}@localhost`, password: passwords[user] })
const end = (id: string) => callSessions(service.url, 'DELETE', `/${id}`)

describe('new sessions', () => {
  test('above MAX_SESSIONS are rejected, warmed or not, until a session ends', async () => {
    await start({ MAX_SESSIONS: '2' })
    const client = await open('192.0.2.1')
    const { id } = await bind('alice')
    await expect(open('192.0.2.2')).rejects.toThrow(refused)
    const full = await warm('bob')
    expect([full.status, full.json['code']]).toEqual([503, 'service-full'])
    expect(Number(full.headers['retry-after'])).toBeGreaterThan(0)
    // Existing sessions continue.
    expect(await client.request('', { pause: '60' })).not.toContain('terminate')
    await end(id)
    expect((await warm('bob')).status).toBe(200)
    await client.terminate()
    await open('192.0.2.2')
  })
})

describe('warm calls', () => {
  test('of twenty tabs at once are accepted', async () => {
    await start({})
    const tabs = Array.from({ length: 20 }, (_, tab) => warm('alice', { visit: 'v1', tab: `t${tab}` }))
    expect((await Promise.all(tabs)).map(({ status }) => status)).toEqual(Array(20).fill(200))
  })
})

describe('addresses', () => {
  const alice = { jid: 'alice@localhost', password: passwords.alice }
  const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } })

  test('of this machine and of private networks may call the warm API by default', async () => {
    await start({})
    const codes: unknown[] = []
    for (const address of ['10.1.2.3', '2001:db8::1', '192.0.2.1', '192.168.1.1'])
      codes.push((await service.warm(alice, from(address))).json['code'])
    expect(codes).toEqual([undefined, 'address-forbidden', 'address-forbidden', undefined])
    await open('192.0.2.1')
  })

  test('are filtered by WARM_ALLOW and BOSH_ALLOW', async () => {
    await start({
      ...{ WARM_ALLOW: 'loopback,192.0.2.0/24,!192.0.2.128/25' },
      ...{ BOSH_ALLOW: '192.0.2.0/24,2001:db8::/32,!192.0.2.64/26' },
    })
    const statuses: number[] = []
    for (const address of ['192.0.2.1', '192.0.2.129', '10.1.2.3'])
      statuses.push((await service.warm(alice, from(address))).status)
    expect(statuses).toEqual([200, 403, 403])
    await open('192.0.2.1')
    await open('2001:db8:1::1')
    for (const address of ['192.0.2.65', '10.1.2.3']) await expect(open(address)).rejects.toThrow('HTTP 403')
  })
})

test('wrong admin secrets above RATE_FAILED_LOGINS get 429, for that name at that address', async () => {
  await start({
    ...{ RATE_FAILED_LOGINS: '2', WARM_ALLOW: 'any', ADMIN_USERS: 'admin:admin-secret,other:other-secret' },
  })
  const callAs = async (name: string, secret: string, address: string) => {
    const Authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
    const { status, headers } = await service.warm(
      { jid: 'alice@localhost', password: passwords.alice },
      { headers: { Authorization, 'X-Forwarded-For': address } },
    )
    return { status, retryAfter: headers['retry-after'] }
  }
  expect((await callAs('admin', 'admin-secret', '192.0.2.2')).status).toBe(200)
  for (const secret of ['one', 'two']) expect((await callAs('admin', secret, '192.0.2.1')).status).toBe(401)
  const often = await callAs('admin', 'admin-secret', '192.0.2.1')
  expect([often.status, Number(often.retryAfter) > 50]).toEqual([429, true])
  expect((await callAs('other', 'other-secret', '192.0.2.1')).status).toBe(200)
  expect((await callAs('admin', 'admin-secret', '192.0.2.2')).status).toBe(200)
})

test('a full queue of admin secrets to hash does not delay a SCRAM login', async () => {
  const hashes: WorkQueue = () => Promise.reject(new Problem('service-full'))
  const servers = `localhost=xmpp://127.0.0.1:${server.port}?tls=none`
  service = await startTestService({ servers, hashes })
  const { sid } = await service.bind({ jid: 'alice@localhost', password: passwords.alice })
  expect(sid).toMatch(/./)
})
