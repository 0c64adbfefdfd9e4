// A service with few file descriptors reports what it cannot open. Everything else continues.
// Runs in npm run test:all only: each test starts a service and uses up its descriptors.
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { callUrl, jsonHeaders } from '../support/login-server/watched-service.js'
import { Operator, settingsAt } from '../support/operated-service.js'
import { adminHeader } from '../support/start-service.js'
import { unlimited } from '../support/unlimited.js'

/** The minimum for a start. Node opens all files of a program at once. */
const descriptors = 192

const operator = new Operator()
const sockets: Socket[] = []

let server: LoginServer
let url: string

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
  url = await operator.startConfined(descriptors, settings()).url()
})

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

afterAll(async () => {
  operator.leave()
  await server.stop()
})

const settings = () => ({ ...unlimited, ...settingsAt(server) })

const call = (method: string, path: string, body?: string) =>
  callUrl(url + path, { method, headers: jsonHeaders, ...(body !== undefined && { body }) })
const creation =
  "<body rid='1' to='plain.example' wait='5' hold='1' ver='1.6' xml:lang='en' xmlns='http://jabber.org/protocol/httpbind'/>"
const account = JSON.stringify({ jid: 'alice@plain.example', password: 'Pa55-of-alice' })

/** Warms until a call fails. Resolves with the bindings and the last response. */
async function warmUntilFull() {
  const bindings: { id: string; sid: string; rid: number }[] = []
  for (;;) {
    const reply = await call('POST', '/warm', account)
    if (reply.status !== 200) return { bindings, reply }
    bindings.push(JSON.parse(reply.text))
  }
}

test('a warm call gets 503 while no file descriptor is free', async () => {
  const { bindings, reply } = await warmUntilFull()
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

test('clients that never log in leave descriptors for a warm call and its page', async () => {
  const strangers = new Agent({ keepAlive: true })
  for (let count = 0; ; count++) {
    const headers = { 'X-Forwarded-For': `192.0.2.${count}` }
    const { text } = await ask(`${url}/http-bind`, { method: 'POST', agent: strangers, headers }, creation)
    if (text.includes('policy-violation')) break
    expect(count).toBeLessThan(descriptors)
  }
  try {
    const { status, text } = await call('POST', '/warm', account)
    expect([status, text]).toEqual([200, expect.stringContaining('sid')])
    const page = new BoshClient(`${url}/http-bind`, JSON.parse(text))
    expect(await page.request('', { pause: '60' })).not.toContain('terminate')
    page.close()
  } finally {
    strangers.destroy()
    expect((await call('DELETE', '/warm/sessions?jid=alice@plain.example')).status).toBe(200)
  }
})

/** Opens connections until the service has no free descriptor. */
async function connectUntilFull(to: string, most = descriptors, localAddress?: string): Promise<void> {
  const { port, hostname } = new URL(to)
  let closed = 0
  for (let count = 0; count < 2 * most; count++) {
    const socket = connect({ port: Number(port), host: hostname, localAddress })
    socket.on('error', () => {})
    socket.once('close', () => {
      closed += 1
    })
    sockets.push(socket)
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  }
  await eventually('the service closes connections', () => closed > 0)
}

test.each([
  ['/warm', 'POST', account, [503, 'service-full']],
  ['/http-bind', 'POST', creation, [200, 'policy-violation']],
  ['/', 'GET', undefined, [200, 'Warm Bindings']],
  ['/nowhere', 'GET', undefined, [404, 'not-found']],
  ['/assets/strophe.js', 'GET', undefined, [200, 'Strophe']],
] as const)(
  'a request for %s over an open connection is answered when no descriptor is left',
  async (path, method, body, expected) => {
    const fresh = operator.startConfined(descriptors, settings())
    const base = await fresh.url()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const authorization = { Authorization: adminHeader }
      const send = () => ask(base + path, { method, agent, headers: { ...jsonHeaders, ...authorization } }, body)
      // Its connection exists before all others.
      expect((await ask(`${base}/healthz`, { agent })).status).toBe(200)
      await connectUntilFull(base)
      const { status, text } = await send()
      const [wanted, word] = expected
      expect([status, text]).toEqual([wanted, expect.stringContaining(word)])
      expect(fresh.lines.filter(({ level }) => Number(level) >= 50)).toEqual([])
    } finally {
      agent.destroy()
      fresh.signal('SIGKILL')
    }
  },
)

test('connections without a descriptor are closed, and the service recovers when others close', async () => {
  const binding = JSON.parse((await call('POST', '/warm', account)).text)
  const page = new BoshClient(`${url}/http-bind`, binding)
  const held = page.request("<presence xmlns='jabber:client'/>")
  await connectUntilFull(url)
  for (const socket of sockets.splice(0)) socket.destroy()
  let status = 0
  await eventually('the service answers', () => {
    void ask(`${url}/healthz`, { agent: false }).then(
      answer => {
        status = answer.status
      },
      () => {},
    )
    return status === 200
  })
  // The page's next request releases the poll that was held.
  const next = page.request('', { pause: '60' })
  expect(await held).not.toContain('terminate')
  expect(await next).not.toContain('terminate')
  page.close()
  expect((await call('POST', '/warm', account)).status).toBe(200)
})
