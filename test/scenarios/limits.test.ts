// Every limit on numbers and rates, through the whole service: what exceeds it is rejected, other clients continue,
// and the limit recovers.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { Problem } from '../../src/lib/errors.js'
import type { WorkQueue } from '../../src/lib/limits/work-queue.js'
import { attribute, BoshClient, type Post } from '../support/bosh-client.js'
import { boshLogin } from '../support/bosh-login.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { testRest } from '../support/matrix.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const refused = "type='terminate' condition='policy-violation'"
const creation = { to: 'localhost', wait: '60', hold: '1', ver: '1.6' }

let server: DemoServer
let service: TestService
let clock: MovedClock
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
  clock = new MovedClock()
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment,
    clock,
  })
}

/** Ends all sessions before the stop, which would wait for their pages. */
async function stop(): Promise<void> {
  const { json } = await callSessions(service.url, 'GET', '/sessions')
  for (const { id } of json.sessions) await end(id)
  await service.stop()
}

/** A client whose requests come through the trusted proxy, from this address. */
function clientFrom(address: string, about: { sid?: string; rid?: number } = {}): BoshClient {
  const post: Post = (body, { signal, headers } = {}) =>
    ask(
      `${service.url}/http-bind`,
      {
        ...{ method: 'POST', agent: false, headers: { 'X-Forwarded-For': address, ...headers } },
        ...(signal && { signal }),
      },
      body,
    )
  const client = new BoshClient(`${service.url}/http-bind`, { ...about, post })
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
const logIn = (client: BoshClient, user: keyof typeof passwords) =>
  boshLogin(client, { user, domain: 'localhost', password: passwords[user] })
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

  testRest('are rejected while the process needs more than MAX_MEMORY_MB, until sessions end', async () => {
    await start({ MAX_MEMORY_MB: '1' })
    const { id } = await bind('alice')
    expect((await warm('bob')).json['code']).toBe('service-full')
    await expect(open('192.0.2.1')).rejects.toThrow(refused)
    await end(id)
    expect((await warm('bob')).status).toBe(200)
  })
})

describe('sessions of one address', () => {
  test('above MAX_SESSIONS_PER_ADDRESS are rejected, and warm calls do not count', async () => {
    await start({ MAX_SESSIONS_PER_ADDRESS: '2', MAX_UNAUTHENTICATED_PER_ADDRESS: '0' })
    const first = await open('192.0.2.1')
    await open('192.0.2.1')
    await expect(open('192.0.2.1')).rejects.toThrow(refused)
    await open('192.0.2.2')
    for (let count = 0; count < 4; count++) expect((await warm('alice')).status).toBe(200)
    await first.terminate()
    await open('192.0.2.1')
  })

  test('above MAX_UNAUTHENTICATED_PER_ADDRESS are rejected before login', async () => {
    await start({ MAX_UNAUTHENTICATED_PER_ADDRESS: '2' })
    const client = clientFrom('192.0.2.1')
    await logIn(client, 'alice')
    await open('192.0.2.1')
    const second = await open('192.0.2.1')
    await expect(open('192.0.2.1')).rejects.toThrow(refused)
    await second.terminate()
    await open('192.0.2.1')
  })

  test('end after BOSH_LOGIN_TIMEOUT if they are not logged in', async () => {
    await start({ BOSH_LOGIN_TIMEOUT: '1' })
    const user = clientFrom('192.0.2.1')
    await logIn(user, 'alice')
    const stranger = await open('192.0.2.2')
    expect(await stranger.request()).toContain(refused)
    await user.request("<presence xmlns='jabber:client'/>")
    const { sid, rid } = await bind('bob')
    const page = clientFrom('192.0.2.3', { sid, rid })
    expect(await page.request("<presence xmlns='jabber:client'/>")).toContain('<presence')
    expect(service.service.counts().sessions).toBe(2)
  })

  test('above RATE_SESSIONS_PER_ADDRESS are rejected, and warm calls do not count', async () => {
    await start({ RATE_SESSIONS_PER_ADDRESS: '1' })
    for (let count = 0; count < 5; count++) await open('192.0.2.1')
    await expect(open('192.0.2.1')).rejects.toThrow(refused)
    await open('192.0.2.2')
    for (let count = 0; count < 6; count++) expect((await warm('alice')).status).toBe(200)
  })
})

describe('sessions of one user', () => {
  test('above MAX_SESSIONS_PER_JID are rejected, warmed or not, until a session ends', async () => {
    await start({ MAX_SESSIONS_PER_JID: '2' })
    const { id } = await bind('alice')
    const client = clientFrom('192.0.2.1')
    await logIn(client, 'alice')
    const full = await warm('alice')
    expect([full.status, full.json['code']]).toEqual([503, 'too-many-sessions'])
    expect(full.headers['retry-after']).toBe('60')
    await expect(logIn(clientFrom('192.0.2.1'), 'alice')).rejects.toThrow(refused)
    expect((await warm('bob')).status).toBe(200)
    await end(id)
    expect((await warm('alice')).status).toBe(200)
    expect((await warm('alice')).json['code']).toBe('too-many-sessions')
    await client.terminate()
    await logIn(clientFrom('192.0.2.1'), 'alice')
  })
})

test('held requests above MAX_HELD_REQUESTS prevent new sessions, and end none', async () => {
  await start({ MAX_HELD_REQUESTS: '2' })
  const pages = await Promise.all(
    [await bind('alice'), await bind('alice'), await bind('bob')].map(async binding => {
      const page = clientFrom('192.0.2.1', binding)
      return { page, id: binding.id }
    }),
  )
  const held = async (id: string) => {
    while ((await callSessions(service.url, 'GET', `/${id}`)).json.state !== 'held') await pause(5)
  }
  const polls: Promise<string>[] = []
  for (const { page, id } of pages) {
    polls.push(page.request())
    await held(id)
  }
  expect((await warm('bob')).json['code']).toBe('service-full')
  // The next request of the same page replaces the previous request.
  const next = pages[0]!.page.request()
  expect(await polls[0]).not.toContain('terminate')
  for (const at of [1, 2]) {
    await end(pages[at]!.id)
    await polls[at]
  }
  expect((await warm('bob')).status).toBe(200)
  await end(pages[0]!.id)
  await next
})

describe('warm calls', () => {
  test('of twenty tabs at once are accepted', async () => {
    await start({})
    const tabs = Array.from({ length: 20 }, (_, tab) => warm('alice', { visit: 'v1', tab: `t${tab}` }))
    expect((await Promise.all(tabs)).map(({ status }) => status)).toEqual(Array(20).fill(200))
  })

  test('above RATE_WARMS_PER_JID get 429 with Retry-After', async () => {
    await start({ RATE_WARMS_PER_JID: '2' })
    await bind('alice')
    await service.bind({ jid: 'Alice@LOCALHOST/home', password: passwords.alice })
    const often = await warm('alice')
    expect([often.status, often.json['code']]).toEqual([429, 'too-many-requests'])
    expect(often.json['detail']).toContain('Limit: RATE_WARMS_PER_JID.')
    expect(Number(often.headers['retry-after'])).toBeGreaterThan(50)
    expect(Number(often.headers['retry-after'])).toBeLessThanOrEqual(60)
    expect((await warm('bob')).status).toBe(200)
  })

  test('above RATE_WARMS_PER_ADMIN get 429, for that admin only', async () => {
    await start({ RATE_WARMS_PER_ADMIN: '2', ADMIN_USERS: 'admin:admin-secret,other:other-secret' })
    await bind('alice')
    await bind('bob')
    expect((await warm('alice')).json).toMatchObject({
      code: 'too-many-requests',
      detail: expect.stringContaining('Limit: RATE_WARMS_PER_ADMIN.'),
    })
    const other = { Authorization: `Basic ${Buffer.from('other:other-secret').toString('base64')}` }
    const parameters = { jid: 'alice@localhost', password: passwords.alice }
    expect((await service.warm(parameters, { headers: other })).status).toBe(200)
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

  test('are filtered by WARM_ALLOW, WARM_DENY, BOSH_ALLOW and BOSH_DENY', async () => {
    await start({
      ...{ WARM_ALLOW: 'loopback,192.0.2.0/24', WARM_DENY: '192.0.2.128/25' },
      ...{ BOSH_ALLOW: '192.0.2.0/24,2001:db8::/32', BOSH_DENY: '192.0.2.64/26' },
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
