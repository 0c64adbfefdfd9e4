// Runs in npm run test:all only: ten seconds.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { describe, expect, test } from '@jest/globals'
import { WebSocket } from 'ws'
import { startDemoServer } from '../../src/command/demo/server.js'
import { loadConfig } from '../../src/config/load.js'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { calledAfterEach } from '../support/closers.js'
import { EventReceiver, eventsSecret } from '../support/event-receiver.js'
import { eventually } from '../support/eventually.js'
import { holdTimers } from '../support/held-timers.js'
import { type LoginServer, type Stage, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService } from '../support/login-server/watched-service.js'
import { Operator, settingsAt } from '../support/operated-service.js'
import { lineFrom } from '../support/proxy-headers.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { unlimited } from '../support/unlimited.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const presence = "<presence xmlns='jabber:client'/>"
const stopped = "condition='system-shutdown'"

const operator = Operator.ofEachTest()
const closers = calledAfterEach()
const certificates = testFolder()

async function startServer(): Promise<LoginServer> {
  const server = await startLoginServer({ domain: 'plain.example' })
  closers.push(() => server.stop())
  return server
}

async function startService(servers: string, environment: Record<string, string> = {}) {
  const service = await startTestService({
    servers,
    environment: { ...unlimited, XMPP_DOMAINS: 'plain.example', ...environment },
  })
  closers.push(() => service.stop())
  return service
}

const at = ({ port }: LoginServer) => `plain.example=xmpp://127.0.0.1:${port}?tls=none`

function page(url: string, binding: { sid: string; rid: number }): BoshClient {
  const client = new BoshClient(`${url}/http-bind`, binding)
  closers.push(() => client.close())
  return client
}

describe('while a service stops', () => {
  test('new sessions and resumes are rejected, and other requests are answered', async () => {
    const server = await startServer()
    const { url, service, bind, warm } = await startService(at(server))
    const { id, sid, rid } = await bind(alice)
    // The page has a second to send a request, which takes as long as the calls of this test.
    closers.push(holdTimers(1_000))
    const stopping = service.stop()
    expect(service.stop()).toBe(stopping)

    const creation = new BoshClient(`${url}/http-bind`)
    expect(await creation.request('', { to: 'plain.example', ver: '1.6', wait: '60', hold: '1' })).toContain(stopped)
    creation.close()
    const refused = { status: 503, json: { code: 'shutting-down' } }
    const calls = [warm(alice), warm({ ...alice, visit: 'v1' }), callSessions(url, 'POST', `/${id}/resume`)]
    for (const reply of await Promise.all(calls)) {
      expect(reply).toMatchObject(refused)
      expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
    }
    const form = await warm(alice, { as: 'form', accept: 'text/html' })
    expect(form.status).toBe(503)
    expect((await callSessions(url, 'GET', '/sessions')).json.sessions).toMatchObject([{ id, state: 'ended' }])
    expect(await page(url, { sid, rid }).request(presence)).toContain(stopped)
    await stopping
    expect(service.counts()).toEqual({ sessions: 0, links: 0, forwarded: 0 })
    expect(server.last.goodbye).toBe('footer')
  })

  test('sessions at a remote endpoint are ended there', async () => {
    const server = await startServer()
    const far = await startService(at(server))
    const near = await startService(`plain.example=${far.url}/http-bind`, { REMOTE_ATTACH: 'here' })
    const client = page(near.url, await near.bind(alice))
    const held = client.request(presence)
    await eventually('the presence arrives', () => server.last.stanzas.length === 1)
    const stopping = near.service.stop()
    expect(await held).toContain(stopped)
    await stopping
    await eventually('the stream is closed', () => server.last.goodbye === 'footer')
    // The server still has to close its side of the link.
    await eventually('the far service has no link left', () => far.service.counts().links === 0)
    await eventually('the link is closed', () => far.service.counts().links === 0)
    expect(far.service.counts()).toEqual({ sessions: 0, links: 0, forwarded: 0 })
    expect(near.service.counts()).toEqual({ sessions: 0, links: 0, forwarded: 0 })
  })
})

describe('a session whose server has not enabled stream management yet', () => {
  const enabled = "<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>"
  const { folder, file } = testFolder()

  /** With an operator's folder for sessions. The first link is not enabled. */
  async function begin() {
    const server = await startLoginServer({ domain: 'plain.example', moreFeatures: "<sm xmlns='urn:xmpp:sm:3'/>" })
    closers.push(() => server.stop())
    const SEAL_KEY_FILE = file('keys', randomBytes(32).toString('base64'))
    const environment = { STATE_DIR: mkdtempSync(join(folder, 'state-')), SEAL_KEY_FILE }
    const start = (more: Record<string, string> = {}) => startService(at(server), { ...environment, ...more })
    const service = await start()
    const binding = await service.bind(alice)
    await eventually('the server is asked', () => server.last.packets.join('').includes('<enable'))
    return { server, start, service, binding }
  }

  const lines = ({ lines }: { readonly lines: readonly string[] }) => lines.map(line => JSON.parse(line))
  const line = (service: { readonly lines: readonly string[] }, msg: string) =>
    lines(service).find(line => line.msg === msg)

  test('continues after the restart if the server does so within a second', async () => {
    const { server, start, service, binding } = await begin()
    const others = server.connections.length
    const stopping = service.stop()
    server.last.say(enabled)
    await stopping
    expect(line(service, 'sessions were stored for the next process')).toMatchObject({ sessions: 1 })
    expect(line(service, 'sessions end with this process')).toBeUndefined()
    const next = await start()
    expect(line(next, 'sessions of an earlier process were taken up')).toMatchObject({ taken: 1, refused: 0 })
    await eventually('the stream is resumed', () => server.connections.length > others)
    expect((await callSessions(next.url, 'GET', '/sessions')).json.sessions).toMatchObject([{ id: binding.id }])
  })

  test('ends if its domain is not served after the restart, and the portal gets an event', async () => {
    const receiver = await EventReceiver.start()
    closers.push(() => receiver.stop())
    const { server, start, service, binding } = await begin()
    server.last.say(enabled)
    await service.stop()
    const events = { EVENTS_URL: receiver.url, EVENTS_SECRET: eventsSecret }
    const next = await start({ XMPP_DOMAINS: 'other.example', ...events })
    expect(line(next, 'sessions of an earlier process were taken up')).toMatchObject({ taken: 0, refused: 1 })
    await eventually('the event arrives', () => receiver.of(binding.id).length > 0)
    expect(receiver.of(binding.id)).toEqual(['session.ended: shutdown'])
  })

  test('ends otherwise, and the log says how many sessions end, and why', async () => {
    const { server, service } = await begin()
    await service.bind(alice)
    server.last.say("<failed xmlns='urn:xmpp:sm:3'/>")
    const own = new BoshClient(`${service.url}/http-bind`)
    closers.push(() => own.close())
    await own.request('', { to: 'plain.example', ver: '1.6', wait: '60', hold: '1' })
    await service.stop()
    expect(line(service, 'sessions end with this process')).toMatchObject({
      level: 30,
      sessions: 3,
      reasons: { 'not-resumable-yet': 1, 'no-stream-management': 1, 'login-under-way': 1 },
    })
  })
})

describe('a login in progress when the service stops', () => {
  test.each(['connect', 'success', 'bind'] as const)('before the server sends %s gets 503 at once', async stage => {
    const server = await startLoginServer({
      domain: 'a.tls.example',
      certificate: makeCertificate(['DNS:a.tls.example']),
      moreFeatures: "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    })
    closers.push(() => server.stop())
    const here = await startWatchedService([server])
    let stopping: Promise<void> | undefined
    server.script = {
      [stage]: () => {
        stopping = here.service.stop()
      },
    } satisfies Partial<Record<Stage, () => void>>
    const started = performance.now()
    const { status, headers, text } = await here.warm({
      jid: 'alice@a.tls.example',
      password: 'Pa55-of-alice',
    })
    expect(status).toBe(503)
    expect(JSON.parse(text)).toMatchObject({ code: 'shutting-down' })
    expect(headers['retry-after']).toBeDefined()
    // Long before the limits of the login.
    expect(performance.now() - started).toBeLessThan(20_000)
    await stopping
    expect(here.service.counts()).toEqual({ sessions: 0, links: 0, forwarded: 0 })
  })
})

/** A poll on a keep-alive connection. */
function poll(agent: Agent, url: string, { sid, rid }: { sid: string; rid: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/http-bind`, { method: 'POST', agent }, response => {
      let text = ''
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end(`<body rid='${rid}' sid='${sid}' xmlns='http://jabber.org/protocol/httpbind'/>`)
  })
}

test('keep-alive connections do not delay the stop of a service', async () => {
  const server = await startDemoServer({ alice: 'secret' })
  const test = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: unlimited,
  })
  const agent = new Agent({ keepAlive: true })
  const bindings = []
  for (let session = 0; session < 20; session++) {
    const { json } = await test.warm({ jid: 'alice@localhost', password: 'secret' })
    bindings.push(json as { sid: string; rid: number })
  }
  const polls = bindings.map(binding => poll(agent, test.url, binding))
  // Once this is answered, the earlier polls are held.
  await poll(agent, test.url, { sid: 'nobody', rid: 1 })
  await test.service.stop()
  for (const reply of await Promise.all(polls)) expect(reply).toContain(stopped)
  expect(test.service.counts()).toEqual({ sessions: 0, links: 0, forwarded: 0 })
  agent.destroy()
  await server.stop()
})

test('connections that browsers open ahead, without a request, delay the stop by a second only', async () => {
  const { cert, key } = makeCertificate(['IP:127.0.0.1'])
  const { service, stop } = await startTestService({
    demo: [{ alice: 'wonderland' }],
    environment: {
      ...unlimited,
      HTTPS_PORT: '0',
      TLS_CERT: certificates.file('ahead.pem', cert + key),
      PROXY_PROTOCOL: 'on',
      TRUSTED_PROXIES: '127.0.0.1',
    },
  })
  const [plain, secure] = service.urls.map(url => Number(new URL(url).port)) as [number, number]
  const open = async (port: number, localAddress: string) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress })
    socket.on('error', () => {})
    closers.push(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  await open(plain, '127.0.0.2')
  const proxied = await open(plain, '127.0.0.1')
  proxied.write(lineFrom('203.0.113.9'))
  const encrypted = connectTls({ socket: await open(secure, '127.0.0.2'), ca: cert, host: '127.0.0.1' })
  encrypted.on('error', () => {})
  await once(encrypted, 'secureConnect')
  await pause(200)
  const asked = performance.now()
  await stop()
  expect(performance.now() - asked).toBeLessThan(4_000)
})

test('a process exits with 0 within ten seconds, whatever clients and servers do', async () => {
  const server = await startServer()
  const service = operator.start({
    ...unlimited,
    ...settingsAt(server),
    WARM_TIMEOUT: '60',
  })
  const url = await service.url()
  const warm = () => callSessions(url, 'POST', '', { body: alice })
  const { port, hostname } = new URL(url)

  // An XMPP server that does not answer the end of its stream.
  expect((await warm()).status).toBe(200)
  server.last.deafen()
  // A page that reads none of its replies, which exceed the buffers of the operating system.
  const unread = (await warm()).json
  const reader = connect(Number(port), hostname)
  closers.push(() => reader.destroy())
  reader.pause()
  const letter = `<message from='bob@plain.example'><body>${'x'.repeat(200_000)}</body></message>`
  for (let rid = unread.rid; rid < unread.rid + 100; rid++) {
    server.last.say(letter)
    const body = `<body rid='${rid}' sid='${unread.sid}' xmlns='http://jabber.org/protocol/httpbind'/>`
    reader.write(`POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  }
  // A client with an endless header.
  const slow = connect(Number(port), hostname)
  closers.push(() => slow.destroy())
  slow.write('POST /warm HTTP/1.1\r\nHost: a\r\nX-Slow: ')
  slow.on('error', () => {})
  reader.on('error', () => {})
  // A login whose server stops answering.
  let hangs = () => {}
  const hanging = new Promise<void>(resolve => {
    hangs = resolve
  })
  server.script = { challenge: hangs }
  const login = warm()
  await hanging

  const asked = performance.now()
  service.signal('SIGTERM')
  const { status, json } = await login
  expect({ status, code: json.code }).toEqual({ status: 503, code: 'shutting-down' })
  service.signal('SIGTERM')
  expect(await service.exit).toBe(0)
  expect(performance.now() - asked).toBeLessThan(10_000)
  expect(service.stderr).toBe('')
})

test('a second Ctrl+C ends a process at once, with 130', async () => {
  const server = await startServer()
  const service = operator.start(settingsAt(server))
  expect((await callSessions(await service.url(), 'POST', '', { body: alice })).status).toBe(200)
  server.last.deafen()
  service.signal('SIGINT')
  await eventually('the service stops', () => service.stdout.includes('"stopping"'))
  service.signal('SIGINT')
  expect(await service.exit).toBe(130)
})

test('a WebSocket without a session that was opened two reloads ago is told of the stop', async () => {
  const environment = { XMPP_DOMAINS: 'chat.example', ADMIN_USERS: 'portal:a-secret-of-the-portal' }
  const service = await startWatchedService([], environment)
  const socket = new WebSocket(`${service.url.replace('http', 'ws')}/xmpp-websocket`, 'xmpp')
  await once(socket, 'open')
  for (const count of ['1', '2']) {
    const { config } = loadConfig({ ...environment, RATE_GUESTS: count })
    await service.service.reload(config, { changed: ['RATE_GUESTS'] })
  }
  const closed = once(socket, 'close')
  await service.stop()
  expect((await closed)[0]).toBe(1001)
})
