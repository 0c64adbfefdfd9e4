// A page over WebSocket attaches to its warmed session with the token of its binding.
import { createHmac } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { declareStream } from '../../src/browsers/websocket/framing.js'
import { writeStreamError } from '../../src/xmpp/stream-errors.js'
import * as say from '../browsers/websocket/pages.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { open, openPage, read, take } from '../support/taking-page.js'
import { WebSocketWire } from '../support/websocket-wire.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const path = '/xmpp-websocket/warm'
const framing = 'urn:ietf:params:xml:ns:xmpp-framing'
const close = `<close xmlns="${framing}" />`
const streamError = (condition: string) => declareStream(writeStreamError(condition))

type Binding = WarmBinding & { websocket: { url: string; token: string; expires_in: number } }

let server: LoginServer
let service: TestService
const wires: WebSocketWire[] = []
/** All tokens that were returned. */
const tokens: string[] = []

const at = (login: LoginServer) => `plain.example=xmpp://127.0.0.1:${login.port}?tls=none`
const start = (environment: Record<string, string> = {}) =>
  startTestService({
    servers: at(server),
    environment: { XMPP_DOMAINS: 'plain.example', ...environment },
  })

beforeAll(async () => {
  const accounts = { alice: alice.password }
  server = await startLoginServer({ domain: 'plain.example', accounts })
  service = await start()
})

afterEach(async () => {
  await call('DELETE', `/sessions?jid=${alice.jid}`)
  for (const wire of wires.splice(0)) wire.drop()
  await eventually('no connection to the server is open', () => server.open === 0)
  expect(server.complaints).toEqual([])
})

afterAll(async () => {
  await service.stop()
  await server.stop()
  // The lowest level logs everything.
  const logged = service.lines.join('')
  expect(tokens).toHaveLength(2)
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

/** A page that has opened its stream and received the features. */
async function page(headers: Record<string, string> = {}, url = service.url): Promise<WebSocketWire> {
  const wire = await openPage(url, path, headers)
  wires.push(wire)
  return wire
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
  test('with REMOTE_ATTACH=there', async () => {
    const here = await startTestService({
      servers: `plain.example=${service.url}/http-bind`,
      environment: { XMPP_DOMAINS: 'plain.example', REMOTE_ATTACH: 'there' },
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
