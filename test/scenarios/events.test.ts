// A portal's backend receives the events of its sessions in order, also after an outage.
import { createServer as createHttpsServer } from 'node:https'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startDemoServer } from '../../src/command/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { EventReceiver, eventsSecret, taking } from '../support/event-receiver.js'
import { eventually } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { Operator, settingsAt } from '../support/operated-service.js'
import { counted } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { openPage, take } from '../support/taking-page.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let receiver: EventReceiver
let clock: SteppedClock
let service: TestService
const closers: (() => unknown)[] = []
const operator = Operator.ofEachTest()

beforeEach(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
  receiver = await EventReceiver.start()
  clock = new SteppedClock()
  service = await start({ EVENTS_URL: receiver.url })
})

afterEach(async () => {
  receiver.behaviour = taking
  for (const close of closers.splice(0).reverse()) await close()
  await service.stop()
  expect(receiver.complaints).toEqual([])
  await receiver.stop()
  await server.stop()
  expect(server.complaints).toEqual([])
  for (const line of service.lines) expect(line).not.toContain(eventsSecret)
})

const start = (environment: Record<string, string> = {}) =>
  startTestService({
    servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: {
      XMPP_DOMAINS: 'plain.example',
      EVENTS_SECRET: eventsSecret,
      METRICS_ADDRESS: '127.0.0.1:0',
      ...environment,
    },
    clock,
  })

const call = (method: 'GET' | 'POST' | 'DELETE', path: string) => callSessions(service.url, method, path)

/** A page over BOSH that has sent its first request. */
async function attach(binding: { sid: string; rid: number }): Promise<BoshClient> {
  const page = new BoshClient(`${service.url}/http-bind`, binding)
  closers.push(() => page.close())
  await page.request("<presence xmlns='jabber:client'/>", { pause: '60' })
  return page
}

/** Resolves once the receiver has exactly these events of a session. */
async function told(session: string, ...events: readonly string[]): Promise<void> {
  await eventually(`the events ${events}`, () => receiver.of(session).length >= events.length)
  expect(receiver.of(session)).toEqual(events)
}

describe('a portal receives events', () => {
  test('of a session from its first page to its end, in order', async () => {
    const binding = await service.bind(alice)
    const { id, jid } = binding
    await attach(binding)
    await told(id, 'session.attached')
    const resumed = (await call('POST', `/${id}/resume`)).json
    await told(id, 'session.attached', 'session.resumed')
    // A page that continues the session over WebSocket.
    const wire = await openPage(service.url, '/xmpp-websocket/warm')
    closers.push(() => wire.drop())
    await take(wire, resumed.websocket.token)
    expect((await call('DELETE', `/${id}`)).status).toBe(204)
    await told(id, 'session.attached', 'session.resumed', 'session.attached', 'session.ended: logout')
    expect(receiver.taken.at(-1)).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/),
      type: 'session.ended',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      data: { id, jid, domain: 'plain.example', reason: 'logout', request_id: expect.any(String) },
    })
    expect(Math.abs(Date.parse(receiver.taken.at(-1)!.timestamp) - Date.now())).toBeLessThan(30_000)
    expect(receiver.taken[0]!.data).toEqual({ id, jid, domain: 'plain.example', request_id: expect.any(String) })
    expect((await call('GET', `/${id}`)).status).toBe(404)
    expect(receiver.requests).toHaveLength(4)
    expect(await counted(service.service.metricsUrl, 'events_total')).toEqual({
      'type="session.attached",outcome="sent"': 2,
      'type="session.resumed",outcome="sent"': 1,
      'type="session.ended",outcome="sent"': 1,
    })
    expect(await counted(service.service.metricsUrl, 'events_waiting')).toEqual({})
  })

  test('with the ids of the call that logged in or last resumed, as in the log', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const { json, headers } = await service.warm(alice, { headers: { 'X-Request-Id': 'web-1:42', traceparent } })
    expect(headers['x-request-id']).toBe('web-1:42')
    const { id } = json as unknown as { id: string }
    await attach(json as unknown as { sid: string; rid: number })
    await told(id, 'session.attached')
    await call('POST', `/${id}/resume`)
    await told(id, 'session.attached', 'session.resumed')
    const [attached, resumed] = receiver.taken.map(({ data }) => data)
    expect(attached).toMatchObject({ request_id: 'web-1:42', traceparent })
    expect(resumed!.request_id).toMatch(/^[0-9a-f-]{36}$/)
    expect(resumed).not.toHaveProperty('traceparent')
    const lines = service.lines.map(line => JSON.parse(line))
    expect(lines.find(({ msg, jid }) => msg === 'warm' && jid === alice.jid)).toMatchObject({
      ...{ requestId: 'web-1:42', traceparent, code: 'ok' },
    })
  })

  test('with the visit and the tab of the session', async () => {
    const named = { ...alice, visit: 'v1', tab: 't1' }
    const { id } = await service.bind(named)
    expect((await service.warm(named)).json).toMatchObject({ id, resumed: true })
    await call('DELETE', '/sessions?visit=v1')
    await told(id, 'session.resumed', 'session.ended: logout')
    for (const { data } of receiver.taken) expect(data).toMatchObject({ id, visit: 'v1', tab: 't1' })
  })
})

test('events are sent over HTTPS only to a receiver with a trusted certificate', async () => {
  const xmpp = await startDemoServer({ alice: 'secret' })
  closers.push(() => xmpp.stop())
  const credentials = makeCertificate(['DNS:localhost'])
  operator.write('authority.pem', credentials.cert)
  operator.write('secret', `${eventsSecret}\n`)
  const events: unknown[] = []
  const receiving = createHttpsServer(credentials, (request, response) => {
    events.push(request.headers['webhook-signature'])
    request.resume()
    response.end('ok')
  })
  const tls = await Listener.start(receiving)
  closers.push(() => tls.stop())
  const about = { EVENTS_URL: `https://localhost:${tls.port}/`, EVENTS_SECRET_FILE: 'secret' }
  for (const trust of [{}, { NODE_EXTRA_CA_CERTS: 'authority.pem' }]) {
    const running = operator.start({ ...settingsAt({ domain: 'localhost', port: xmpp.port }), ...about, ...trust })
    const account = { jid: 'alice@localhost', password: 'secret' }
    const { status, json } = await callSessions(await running.url(), 'POST', '', { body: account })
    expect(status).toBe(200)
    await callSessions(await running.url(), 'DELETE', `/${json.id}`)
    const isTrusted = 'NODE_EXTRA_CA_CERTS' in trust
    const hasFailed = () => running.stdout.includes('DEPTH_ZERO_SELF_SIGNED_CERT')
    await eventually('the event, or the error', () => (isTrusted ? events.length === 1 : hasFailed()))
    running.signal('SIGTERM')
    expect(await running.exit).toBe(0)
    expect(running.stdout + running.stderr).not.toContain(eventsSecret)
  }
  expect(events).toEqual([expect.stringMatching(/^v1,[\w+/]{43}=$/)])
})
