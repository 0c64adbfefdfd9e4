// A service with few file descriptors reports what it cannot open. Everything else continues.
// Runs in npm run test:all only: each test starts a service and uses up its descriptors.
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { calledAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { callUrl, jsonHeaders } from '../support/login-server/watched-service.js'
import { type OperatedService, Operator, settingsAt } from '../support/operated-service.js'
import { unlimited } from '../support/unlimited.js'

/** The minimum for a start. Node opens all files of a program at once. */
const descriptors = 192

const operator = Operator.ofEachTest()
const closers = calledAfterEach()

let server: LoginServer
let service: OperatedService
let url: string

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
})

afterAll(() => server.stop())

beforeEach(async () => {
  service = operator.startConfined(descriptors, { ...unlimited, ...settingsAt(server) })
  url = await service.url()
})

const account = JSON.stringify({ jid: 'alice@plain.example', password: 'Pa55-of-alice' })
const call = (method: string, path: string, body?: string) =>
  callUrl(url + path, { method, headers: jsonHeaders, ...(body !== undefined && { body }) })

test('a warm call gets 503 while no file descriptor is free', async () => {
  const bindings: { id: string; sid: string; rid: number }[] = []
  let reply = await call('POST', '/warm', account)
  for (; reply.status === 200; reply = await call('POST', '/warm', account)) bindings.push(JSON.parse(reply.text))
  expect(bindings.length).toBeGreaterThan(descriptors / 2)
  expect(bindings.length).toBeLessThan(descriptors)
  expect(reply.status).toBe(503)
  expect(JSON.parse(reply.text)).toMatchObject({ code: 'service-full', step: 'connect' })
  expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
  expect((await call('GET', '/readyz')).status).toBe(503)

  // Existing sessions continue.
  const page = new BoshClient(`${url}/http-bind`, bindings[0]!)
  expect(await page.request("<presence xmlns='jabber:client'/>", { pause: '60' })).not.toContain('terminate')
  page.close()

  expect((await call('DELETE', `/warm/${bindings[1]!.id}`)).status).toBe(204)
  await eventually('its stream is closed', () => server.open === bindings.length - 1)
  expect((await call('GET', '/readyz')).status).toBe(200)
  expect((await call('POST', '/warm', account)).status).toBe(200)
  expect((await call('DELETE', '/warm/sessions?jid=alice@plain.example')).status).toBe(200)
  await eventually('all streams are closed', () => server.open === 0)
})

/** Opens connections until the service has no free descriptor. */
async function connectUntilFull(): Promise<void> {
  const { port, hostname } = new URL(url)
  const closed = jest.fn()
  for (let count = 0; count < 2 * descriptors; count++) {
    const socket = connect(Number(port), hostname)
    closers.push(() => socket.destroy())
    socket.on('error', () => {}).once('close', closed)
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  }
  await eventually('the service closes connections', () => closed.mock.calls.length > 0)
}

const creation =
  "<body rid='1' to='plain.example' wait='5' hold='1' ver='1.6' xml:lang='en' xmlns='http://jabber.org/protocol/httpbind'/>"

test.each([
  ['/http-bind', 'POST', creation, 'policy-violation'],
  ['/assets/strophe.js', 'GET', undefined, 'Strophe'],
])(
  'a request for %s over an open connection is answered when no descriptor is left',
  async (path, method, body, word) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    closers.push(() => agent.destroy())
    // Its connection exists before all others.
    expect((await ask(`${url}/healthz`, { agent })).status).toBe(200)
    await connectUntilFull()
    const { status, text } = await ask(url + path, { method, agent, headers: jsonHeaders }, body)
    expect([status, text]).toEqual([200, expect.stringContaining(word)])
    expect(service.lines.filter(({ level }) => Number(level) >= 50)).toEqual([])
  },
)
