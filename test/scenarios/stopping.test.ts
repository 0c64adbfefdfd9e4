// Runs in npm run test:all only: ten seconds.
import { createSecretKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { expect, test } from '@jest/globals'
import { WebSocket } from 'ws'
import { loadConfig } from '../../src/config/load.js'
import { createLog } from '../../src/lib/log.js'
import { stateFiles } from '../../src/session/registry/state-files.js'
import { recordVersion } from '../../src/session/session-record.js'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { calledAfterEach, stoppedAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { startLoginServer } from '../support/login-server/server.js'
import { startWatchedService } from '../support/login-server/watched-service.js'
import { Operator, settingsAt, usualSettings } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { lineFrom } from '../support/proxy-headers.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { unlimited } from '../support/unlimited.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }

const operator = Operator.ofEachTest()
const closers = calledAfterEach()
const stopped = stoppedAfterEach()
const files = testFolder()

const startServer = (moreFeatures = '') => stopped(startLoginServer({ domain: 'plain.example', moreFeatures }))

test('the log says how many sessions end with the process, and why, and a call meanwhile gets shutting-down', async () => {
  const server = await startServer("<sm xmlns='urn:xmpp:sm:3'/>")
  const servers = `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`
  const state = {
    STATE_DIR: join(files.folder, 'state'),
    SEAL_KEY_FILE: files.file('keys', randomBytes(32).toString('base64')),
  }
  const environment = { ...unlimited, XMPP_DOMAINS: 'plain.example', ...state }
  const service = await stopped(startTestService({ servers, environment }))
  for (const sessions of [1, 2]) {
    await service.bind(alice)
    await eventually('the server is asked', () => server.last.packets.join('').includes('<enable'))
    if (sessions === 2) server.last.say("<failed xmlns='urn:xmpp:sm:3'/>")
  }
  const own = new BoshClient(`${service.url}/http-bind`)
  closers.push(() => own.close())
  await own.request('', { to: 'plain.example', ver: '1.6', wait: '60', hold: '1' })
  const [late] = await Promise.all([service.warm(alice), service.stop()])
  expect([late.status, late.json['code'], late.json['step']]).toEqual([503, 'shutting-down', undefined])
  const lines = service.lines.map(line => JSON.parse(line))
  expect(lines.find(({ msg }) => msg === 'sessions end with this process')).toMatchObject({
    level: 30,
    sessions: 3,
    reasons: { 'not-resumable-yet': 1, 'no-stream-management': 1, 'login-under-way': 1 },
  })
})

test('connections that browsers open ahead, without a request, delay the stop by a second only', async () => {
  const { cert, key } = makeCertificate(['IP:127.0.0.1'])
  const { service, stop } = await startTestService({
    demo: [{ alice: 'wonderland' }],
    environment: {
      ...unlimited,
      HTTPS_PORT: '0',
      TLS_CERT: files.file('ahead.pem', cert + key),
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
  const hanging = new Promise<void>(resolve => {
    server.script = { challenge: () => resolve() }
  })
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

test('a failed start keeps the sealed files, and a signal during the next start stops it cleanly', async () => {
  const own = randomBytes(32)
  /** A record that no process can take up. */
  const record = '{}'
  const [port] = await freePorts(1)
  operator.makeFolder('state')
  operator.write('keys', `${own.toString('base64')}\n`)
  const folder = operator.pathOf('state')
  const files = stateFiles({
    ...{ state: { folder, keys: [createSecretKey(own)] }, version: recordVersion, longestOutage: 60_000 },
    log: createLog('info', { write() {} }),
  })
  await files.write(Array<string>(2000).fill(record), record.length)
  const settings = {
    ...usualSettings,
    HOST: '127.0.0.1',
    PORT: String(port),
    STATE_DIR: folder,
    SEAL_KEY_FILE: operator.pathOf('keys'),
  }
  const isThere = () => existsSync(`${folder}/sessions-0`)

  const other = createServer().listen(port, '127.0.0.1')
  expect(await operator.start(settings).exit).toBe(1)
  expect(isThere()).toBe(true)
  await new Promise(resolve => other.close(resolve))

  const running = operator.start(settings)
  await eventually('the sessions are taken up', () => !isThere())
  running.signal('SIGTERM')
  expect(await running.exit).toBe(0)
  const said = running.lines.map(({ msg }) => msg)
  expect(said).toContain('sessions of an earlier process were taken up')
  expect(said.at(-1)).toBe('stopped')
})
