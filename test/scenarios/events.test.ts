// A portal's backend receives the events of its sessions in order, also after an outage.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startDemoServer } from '../../src/demo/server.js'
import * as say from '../browsers/websocket/pages.js'
import { BoshClient } from '../support/bosh-client.js'
import { boshLogin } from '../support/bosh-login.js'
import { makeCertificate } from '../support/certificates.js'
import { type Behaviour, EventReceiver, eventsSecret, refusing, socketOf, taking } from '../support/event-receiver.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { testRest } from '../support/matrix.js'
import { Operator } from '../support/operated-service.js'
import { scrape } from '../support/scrape.js'
import { callSessions } from '../support/sessions-api.js'
import { adminHeader, startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { WebSocketWire } from '../support/websocket-wire.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const presence = "<presence xmlns='jabber:client'/>"
const open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='plain.example' version='1.0'/>"
const second = 1_000

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
  await page.request(presence, { pause: '60' })
  return page
}

/** A page that continues the session over WebSocket. */
async function attachSocket({ websocket }: { websocket: { token: string } }): Promise<WebSocketWire> {
  const wire = await WebSocketWire.open(service.url, { path: '/xmpp-websocket/warm' })
  closers.push(() => wire.drop())
  wire.send(open, say.auth(websocket.token, 'alice'), open, say.bind)
  for (;;) if ((await wire.message()).includes('<jid>')) return wire
}

/** Resolves once the receiver has exactly these events of a session. */
async function told(session: string, ...events: readonly string[]): Promise<void> {
  await eventually(`the events ${events}`, () => receiver.of(session).length >= events.length)
  expect(receiver.of(session)).toEqual(events)
}

/** Ends the pause after a failed attempt, once `count` attempts were made. */
async function afterAttempts(count: number): Promise<void> {
  await eventually(`attempt ${count}`, () => receiver.requests.length >= count)
  await eventually('the failure is logged', () => service.lines.join('').split('did not take').length > count)
  clock.advance(300 * second)
}

/** The values of a metric that are not 0, by its labels. */
async function counted(name: string): Promise<Record<string, number>> {
  const { samples } = await scrape(service.service.metricsUrl)
  const named = [...samples].filter(([sample, value]) => value !== 0 && sample.startsWith(`warm_bindings_${name}`))
  return Object.fromEntries(named.map(([sample, value]) => [/\{(.*)\}/.exec(sample)?.[1] ?? '', value]))
}

describe('a portal receives events', () => {
  test('of a session from its first page to its end, in order', async () => {
    const binding = await service.bind(alice)
    const { id, jid } = binding
    await attach(binding)
    await told(id, 'session.attached')
    const resumed = (await call('POST', `/${id}/resume`)).json
    await told(id, 'session.attached', 'session.resumed')
    await attachSocket(resumed)
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
    expect(await counted('events_total')).toEqual({
      'type="session.attached",outcome="sent"': 2,
      'type="session.resumed",outcome="sent"': 1,
      'type="session.ended",outcome="sent"': 1,
    })
    expect(await counted('events_waiting')).toEqual({})
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

  test.each<[string, (binding: WarmBinding) => unknown, readonly string[]]>([
    ['because no page attached', () => clock.advance(121 * second), ['session.ended: attach-timeout']],
    [
      'because its page is silent',
      async binding => {
        await attach(binding)
        await told(binding.id, 'session.attached')
        clock.advance(200 * second)
      },
      ['session.attached', 'session.ended: inactivity'],
    ],
    [
      'because its page terminated it',
      async binding => (await attach(binding)).terminate(),
      ['session.attached', 'session.ended: client'],
    ],
    [
      'because the connection to its server broke',
      async binding => {
        const page = await attach(binding)
        server.last.reset()
        await page.request()
      },
      ['session.attached', 'session.ended: connection-lost'],
    ],
    ['because the service stops', () => service.stop(), ['session.ended: shutdown']],
  ])('of a session that ends %s', async (_what, act, expected) => {
    const binding = await service.bind(alice)
    await act(binding)
    await told(binding.id, ...expected)
  })

  test('but not for failed logins, cancelled calls and clients that log in themselves', async () => {
    expect((await service.warm({ ...alice, password: 'wrong' })).status).toBe(403)
    const caller = new AbortController()
    server.script = { bind: () => caller.abort() }
    const headers = { Authorization: adminHeader, 'Content-Type': 'application/json' }
    const body = JSON.stringify(alice)
    await expect(
      fetch(`${service.url}/warm`, { method: 'POST', headers, body, signal: caller.signal }),
    ).rejects.toThrow()
    server.script = {}
    const own = new BoshClient(`${service.url}/http-bind`)
    await boshLogin(own, { user: 'alice', domain: 'plain.example', password: alice.password })
    await own.terminate()
    own.close()
    await eventually('all sessions have ended', () => service.service.counts().sessions === 0)
    // The event of a later session proves that none was sent before.
    const { id } = await service.bind(alice)
    await call('DELETE', `/${id}`)
    await told(id, 'session.ended: logout')
    expect(receiver.requests).toHaveLength(1)
    expect(await counted('sessions_ended_total')).toMatchObject({ 'reason="login"': 2, 'reason="client"': 1 })
  })
})

/** What a receiver does instead of accepting an event. */
const failures: Record<string, Behaviour> = {
  'an error': refusing(500),
  'a refusal': refusing(404),
  'a redirect': refusing(307, { Location: '/chat/events' }),
  'a closed connection': (_request, response) => void socketOf(response).destroy(),
  'a reset connection': (_request, response) => void socketOf(response).resetAndDestroy(),
  'half a header': (_request, response) => void socketOf(response).end('HTTP/1.1 200 OK\r\nContent-'),
  'bytes that are not HTTP': (_request, response) => void socketOf(response).end('220 mail.example ESMTP\r\n'),
  'another protocol': (_request, response) =>
    void socketOf(response).write('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
}

describe('a receiver that answers with', () => {
  test.each(Object.keys(failures))('%s gets the same event again until it accepts it', async name => {
    receiver.behaviour = failures[name]!
    const binding = await service.bind(alice)
    await attach(binding)
    await call('DELETE', `/${binding.id}`)
    await afterAttempts(1)
    await afterAttempts(2)
    await eventually('a third attempt', () => receiver.requests.length >= 3)
    receiver.behaviour = taking
    clock.advance(300 * second)
    await eventually('the third failure is logged', () => service.lines.join('').split('did not take').length > 3)
    clock.advance(300 * second)
    await told(binding.id, 'session.attached', 'session.ended: logout')
    const types = receiver.requests.map(({ event }) => event.type)
    expect(types).toEqual([...Array(types.length - 1).fill('session.attached'), 'session.ended'])
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(2)
    expect(await counted('events_total{type="session.attached",outcome="failed"')).toEqual({
      'type="session.attached",outcome="failed"': 3,
    })
  })

  testRest('nothing times out after ten seconds, and sessions do not wait', async () => {
    const hanging: (() => void)[] = []
    receiver.behaviour = (_request, response) => void hanging.push(() => response.destroy())
    const binding = await service.bind(alice)
    const page = await attach(binding)
    await eventually('the first request', () => receiver.requests.length === 1)
    await page.request(presence, { pause: '60' })
    clock.advance(7 * second)
    expect(receiver.open).toBe(1)
    receiver.behaviour = taking
    clock.advance(3 * second)
    await eventually('the connection is closed', () => receiver.open === 0)
    await eventually('the timeout is logged', () => service.lines.some(line => line.includes('"cause":"timeout"')))
    clock.advance(second)
    await told(binding.id, 'session.attached')
    for (const hang of hanging) hang()
  })

  testRest('an endless body is disconnected, and its event counts as sent', async () => {
    const closed = new Promise<void>(resolve => {
      receiver.behaviour = (_request, response) => {
        response.writeHead(200)
        const more = () => response.destroyed || response.write('x'.repeat(1024), () => setImmediate(more))
        more()
        response.once('close', resolve)
      }
    })
    const binding = await service.bind(alice)
    await attach(binding)
    await closed
    receiver.behaviour = taking
    await call('DELETE', `/${binding.id}`)
    await told(binding.id, 'session.attached', 'session.ended: logout')
    expect(receiver.requests).toHaveLength(2)
  })

  test('a redirect to another address is not followed', async () => {
    let followed = 0
    const other = createServer((_request, response) => {
      followed += 1
      response.end()
    }).listen(0, '127.0.0.1')
    await once(other, 'listening')
    closers.push(() => other.close())
    const { port } = other.address() as AddressInfo
    for (const status of [301, 302, 303, 307, 308]) {
      receiver.behaviour = refusing(status, { Location: `http://127.0.0.1:${port}/` })
      const { id } = await service.bind(alice)
      await call('DELETE', `/${id}`)
      await eventually('the redirect is logged', () => service.lines.some(line => line.includes(`"http-${status}"`)))
    }
    expect(followed).toBe(0)
  })
})

describe('a receiver that is down', () => {
  test('gets all events in the order of each session when it returns', async () => {
    const { port } = receiver
    await receiver.stop()
    const bindings = [await service.bind(alice), await service.bind(alice), await service.bind(alice)]
    for (const binding of bindings) {
      await (await attach(binding)).request(presence, { pause: '60' })
      await attachSocket((await call('POST', `/${binding.id}/resume`)).json)
      expect((await call('DELETE', `/${binding.id}`)).status).toBe(204)
    }
    expect(await counted('events_waiting')).toEqual({ '': 12 })
    receiver = await EventReceiver.start(port)
    // No attempt has failed so often that its pause is longer.
    clock.advance(60 * second)
    await eventually('all events', () => receiver.taken.length === 12)
    for (const { id } of bindings)
      expect(receiver.of(id)).toEqual([
        ...['session.attached', 'session.resumed', 'session.attached', 'session.ended: logout'],
      ])
    expect(await counted('events_waiting')).toEqual({})
  })

  testRest('for one session does not block the events of other sessions', async () => {
    const [one, two] = [await service.bind(alice), await service.bind(alice)]
    receiver.behaviour = (request, response) =>
      (request.event.data.id === one.id ? refusing(500) : taking)(request, response)
    for (const binding of [one, two]) {
      await attach(binding)
      await call('DELETE', `/${binding.id}`)
    }
    await told(two.id, 'session.attached', 'session.ended: logout')
    expect(receiver.of(one.id)).toEqual([])
    receiver.behaviour = taking
    clock.advance(60 * second)
    await told(one.id, 'session.attached', 'session.ended: logout')
  })
})

describe('a service that stops', () => {
  test('sends the end of all its sessions first, and leaves no connection', async () => {
    const ids: string[] = []
    for (let index = 0; index < 20; index++) ids.push((await service.bind(alice)).id)
    let busy = 0
    let busiest = 0
    receiver.behaviour = (request, response) => {
      busy += 1
      busiest = Math.max(busiest, busy)
      setTimeout(() => {
        busy -= 1
        taking(request, response)
      }, 20)
    }
    await service.stop()
    expect(receiver.requests).toHaveLength(20)
    expect(new Set(receiver.requests.map(({ event }) => event.data.id))).toEqual(new Set(ids))
    expect(busiest).toBeLessThanOrEqual(8)
    await eventually('all connections are closed', () => receiver.open === 0)
  })

  testRest('waits three seconds for a silent receiver, then logs the dropped events', async () => {
    await service.bind(alice)
    receiver.behaviour = () => {}
    const stopping = service.stop()
    await eventually('the first request', () => receiver.requests.length === 1)
    clock.advance(3 * second)
    await stopping
    await eventually('the connection is closed', () => receiver.open === 0)
    const last = service.lines.map(line => JSON.parse(line)).filter(({ part }) => part === 'events')
    expect(last.at(-1)).toMatchObject({ level: 40, dropped: 1, msg: 'events were dropped' })
  })

  testRest('does not wait for a receiver that is down', async () => {
    await receiver.stop()
    for (let index = 0; index < 3; index++) {
      const { id } = await service.bind(alice)
      await call('DELETE', `/${id}`)
    }
    await service.bind(alice)
    await service.stop()
    const lines = service.lines.map(line => JSON.parse(line)).filter(({ part }) => part === 'events')
    expect(lines.at(-1)).toMatchObject({ level: 40, dropped: 4, msg: 'events were dropped' })
    expect(lines.every(({ cause = 'ECONNREFUSED' }) => cause === 'ECONNREFUSED')).toBe(true)
    receiver = await EventReceiver.start()
  })
})

test('without EVENTS_URL no event is sent', async () => {
  const other = await start()
  const binding = await other.bind(alice)
  await callSessions(other.url, 'DELETE', `/${binding.id}`)
  await other.stop()
  expect(receiver.requests).toEqual([])
})

describe('a process', () => {
  const settings = (port: number, more: Record<string, string>) => ({
    PORT: '0',
    METRICS_ADDRESS: 'none',
    ADMIN_USERS: Buffer.from(adminHeader.slice('Basic '.length), 'base64').toString(),
    XMPP_DOMAINS: 'localhost',
    XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${port}?tls=none`,
    ...more,
  })
  const account = { jid: 'alice@localhost', password: 'secret' }

  test('sends events over HTTPS only to a receiver with a trusted certificate', async () => {
    const xmpp = await startDemoServer({ alice: 'secret' })
    const operator = new Operator()
    closers.push(
      () => xmpp.stop(),
      () => operator.leave(),
    )
    const credentials = makeCertificate(['DNS:localhost'])
    operator.write('authority.pem', credentials.cert)
    operator.write('secret', `${eventsSecret}\n`)
    const events: unknown[] = []
    const tls = createHttpsServer(credentials, (request, response) => {
      events.push(request.headers['webhook-signature'])
      request.resume()
      response.end('ok')
    }).listen(0, 'localhost')
    await once(tls, 'listening')
    closers.push(() => {
      tls.close()
      tls.closeAllConnections()
    })
    const { port } = tls.address() as AddressInfo
    const about = { EVENTS_URL: `https://localhost:${port}/`, EVENTS_SECRET_FILE: 'secret' }
    for (const trust of [{}, { NODE_EXTRA_CA_CERTS: 'authority.pem' }]) {
      const running = operator.start(settings(xmpp.port, { ...about, ...trust }))
      const { status, json } = await callSessions(await running.url(), 'POST', '', { body: account })
      expect(status).toBe(200)
      await callSessions(await running.url(), 'DELETE', `/${json.id}`)
      const isTrusted = 'NODE_EXTRA_CA_CERTS' in trust
      if (isTrusted) await eventually('the event', () => events.length === 1)
      else
        await eventually('the certificate error is logged', () =>
          running.stdout.includes('DEPTH_ZERO_SELF_SIGNED_CERT'),
        )
      running.signal('SIGTERM')
      expect(await running.exit).toBe(0)
      expect(running.stdout + running.stderr).not.toContain(eventsSecret)
    }
    expect(events).toEqual([expect.stringMatching(/^v1,[\w+/]{43}=$/)])
  })

  testRest('stops within ten seconds if the receiver does not answer', async () => {
    const xmpp = await startDemoServer({ alice: 'secret' })
    const operator = new Operator()
    closers.push(
      () => xmpp.stop(),
      () => operator.leave(),
    )
    receiver.behaviour = () => {}
    const about = { EVENTS_URL: receiver.url, EVENTS_SECRET: eventsSecret }
    const running = operator.start(settings(xmpp.port, about))
    expect((await callSessions(await running.url(), 'POST', '', { body: account })).status).toBe(200)
    const asked = performance.now()
    running.signal('SIGTERM')
    expect(await running.exit).toBe(0)
    expect(performance.now() - asked).toBeLessThan(10_000)
    expect(receiver.requests.map(({ event }) => event.data.reason)).toEqual(['shutdown'])
  })

  testRest('does not start with invalid EVENTS_URL or EVENTS_SECRET, and prints no secret', async () => {
    const operator = new Operator()
    closers.push(() => operator.leave())
    const about = { EVENTS_URL: 'http://user:t0ken@portal.example/', EVENTS_SECRET: 'short' }
    const checking = operator.start(settings(1, about), '--check-config')
    expect(await checking.exit).toBe(1)
    expect(checking.stderr).toMatch(/^- EVENTS_URL has a user or a password/m)
    expect(checking.stderr).toMatch(/^- EVENTS_SECRET is too short/m)
    expect(checking.stdout + checking.stderr).not.toMatch(/t0ken|short[^:]/)
  })
})
