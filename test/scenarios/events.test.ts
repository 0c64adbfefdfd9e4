// A portal's backend receives the events of its sessions in order, also after an outage.
import { createServer as createHttpsServer } from 'node:https'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { EventReceiver, eventsSecret, taking } from '../support/event-receiver.js'
import { eventually } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { counted } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { openPage, take } from '../support/taking-page.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

let server: LoginServer
let receiver: EventReceiver
let clock: SteppedClock
let service: TestService
const closers: (() => unknown)[] = []

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
  test('of a session from its first page to its end, in order, with its visit and tab, and the ids of the last call that gave it to a page', async () => {
    const tab = { visit: 'v1', tab: 't1' }
    // As in the log of the call.
    const ids = { 'X-Request-Id': 'web-1:42', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
    const warmed = await service.warm({ ...alice, ...tab }, { headers: ids })
    expect([warmed.status, warmed.headers['x-request-id']]).toEqual([200, 'web-1:42'])
    const binding = warmed.json as unknown as WarmBinding
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
      data: {
        id,
        jid,
        ...tab,
        domain: 'plain.example',
        reason: 'logout',
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    })
    expect(Math.abs(Date.parse(receiver.taken.at(-1)!.timestamp) - Date.now())).toBeLessThan(30_000)
    const { traceparent } = ids
    const data = { id, jid, ...tab, domain: 'plain.example', request_id: 'web-1:42', traceparent }
    expect(receiver.taken[0]!.data).toEqual(data)
    const line = { requestId: 'web-1:42', traceparent, code: 'ok' }
    expect(service.lines.map(text => JSON.parse(text)).find(({ msg }) => msg === 'warm')).toMatchObject(line)
    expect((await call('GET', `/${id}`)).status).toBe(404)
    expect(receiver.requests).toHaveLength(4)
    expect(await counted(service.service.metricsUrl, 'events_total')).toEqual({
      'type="session.attached",outcome="sent"': 2,
      'type="session.resumed",outcome="sent"': 1,
      'type="session.ended",outcome="sent"': 1,
    })
    expect(await counted(service.service.metricsUrl, 'events_waiting')).toEqual({})
  })
})

test('no event is sent to a receiver whose certificate is not trusted', async () => {
  const tls = await Listener.start(createHttpsServer(makeCertificate(['DNS:localhost'])))
  closers.push(() => tls.stop())
  await service.stop()
  service = await start({ EVENTS_URL: `https://localhost:${tls.port}/` })
  const { id } = await service.bind(alice)
  await call('DELETE', `/${id}`)
  await eventually('the error', () => service.lines.some(line => line.includes('DEPTH_ZERO_SELF_SIGNED_CERT')))
})
