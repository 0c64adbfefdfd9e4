import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { BoshClient, type Post } from '../support/bosh-client.js'
import { boshLogin } from '../support/bosh-login.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { counted as countedAt, scrape } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const presence = "<presence xmlns='jabber:client'/>"

let server: DemoServer
let clock: SteppedClock
let service: TestService
const clients: BoshClient[] = []
/** Of all clients. */
let requests = 0

beforeAll(async () => {
  server = await startDemoServer(passwords)
  clock = new SteppedClock()
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none,dead.example=xmpp://127.0.0.1:1?tls=none`,
    environment: {
      XMPP_DOMAINS: 'localhost,dead.example',
      METRICS_ADDRESS: '127.0.0.1:0',
      ADMIN_USERS: 'admin:admin-secret',
    },
    clock,
  })
})

afterAll(async () => {
  for (const client of clients) client.close()
  await service.stop()
  await server.stop()
})

const scraped = async () => (await scrape(service.service.metricsUrl)).samples
const counted = (name: string) => countedAt(service.service.metricsUrl, name)

function page(options: { sid?: string; rid?: number } = {}): BoshClient {
  const url = `${service.url}/http-bind`
  const post: Post = (body, { headers = {} } = {}) => {
    requests += 1
    return ask(url, { method: 'POST', headers }, body)
  }
  const client = new BoshClient(url, { ...options, post })
  clients.push(client)
  return client
}

const bind = (user: keyof typeof passwords, more: Record<string, string> = {}) =>
  service.bind({ jid: `${user}@localhost`, password: passwords[user], ...more })

describe('after known traffic, the metrics', () => {
  test('count warmed sessions and the outcome of each call', async () => {
    const alice = await bind('alice', { visit: 'v1' })
    await bind('bob')
    await service.warm({ jid: 'alice@localhost', password: 'wrong' })
    await service.warm({ jid: 'alice@dead.example', password: 'any' })
    await service.warm({ jid: 'alice@elsewhere.example', password: 'any' })
    await service.warm({ jid: 'alice@localhost' })
    await service.warm({}, { headers: { Authorization: 'Basic eDp5' } })
    await callSessions(service.url, 'POST', `/${alice.id}/resume`)
    await callSessions(service.url, 'POST', `/${'0'.repeat(32)}/resume`)
    expect(await bind('alice', { visit: 'v1' })).toMatchObject({ id: alice.id, resumed: true })

    expect(await counted('api_calls_total')).toEqual({
      'call="warm",code="ok"': 3,
      'call="warm",code="not-authorized",step="sasl"': 1,
      'call="warm",code="remote-connection-failed",step="connect"': 1,
      'call="warm",code="domain-not-allowed"': 1,
      'call="warm",code="missing-parameter"': 1,
      'call="resume",code="ok"': 1,
      'call="resume",code="session-not-found"': 1,
    })
    expect(await counted('warm_duration_seconds_count')).toEqual({
      ...{ 'code="ok"': 3, 'code="not-authorized"': 1, 'code="remote-connection-failed"': 1 },
      ...{ 'code="domain-not-allowed"': 1, 'code="missing-parameter"': 1 },
    })
    expect(await counted('warm_reuses_total')).toEqual({ '': 1 })
    expect(await counted('admin_login_failures_total')).toEqual({ '': 1 })
    expect(await counted('c2s_failures_total')).toEqual({
      'step="sasl",code="not-authorized"': 1,
      'step="connect",code="remote-connection-failed"': 1,
    })
    expect(await counted('sessions_created_total')).toEqual({ 'origin="warmed"': 4 })
    expect(await counted('sessions')).toEqual({ 'state="waiting"': 2 })
    expect(await counted('sessions_ended_total')).toEqual({ 'reason="login"': 2 })
    expect(await counted('c2s_links')).toEqual({ '': 2 })
  })

  test('count BOSH requests, and the states and ends of sessions', async () => {
    clock.advance(120_000)
    await eventually('the sessions have ended', () => service.service.counts().sessions === 0)
    const [alice, bob] = [await bind('alice'), await bind('bob')]
    const [one, two, own] = [page(alice), page(bob), page()]
    await boshLogin(own, { user: 'bob', domain: 'localhost', password: passwords.bob, resource: 'own' })
    await one.request(presence)
    const last = one.compose()
    const poll = one.send(last)
    const { samples } = await (async () => {
      for (;;) {
        const now = await scrape(service.service.metricsUrl)
        if (now.samples.get('warm_bindings_bosh_held_requests') === 1) return now
      }
    })()
    expect(samples.get('warm_bindings_sessions{state="held"}')).toBe(1)
    expect(samples.get('warm_bindings_http_connections')).toBeGreaterThanOrEqual(1)
    expect(samples.get('warm_bindings_bosh_oldest_held_request_seconds')).toBeLessThan(30)
    clock.advance(40_000)
    expect((await scraped()).get('warm_bindings_bosh_oldest_held_request_seconds')).toBeCloseTo(40, -1)
    clock.advance(15_000)
    expect((await poll).text).toBe("<body xmlns='http://jabber.org/protocol/httpbind'/>")
    await one.send(last)
    await one.terminate()
    await two.request(presence)
    await two.request('', { rid: String(two.rid + 99) })
    await callSessions(service.url, 'DELETE', '/sessions?jid=bob@localhost')
    await one.request()
    await page().request('', { to: 'elsewhere.example', ver: '1.6' })

    expect(await counted('sessions')).toEqual({})
    expect(await counted('sessions_created_total')).toEqual({ 'origin="warmed"': 6, 'origin="client"': 1 })
    expect(await counted('sessions_ended_total')).toEqual({
      ...{ 'reason="login"': 2, 'reason="attach-timeout"': 2, 'reason="client"': 1 },
      ...{ 'reason="item-not-found"': 1, 'reason="logout"': 1 },
    })
    expect(await counted('bosh_requests_total')).toEqual({ '': requests })
    expect(await counted('bosh_failed_requests_total')).toEqual({ '': 3 })
    expect(await counted('bosh_replays_total')).toEqual({ '': 1 })
    expect(await counted('bosh_timeouts_total')).toEqual({ 'kind="wait"': 1 })
    expect(await counted('bosh_unknown_sids_total')).toEqual({ '': 1 })
    expect(await counted('bosh_unknown_hosts_total')).toEqual({ '': 1 })
    expect(await counted('faults_total')).toEqual({})
    await eventually('all streams are closed', () => service.service.counts().links === 0)
  })

  test('contain no user, and domains and addresses only of XMPP servers', async () => {
    const { text } = await scrape(service.service.metricsUrl)
    expect(text.replaceAll(/^warm_bindings_xmpp_server_up\{.*/gm, '')).not.toMatch(
      /alice|bob|localhost|dead\.example|elsewhere\.|127\.0\.0\.1/,
    )
  })
})
