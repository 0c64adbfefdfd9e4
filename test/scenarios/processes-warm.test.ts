// Runs in npm run test:all only: twenty seconds.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { PeerLink } from '../../src/forwarding/peer-links.js'
import { pause, systemClock } from '../../src/lib/clock.js'
import { type Store, StoreUnavailable } from '../../src/store/store.js'
import { freshPath } from '../forwarding/stage.js'
import { eventually } from '../support/eventually.js'
import type { HttpAnswer } from '../support/http-answer.js'
import { callUrl } from '../support/login-server/watched-service.js'
import { memoryStore } from '../support/memory-store.js'
import { callSessions } from '../support/sessions-api.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'

const SEAL_KEY_FILE = testFolder().file('keys', randomBytes(32).toString('base64'))
const alice = { jid: 'alice@localhost', password: 'wonderland' }

let store: Store
const services: TestService[] = []

beforeEach(() => {
  store = memoryStore(systemClock)
})

afterEach(() => Promise.all(services.splice(0).map(service => service.stop())))

async function start(count: number, environment: Record<string, string> = {}): Promise<TestService[]> {
  for (let number = 0; number < count; number++)
    services.push(await startTestService({ demo: [{ alice: alice.password }], store, environment }))
  return services
}

const call = ({ url }: TestService, method: 'GET' | 'POST' | 'DELETE', path: string) => callSessions(url, method, path)

test('a session of one process is listed, shown, resumed and ended by any process', async () => {
  const [one, two, three] = (await start(3)) as [TestService, TestService, TestService]
  const { id, jid, sid } = await one.bind(alice)
  await two.bind(alice)
  const list = (await call(three, 'GET', '/sessions?jid=alice@localhost&limit=1')).json
  expect([list.total, list.sessions.length]).toEqual([2, 1])
  const rest = (await call(one, 'GET', `/sessions?limit=1&after=${list.next}`)).json
  expect([...list.sessions, ...rest.sessions].map((session: { id: string }) => session.id)).toContain(id)
  expect(rest.next).toBeUndefined()
  expect((await call(three, 'GET', `/${id}`)).json).toMatchObject({ id, jid, state: 'waiting' })
  const resumed = await call(two, 'POST', `/${id}/resume`)
  expect(resumed.json).toMatchObject({ id, jid, sid, resumed: true, delivered: 0 })
  expect((await call(three, 'DELETE', `/${id}`)).status).toBe(204)
  expect((await call(one, 'GET', `/${id}`)).status).toBe(404)
  expect((await call(three, 'DELETE', '/sessions?jid=alice@localhost')).json).toEqual({ ended: 1 })
})

test('a call of a tab began when the first process got it, so an end since then is meant for it', async () => {
  const [one, two] = (await start(2)) as [TestService, TestService]
  const tab = { ...alice, visit: 'v', tab: 't' }
  await two.warm(tab)
  const begun = Date.now()
  await call(one, 'DELETE', '/sessions?visit=v')
  while (Date.now() === begun) await pause(systemClock, 1)
  await two.warm(tab)
  expect((await one.warm(tab)).json).toMatchObject({ resumed: true })
  const { request } = PeerLink.prototype
  const link = jest.spyOn(PeerLink.prototype, 'request').mockImplementation(function (this: PeerLink, headers) {
    if (headers[':method'] !== 'POST' || headers['warm-target'] !== '/warm') return request.call(this, headers)
    expect(Number(headers['warm-note'])).toBeGreaterThan(begun)
    return request.call(this, { ...headers, 'warm-note': String(begun) })
  })
  const { status, text } = await one.warm(tab)
  link.mockRestore()
  expect([status, text]).toEqual([404, expect.stringContaining('session-not-found')])
})

test('a session is ended by another process that cannot reach its own', async () => {
  const path = freshPath()
  const silent = createServer().listen(path)
  await once(silent, 'listening')
  const { join } = store
  store.join = member => join({ ...member, entry: () => ({ ...member.entry(), address: `unix:${path}` }) })
  const [owner] = (await start(1)) as [TestService]
  store.join = join
  const [, other] = (await start(1)) as [TestService, TestService]
  const { id } = await owner.bind(alice)
  const begun = performance.now()
  expect((await call(other, 'DELETE', `/${id}`)).status).toBe(204)
  // Callers do not wait long, and an end that they gave up is not marked.
  expect(performance.now() - begun).toBeLessThan(4_000)
  await eventually('the session has ended', () => owner.service.counts().sessions === 0)
  silent.close()
})

const endings: [how: string, status: number, end: (service: TestService, path: string) => Promise<HttpAnswer>][] = [
  ['DELETE', 204, (service, path) => call(service, 'DELETE', path)],
  [
    'the form',
    303,
    async ({ url }, path) => {
      const headers = { Authorization: adminHeader, Accept: 'text/html', Origin: url, 'Sec-Fetch-Site': 'same-origin' }
      const question = await callUrl(`${url}/warm${path}/end`, { headers })
      const [, token] = /name="csrf_token" value="([^"]+)"/.exec(question.text) ?? []
      return callUrl(`${url}/warm${path}/end`, {
        ...{ method: 'POST', body: `csrf_token=${token}` },
        headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' },
      })
    },
  ],
]

test.each(endings)('a session is ended by %s at another process while the store is away', async (_how, status, end) => {
  const [one, two] = (await start(2, { SEAL_KEY_FILE })) as [TestService, TestService]
  const { id } = await one.bind(alice)
  const away = () => Promise.reject(new StoreUnavailable('no-connection'))
  const find = jest.spyOn(store.sessions, 'find').mockImplementation(away)
  expect((await end(two, `/${id}`)).status).toBe(status)
  expect([one.service.counts().sessions, find.mock.calls]).toEqual([0, []])
})

test('a limit counts for all processes together', async () => {
  const limits = { SEAL_KEY_FILE, MAX_SESSIONS_PER_JID: '1', RATE_WARMS_PER_JID: '6', RATE_FAILED_LOGINS: '3' }
  const [one, two, three] = (await start(3, limits)) as [TestService, TestService, TestService]
  const codes = async (replies: Promise<{ status: number; json: Readonly<Record<string, unknown>> }>[]) =>
    (await Promise.all(replies)).map(({ json, status }) => json['code'] ?? status).sort()
  // Two calls at once do not both get the last place.
  expect(await codes([one.warm(alice), two.warm(alice)])).toEqual([200, 'too-many-sessions'])
  const detail = expect.stringContaining('Limit: MAX_SESSIONS_PER_JID.')
  expect((await three.warm(alice)).json).toMatchObject({ code: 'too-many-sessions', detail })
  await call(three, 'DELETE', '/sessions?jid=alice@localhost')
  expect(await codes([three.warm(alice)])).toEqual([200])
  await call(one, 'DELETE', '/sessions?jid=alice@localhost')
  expect(await codes([one.warm(alice), two.warm({ ...alice, password: 'wrong' }), three.warm(alice)])).toContain(
    'too-many-requests',
  )

  const wrong = { Authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` }
  const statuses: number[] = []
  for (const service of [one, two, three, one, two])
    statuses.push((await callUrl(`${service.url}/warm/sessions`, { headers: wrong })).status)
  expect(statuses).toEqual([401, 401, 401, 429, 429])
})
