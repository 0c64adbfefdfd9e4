// Pages whose WebSocket connects to another process than the process of their session.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { processIn } from '../../src/store/process-name.js'
import type { Store } from '../../src/store/store.js'
import * as say from '../browsers/websocket/pages.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { memoryStore } from '../support/memory-store.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { open, openPage, read, take } from '../support/taking-page.js'
import { close, faultOf } from '../support/websocket-stage.js'
import { WebSocketWire } from '../support/websocket-wire.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const path = '/xmpp-websocket/warm'
const shutdown = faultOf('system-shutdown')

type Binding = WarmBinding & { websocket: { url: string; token: string } }

let server: LoginServer
let store: Store
/** The session belongs to the first. */
let services: readonly [owner: TestService, edge: TestService, third: TestService]
const wires: WebSocketWire[] = []
/** Of all bindings. */
const tokens: string[] = []

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts: { alice: alice.password } })
})

afterAll(() => server.stop())

beforeEach(async () => {
  store = memoryStore(systemClock)
  services = await startAll()
})

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.drop()
  await Promise.all(services.map(service => service.stop()))
  await eventually('no connection to the server is open', () => server.open === 0)
  // The lowest level logs everything.
  const logged = services.flatMap(({ lines }) => lines).join('')
  for (const token of tokens.splice(0))
    for (const secret of [token, say.plain(token, 'alice'), say.plain(token, alice.jid)])
      expect(logged).not.toContain(secret)
})

/** Processes that know each other. */
async function startAll(environment: Record<string, string> = {}): Promise<typeof services> {
  const start = () =>
    startTestService({
      servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
      environment: { XMPP_DOMAINS: 'plain.example', ...environment },
      store,
    })
  return [await start(), await start(), await start()]
}

async function warm(): Promise<Binding> {
  const binding = (await services[0].bind(alice)) as Binding
  tokens.push(binding.websocket.token)
  return binding
}

const nameOf = ({ id }: Binding) => processIn(id)!
/** Path and query of the URL that pages get. */
const placeOf = ({ websocket }: Binding) => new URL(websocket.url).pathname + new URL(websocket.url).search

/** A page that has opened its stream and received the features. */
async function page({ url }: TestService, at: string, headers = {}): Promise<WebSocketWire> {
  const wire = await openPage(url, at, headers)
  wires.push(wire)
  return wire
}

/** A page at another process that has attached to its session. */
async function takenOver(binding: Binding, service = services[1]): Promise<WebSocketWire> {
  const wire = await page(service, placeOf(binding))
  expect(await take(wire, binding.websocket.token)).toBe(binding.jid)
  return wire
}

/** What the API returns to a backend. */
const call = async (method: 'GET' | 'POST' | 'DELETE', about: string) =>
  (await callSessions(services[0].url, method, about)).json

const letter = (id: string, text = id) =>
  `<message from='bob@plain.example/b' id='${id}'><body>${text}</body></message>`
const idOf = (message: string) => / id='([^']*)'/.exec(message)?.[1]
const idsAt = () => server.last.stanzas.map(({ attributes }) => attributes['id'])

async function talk(wire: WebSocketWire): Promise<void> {
  const before = idsAt().length
  server.last.say(letter('there') + letter('and there'))
  expect((await read(wire, 2)).map(idOf)).toEqual(['there', 'and there'])
  wire.send(say.stanza('here'), say.stanza('and here'))
  await eventually('the stanzas arrive', () => idsAt().length === before + 2)
  expect(idsAt().slice(before)).toEqual(['here', 'and here'])
}

test('no token is returned in HTML', async () => {
  for (const accept of ['text/html', 'application/xhtml+xml']) {
    const { status, text } = await services[0].warm(alice, { headers: { Accept: accept } })
    expect([status, text]).toEqual([200, expect.stringContaining('class="sid"')])
    expect(text).not.toMatch(/token|wss?:/)
  }
  await call('DELETE', `/sessions?jid=${alice.jid}`)
})

describe('a page at another process', () => {
  test('attaches with the URL of its binding', async () => {
    const binding = await warm()
    const name = nameOf(binding)
    expect(binding.websocket).toMatchObject({
      url: `${services[0].url.replace('http', 'ws')}${path}?node=${name}`,
      token: expect.stringMatching(new RegExp(`^${name}-[\\w-]{43}$`)),
    })
    const wire = await takenOver(binding)
    await talk(wire)
    expect(await call('GET', `/${binding.id}`)).toMatchObject({ state: 'held', transport: 'websocket' })
    expect(services.map(({ service }) => service.counts().sessions)).toEqual([1, 0, 0])
    await call('DELETE', `/${binding.id}`)
    expect(await wire.leave()).toEqual({ messages: [close], code: 1000 })
  })

  test('attaches with its token alone at the plain URL', async () => {
    const binding = await warm()
    const wire = await page(services[1], path)
    expect(await take(wire, binding.websocket.token)).toBe(binding.jid)
    await talk(wire)
    const { websocket } = await call('POST', `/${binding.id}/resume`)
    expect((await read(wire, 2))[1]).toBe(close)
    const next = await page(services[2], path)
    next.send(say.authenticate(websocket.token, 'alice'))
    expect(await next.message()).toContain(`>${binding.jid}<`)
    await next.message()
    await talk(next)
    next.send(close)
    expect((await next.leave()).code).toBe(1000)
    await eventually('the session has ended', () => services[0].service.counts().sessions === 0)
  })

  test('gets the same not-authorized for every wrong token', async () => {
    const binding = await warm()
    const name = nameOf(binding)
    const attempts = [
      [path, name],
      [path, 'abcdefgh'],
      [path, '*.......'],
      [placeOf(binding), name],
      [placeOf(binding), 'abcdefgh'],
      [`${path}?node=abcdefgh`, name],
      [`${path}?node=*`, 'Abcdefgh'],
      [`${path}?node=`, ''],
    ] as const
    for (const [at, begin] of attempts) {
      const wire = await page(services[1], at, { 'X-Forwarded-For': '192.0.2.66' })
      wire.send(say.auth(`${begin}-${'x'.repeat(43)}`, 'alice'))
      expect(await wire.message()).toBe(say.notAuthorized)
      wire.drop()
    }
    const wire = await page(services[1], path)
    wire.send(say.auth(`${name}-`, 'alice'))
    expect(await wire.message()).toBe(say.notAuthorized)
    const lines = services.flatMap(({ lines }) => lines.map(line => JSON.parse(line)))
    const refusal = { level: 30, part: 'websocket', reason: 'wrong token', address: '192.0.2.66' }
    expect(lines).toContainEqual(expect.objectContaining(refusal))
    // The right token still works.
    expect(await take(wire, binding.websocket.token)).toBe(binding.jid)
  })
})

test('a page gets system-shutdown when the process of its session stops', async () => {
  const binding = await warm()
  const wire = await takenOver(binding)
  const other = await warm()
  const late = await page(services[1], path)
  late.send(say.authenticate(other.websocket.token, 'alice', false))
  await read(late, 2)
  const stopped = services[0].stop()
  expect(await wire.leave()).toEqual({ messages: [shutdown, close], code: 1001 })
  expect(await late.leave()).toEqual({ messages: [shutdown, close], code: 1001 })
  await stopped
  const again = await page(services[1], placeOf(binding))
  again.send(say.auth(binding.websocket.token, 'alice'))
  expect(await again.message()).toBe(say.notAuthorized)
})

test('draining processes forward a client that logs in itself to another process', async () => {
  await Promise.all(services.map(service => service.stop()))
  services = await startAll({ DRAIN_TIME: '600' })
  for (const { service } of services.slice(0, 2)) void service.drain()
  await new Promise(resolve => setTimeout(resolve, 50))
  const wire = await WebSocketWire.open(services[0].url)
  wires.push(wire)
  wire.send(open)
  const sessions = () => services.map(({ service }) => service.counts().sessions)
  expect(await wire.message()).toContain("from='plain.example'")
  expect(await wire.message()).toContain('<mechanism>')
  expect(sessions()).toEqual([0, 0, 1])
  wire.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${say.plain('wrong', 'alice')}</auth>`)
  expect(await wire.message()).toMatch(/^<failure /)
  wire.drop()
  await eventually('the session has ended', () => sessions()[2] === 0)
})
