// Pages with a token, at two processes that know each other.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { memoryStore } from '../support/memory-store.js'
import { callConnect } from '../support/page-call.js'
import { pageSecret, pageToken } from '../support/page-token.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

const portal = 'https://portal.example'

interface Page {
  readonly method?: 'POST' | 'DELETE'
  readonly tab?: string
  readonly claims?: object
  /** In place of a token of the portal; empty without a token. */
  readonly guest?: string
}

const { file } = testFolder()
let server: LoginServer
let services: readonly TestService[]
let calls: number

beforeEach(async () => {
  server = await startLoginServer({
    domain: 'plain.example',
    mechanisms: ['PLAIN'],
    accounts: { alice: 'Pa55-of-alice', bob: 'Pa55-of-bob', portal: 'Pa55-of-portal' },
    actors: ['portal'],
  })
  const store = memoryStore(systemClock)
  const start = () =>
    startTestService({
      servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none&plain=on`,
      environment: {
        XMPP_DOMAINS: 'plain.example',
        XMPP_SERVICE_ACCOUNTS: 'plain.example=portal:Pa55-of-portal',
        XMPP_SPARE_LINKS: '0',
        PAGE_ORIGINS: portal,
        PAGE_TOKEN_SECRET_FILE: file('secrets', pageSecret),
        PAGE_TOKEN_AUDIENCE: 'chat',
        PAGE_TOKEN_JID: '{sub}@plain.example',
        PAGE_GUESTS: 'plain.example',
        SEAL_KEY_FILE: file('seal.key', Buffer.alloc(32, 7).toString('base64')),
      },
      store,
    })
  services = [await start(), await start()]
  calls = 0
})

afterEach(async () => {
  const users = new Set(server.connections.map(({ owner }) => owner))
  for (const user of users) await callSessions(services[0]!.url, 'DELETE', `/sessions?jid=${user}@plain.example`)
  await Promise.all(services.map(service => service.stop()))
  expect(server.complaints).toEqual([])
  await server.stop()
})

/** Each call reaches another process. */
async function connect({
  method = 'POST',
  tab = 't1',
  claims = { visit: 'v1' },
  guest = pageToken(claims),
}: Page = {}) {
  const { url } = services[calls++ % services.length]!
  const { status, text } = await callConnect(url, portal, { method, token: guest, ...(method === 'POST' && { tab }) })
  return { status, json: JSON.parse(text) as Record<string, unknown> }
}

const idsOf = (answers: readonly { json: Record<string, unknown> }[]) => [
  ...new Set(answers.map(({ json }) => json['id'])),
]

test('a tab gets its session from any process, and another user does not', async () => {
  const first = await connect()
  const later = [await connect(), await connect(), await connect()]
  expect(later.map(({ json }) => json['resumed'])).toEqual([true, true, true])
  expect(idsOf(later)).toEqual([first.json['id']])
  expect(server.connections).toHaveLength(1)
  for (const claims of [{ visit: 'v1', sub: 'bob' }, { visit: 'v2' }])
    expect(await connect({ claims })).toMatchObject({ status: 200, json: { resumed: false } })
  expect(server.connections).toHaveLength(3)
})

test('a guest comes back at any process', async () => {
  const first = (await connect({ guest: '' })).json
  let guest = first['guest_token'] as string
  for (let call = 0; call < 3; call++) {
    const { json } = await connect({ guest })
    expect(json).toMatchObject({ id: first['id'], resumed: true })
    guest = json['guest_token'] as string
  }
  expect((await connect({ guest: '' })).json['jid']).not.toBe(first['jid'])
  expect(server.connections).toHaveLength(2)
})

test('simultaneous calls of a tab cause one login', async () => {
  const held: (() => void)[] = []
  server.script = { success: ({ goOn }) => new Promise<void>(resolve => held.push(() => resolve(goOn()))) }
  const simultaneous = Array.from({ length: 4 }, () => connect())
  await eventually('a login is under way', () => held.length === 1)
  held[0]!()
  const answers = await Promise.all(simultaneous)
  expect(answers.map(({ json }) => json['resumed']).sort()).toEqual([false, true, true, true])
  expect(idsOf(answers)).toHaveLength(1)
  expect(server.connections).toHaveLength(1)
})

test('a sign-out at one process ends sessions and logins at both', async () => {
  const tabs = await Promise.all(['t1', 't2', 't3', 't4'].map(tab => connect({ tab })))
  expect(idsOf(tabs)).toHaveLength(4)
  const bob = { visit: 'v1', sub: 'bob' }
  const { json } = await connect({ claims: bob })
  let waiting = 0
  server.script = {
    success() {
      waiting += 1
    },
  }
  const late = [connect({ tab: 't5' }), connect({ tab: 't6' })]
  await eventually('the logins are under way', () => waiting === 2)
  const told = await connect({ method: 'DELETE' })
  expect(told.status).toBe(200)
  expect(told.json['ended']).toBeGreaterThanOrEqual(4)
  for (const { status, json } of await Promise.all(late))
    expect([status, json['code']]).toEqual([404, 'session-not-found'])
  server.script = {}
  expect(await connect({ claims: bob })).toMatchObject({ json: { id: json['id'], resumed: true } })
  expect((await connect()).json['resumed']).toBe(false)
})
