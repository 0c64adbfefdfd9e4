// A page over WebSocket attaches to its warmed session with the token of its binding.
import { createHmac } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { declareStream } from '../../src/browsers/websocket/framing.js'
import { writeStreamError } from '../../src/xmpp/stream-errors.js'
import * as say from '../browsers/websocket/pages.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { open, openPage, read, take } from '../support/taking-page.js'
import { WebSocketWire } from '../support/websocket-wire.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const path = '/xmpp-websocket/warm'
const framing = 'urn:ietf:params:xml:ns:xmpp-framing'
const close = `<close xmlns="${framing}" />`
const gone = "type='terminate' condition='item-not-found'"
const streamError = (condition: string) => declareStream(writeStreamError(condition))

type Binding = WarmBinding & { websocket: { url: string; token: string; expires_in: number } }

let server: LoginServer
let clock: MovedClock
let service: TestService
const wires: WebSocketWire[] = []
const closers: (() => unknown)[] = []
/** All tokens that were returned. */
const tokens: string[] = []

const at = (login: LoginServer) => `plain.example=xmpp://127.0.0.1:${login.port}?tls=none`
const start = (environment: Record<string, string> = {}) =>
  startTestService({
    servers: at(server),
    environment: { XMPP_DOMAINS: 'plain.example', ...environment },
    clock,
  })

beforeAll(async () => {
  const accounts = { alice: alice.password }
  server = await startLoginServer({ domain: 'plain.example', accounts })
  clock = new MovedClock()
  service = await start()
})

afterEach(async () => {
  await call('DELETE', `/sessions?jid=${alice.jid}`)
  for (const wire of wires.splice(0)) wire.drop()
  for (const closer of closers.splice(0)) await closer()
  await eventually('no connection to the server is open', () => server.open === 0)
  expect(server.complaints).toEqual([])
})

afterAll(async () => {
  await service.stop()
  await server.stop()
  // The lowest level logs everything.
  const logged = service.lines.join('')
  expect(tokens.length).toBeGreaterThan(10)
  for (const token of tokens) {
    expect(logged).not.toContain(token)
    for (const user of ['alice', 'alice@plain.example']) expect(logged).not.toContain(say.plain(token, user))
  }
})

const call = (...about: Parameters<typeof callSessions> extends [string, ...infer Rest] ? Rest : never) =>
  callSessions(service.url, ...about)
const stateOf = async (id: string) => (await call('GET', `/${id}`)).json.state

async function warm(): Promise<Binding> {
  const binding = (await service.bind(alice)) as Binding
  tokens.push(binding.websocket.token)
  return binding
}

/** What the API returns for the next page of a session. */
async function again(id: string): Promise<Binding> {
  const { status, json } = await call('POST', `/${id}/resume`)
  expect(status).toBe(200)
  tokens.push(json.websocket.token)
  return json
}

/** A page that has opened its stream and received the features. */
async function page(headers: Record<string, string> = {}, url = service.url): Promise<WebSocketWire> {
  const wire = await openPage(url, path, headers)
  wires.push(wire)
  return wire
}

/** A page that has attached to its session. */
async function takenOver({ websocket }: Binding): Promise<WebSocketWire> {
  const wire = await page()
  await take(wire, websocket.token)
  return wire
}

/** The same, with stream management. */
async function counting(binding: Binding): Promise<{ wire: WebSocketWire; streamId: string }> {
  const wire = await takenOver(binding)
  wire.send(say.enable)
  return { wire, streamId: / id='([^']+)'/.exec(await wire.message())![1]! }
}

/** A message that the server sends to the page. */
const letter = (id: string) => `<message from='bob@plain.example/b' id='${id}'><body>${id}</body></message>`
const written = (id: string) => expect.stringMatching(new RegExp(`^<message xmlns='jabber:client' .*id='${id}'`))
const idsAt = (index = server.connections.length - 1) =>
  server.connections[index]!.stanzas.map(({ attributes }) => attributes['id'])

describe('a page that logs in', () => {
  const hashed = (token: string, by: string) => createHmac('sha256', token).update(by).digest()
  const sasl = (text: string) => `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${text}</auth>`
  const sasl2 = (mechanism: string, text: string, more: string) =>
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'><initial-response>${text}</initial-response>${more}</authenticate>`
  const inline = "<bind xmlns='urn:xmpp:bind:0'><tag>portal</tag></bind>"
  const hash = (token: string) => Buffer.concat([Buffer.from('alice\0'), hashed(token, 'Initiator')]).toString('base64')

  /** What the page sends, and what follows: a new stream, features, or the session. */
  test.each<[string, (token: string) => string, 'stream' | 'features' | 'session']>([
    ['with PLAIN and the local part', token => sasl(say.plain(token, 'alice')), 'stream'],
    ['with a hash of its token and Bind 2', token => sasl2('HT-SHA-256-NONE', hash(token), inline), 'session'],
  ])('%s gets the warmed resource and all waiting stanzas', async (_what, login, then) => {
    const binding = await warm()
    server.last.say(letter('one') + letter('two'))
    expect(binding.websocket).toEqual({
      url: `${service.url.replace('http', 'ws')}${path}`,
      token: expect.stringMatching(/^[\w-]{43}$/),
      expires_in: 120,
    })
    const { token } = binding.websocket
    const wire = await page()
    wire.send(login(token))
    const success = await wire.message()
    expect(success).toMatch(/^<success /)
    const isHashed = login(token).includes('HT-')
    expect(success.includes(hashed(token, 'Responder').toString('base64'))).toBe(isHashed)
    if (then === 'stream') {
      wire.send(open)
      expect(await wire.message()).toMatch(/^<open /)
    }
    expect(await wire.message()).toContain("<sm xmlns='urn:xmpp:sm:3'/>")
    if (then === 'session') expect(success).toContain(`<authorization-identifier>${binding.jid}<`)
    else {
      wire.send(say.bind)
      expect(await wire.message()).toContain(`<jid>${binding.jid}</jid>`)
    }
    server.last.say(letter('three'))
    expect(await read(wire, 3)).toEqual(['one', 'two', 'three'].map(written))
    wire.send(say.stanza('mine'), say.stanza('and mine'))
    await eventually('the stanzas arrive', () => idsAt().length === 2)
    expect(idsAt()).toEqual(['mine', 'and mine'])
    expect(await stateOf(binding.id)).toBe('held')
  })
})

test('a wrong token is in the log, with the address of the page', async () => {
  const wire = await page({ 'X-Forwarded-For': '192.0.2.66' })
  wire.send(say.auth('guess', 'alice'))
  expect(await wire.message()).toBe(say.notAuthorized)
  const [line] = service.lines.filter(text => text.includes('wrong token')).map(text => JSON.parse(text))
  expect(line).toMatchObject({ level: 30, part: 'websocket', address: '192.0.2.66' })
})

describe('no token is returned', () => {
  test('with WEBSOCKET_ENABLED=off', async () => {
    const own = await start({ WEBSOCKET_ENABLED: 'off' })
    const { json } = await own.warm(alice)
    expect(json).toHaveProperty('sid')
    expect(json).not.toHaveProperty('websocket')
    await callSessions(own.url, 'DELETE', `/${json['id']}`)
    await expect(WebSocketWire.open(own.url, { path })).rejects.toThrow('no WebSocket')
    await own.stop()
  })

  test('with REMOTE_ATTACH=there', async () => {
    const here = await startTestService({
      servers: `plain.example=${service.url}/http-bind`,
      environment: { XMPP_DOMAINS: 'plain.example', REMOTE_ATTACH: 'there' },
      clock,
    })
    const { json } = await here.warm(alice)
    expect(json['url']).toBe(`${service.url}/http-bind`)
    expect(json).not.toHaveProperty('websocket')
    await here.stop()
  })

  test('in HTML', async () => {
    for (const accept of ['text/html', 'application/xhtml+xml']) {
      const { status, text } = await service.warm(alice, { as: 'form', accept })
      expect([status, text]).toEqual([200, expect.stringContaining('class="sid"')])
      expect(text).not.toMatch(/token|wss?:/)
    }
  })
})

describe('the first page gets the session', () => {
  const bosh = ({ sid, rid }: WarmBinding) => {
    const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
    closers.push(() => client.close())
    return client
  }

  test('over WebSocket, and BOSH requests then get item-not-found until a resume', async () => {
    const binding = await warm()
    const wire = await takenOver(binding)
    expect(await bosh(binding).request(say.stanza('stolen'))).toContain(gone)
    wire.send(say.stanza('mine'))
    const next = await again(binding.id)
    expect(await read(wire, 2)).toEqual([streamError('conflict'), close])
    const client = bosh(next)
    await client.request(say.stanza('over'), { pause: '60' })
    expect(await bosh(binding).request(say.stanza('stolen'))).toContain(gone)
    expect(idsAt()).toEqual(['mine', 'over'])
    // Back to WebSocket.
    const back = await takenOver(await again(binding.id))
    expect(await client.request(say.stanza('stolen'))).toContain(gone)
    back.send(say.stanza('back'))
    await eventually('the stanza arrives', () => idsAt().length === 3)
    expect(idsAt()).toEqual(['mine', 'over', 'back'])
  })
})

describe('a page whose connection breaks', () => {
  test('and that has stream management resumes without loss or duplicates', async () => {
    const binding = await warm()
    const { wire, streamId } = await counting(binding)
    server.last.say(letter('one') + letter('two') + letter('three'))
    wire.send(say.stanza('c1'), say.stanza('c2'))
    expect(await wire.message()).toEqual(written('one'))
    await eventually('the stanzas arrive', () => idsAt().length === 2)
    // The other stanzas arrived but were not read. These are sent, and the connection breaks at once.
    wire.send(say.stanza('c3'), say.stanza('c4'))
    wire.drop()
    server.last.say(letter('four'))
    const next = await again(binding.id)
    const back = await page()
    back.send(say.auth(next.websocket.token, 'alice'), open, say.resume(streamId, 1))
    const messages = await read(back, 4)
    const has = Number(/^<resumed .* h='(\d+)'/.exec(messages[3]!)![1])
    const sent = ['c1', 'c2', 'c3', 'c4', 'c5']
    expect(has).toBe(idsAt().length)
    for (const id of sent.slice(has)) back.send(say.stanza(id))
    const received: string[] = []
    while (received.length < 3) {
      const text = await back.message()
      if (text !== say.request) received.push(text)
    }
    expect(received).toEqual(['two', 'three', 'four'].map(written))
    await eventually('all stanzas arrive', () => idsAt().length >= sent.length)
    expect(idsAt()).toEqual(sent)
  })
})

test('the list shows the state of sessions over WebSocket', async () => {
  const [waiting, there, away] = [await warm(), await warm(), await warm()]
  const wire = await takenOver(away)
  await takenOver(there)
  wire.drop()
  while ((await stateOf(away.id)) !== 'quiet') await pause(5)
  const { sessions } = (await call('GET', '/sessions')).json
  expect(sessions).toMatchObject([
    { id: waiting.id, state: 'waiting', origin: 'warmed' },
    { id: there.id, state: 'held', transport: 'websocket', origin: 'warmed' },
    { id: away.id, state: 'quiet', transport: 'websocket', origin: 'warmed' },
  ])
  expect(sessions[0]).not.toHaveProperty('transport')
  expect(sessions[1]).not.toHaveProperty('quiet')
  expect(JSON.stringify(sessions)).not.toContain('token')
})

test('a logout closes the streams of the page and of the server', async () => {
  const binding = await warm()
  const wire = await takenOver(binding)
  expect((await call('DELETE', `/${binding.id}`)).status).toBe(204)
  expect(await wire.message()).toBe(close)
  wire.send(close)
  expect((await wire.leave()).code).toBe(1000)
  await eventually('the stream is closed', () => server.last.goodbye === 'footer')
})

test('a page that closes its stream logs its user out', async () => {
  const wire = await takenOver(await warm())
  wire.send(say.stanza('last'), close)
  expect(await wire.leave()).toEqual({ messages: [close], code: 1000 })
  await eventually('the stream is closed', () => server.last.goodbye === 'footer')
  expect(idsAt()).toEqual(['last'])
  expect(service.service.counts().sessions).toBe(0)
})

describe('while the service stops', () => {
  test('pages with and without a session get system-shutdown', async () => {
    const own = await start()
    const binding = (await own.bind(alice)) as Binding
    const [there, coming, late] = [await page({}, own.url), await page({}, own.url), await own.bind(alice)]
    await take(there, binding.websocket.token)
    server.connections.at(-2)!.say(letter('last'))
    expect(await there.message()).toEqual(written('last'))
    const stopping = own.stop()
    const told = [streamError('system-shutdown'), close]
    expect(await read(there, 2)).toEqual(told)
    expect(await read(coming, 2)).toEqual(told)
    for (const wire of [there, coming]) {
      wire.send(close)
      expect(await wire.leave()).toEqual({ messages: [], code: 1001 })
    }
    await expect(WebSocketWire.open(own.url, { path })).rejects.toThrow()
    await stopping
    expect(own.service.counts()).toEqual({ sessions: 0, links: 0, forwarded: 0 })
    expect(late.id).not.toBe(binding.id)
  })
})
