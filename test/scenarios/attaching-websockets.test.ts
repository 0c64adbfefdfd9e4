// A page over WebSocket attaches to its warmed session with the token of its binding.
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { declareStream } from '../../src/browsers/websocket/framing.js'
import { writeStreamError } from '../../src/xmpp/stream-errors.js'
import * as say from '../browsers/websocket/pages.js'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { testRest } from '../support/matrix.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { open, openPage, read, take } from '../support/taking-page.js'
import { WebSocketWire } from '../support/websocket-wire.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const bob = { jid: 'bob@plain.example', password: 'Pa55-of-bob' }
const path = '/xmpp-websocket/warm'
const framing = 'urn:ietf:params:xml:ns:xmpp-framing'
const close = `<close xmlns="${framing}" />`
const gone = "type='terminate' condition='item-not-found'"
const sasl2Refusal =
  "<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>"
const streamError = (condition: string) => declareStream(writeStreamError(condition))

type Binding = WarmBinding & { websocket: { url: string; token: string; expires_in: number } }

let server: LoginServer
let clock: MovedClock
let service: TestService
const folder = mkdtempSync(join(tmpdir(), 'taking-over-'))
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
  const accounts = { alice: alice.password, bob: bob.password }
  server = await startLoginServer({ domain: 'plain.example', accounts })
  clock = new MovedClock()
  service = await start()
})

afterEach(async () => {
  for (const { jid } of [alice, bob]) await call('DELETE', `/sessions?jid=${jid}`)
  for (const wire of wires.splice(0)) wire.drop()
  for (const closer of closers.splice(0)) await closer()
  await eventually('no connection to the server is open', () => server.open === 0)
  expect(server.complaints).toEqual([])
})

afterAll(async () => {
  await service.stop()
  await server.stop()
  rmSync(folder, { recursive: true })
  // The lowest level logs everything.
  const logged = service.lines.join('')
  expect(tokens.length).toBeGreaterThan(20)
  for (const token of tokens) {
    expect(logged).not.toContain(token)
    for (const user of ['alice', 'alice@plain.example']) expect(logged).not.toContain(say.plain(token, user))
  }
})

const call = (...about: Parameters<typeof callSessions> extends [string, ...infer Rest] ? Rest : never) =>
  callSessions(service.url, ...about)
const stateOf = async (id: string) => (await call('GET', `/${id}`)).json.state

async function warm(account = alice, more: Record<string, string> = {}): Promise<Binding> {
  const binding = (await service.bind({ ...account, ...more })) as Binding
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
    ['with PLAIN and the bare JID', token => sasl(say.plain(token, alice.jid)), 'stream'],
    ['with PLAIN and an authzid', token => sasl(say.plain(token, 'alice', alice.jid)), 'stream'],
    ['with PLAIN over SASL2', token => sasl2('PLAIN', say.plain(token, 'alice'), ''), 'features'],
    ['with PLAIN over SASL2 and Bind 2', token => sasl2('PLAIN', say.plain(token, 'alice'), inline), 'session'],
    ['with a hash of its token', token => sasl2('HT-SHA-256-NONE', hash(token), ''), 'features'],
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

  test('with a used, foreign or invalid token gets the same not-authorized', async () => {
    const [used, others] = [await warm(), await warm(bob)]
    await takenOver(used)
    const ended = await warm()
    await call('DELETE', `/${ended.id}`)
    const wire = await page()
    const wrong = ['', 'guessed', used.sid, used.websocket.token, others.websocket.token, ended.websocket.token]
    for (const token of wrong) {
      const other = await page()
      other.send(say.auth(token, 'alice'))
      expect(await other.message()).toBe(say.notAuthorized)
      other.drop()
    }
    wire.send(say.authenticate('guessed', 'nobody'))
    expect(await wire.message()).toBe(sasl2Refusal)
    // The right token still works.
    const right = await warm()
    expect(await take(wire, right.websocket.token)).toBe(right.jid)
  })

  test('at another domain than the domain of its token gets not-authorized', async () => {
    const other = await startLoginServer({ domain: 'other.example', accounts: { alice: alice.password } })
    const both = await startTestService({
      servers: `${at(server)},other.example=xmpp://127.0.0.1:${other.port}?tls=none`,
      environment: { XMPP_DOMAINS: 'plain.example,other.example' },
    })
    const binding = (await both.bind(alice)) as Binding
    const wire = await WebSocketWire.open(both.url, { path })
    wires.push(wire)
    wire.send(open.replace('plain.example', 'other.example'), say.auth(binding.websocket.token, 'alice'))
    expect((await read(wire, 3))[2]).toBe(say.notAuthorized)
    wire.drop()
    await callSessions(both.url, 'DELETE', `/${binding.id}`)
    await both.stop()
    await other.stop()
  })
})

testRest('ten wrong tokens delay logins from their address only', async () => {
  const own = await start()
  const from = (address: string) => page({ 'X-Forwarded-For': address }, own.url)
  for (let guess = 0; guess < 10; guess++) {
    const mallory = await from('192.0.2.66')
    mallory.send(say.auth(`guess ${guess}`, 'alice'))
    expect(await mallory.message()).toBe(say.notAuthorized)
    mallory.drop()
  }
  const more = await from('192.0.2.66')
  const asked = performance.now()
  more.send(say.auth('guess', 'alice'))
  const other = await from('192.0.2.7')
  other.send(say.auth('mistyped', 'alice'))
  expect(await other.message()).toBe(say.notAuthorized)
  expect(await more.message()).toBe(say.notAuthorized)
  expect(performance.now() - asked).toBeGreaterThan(1_900)
  const told = own.lines.filter(line => line.includes('wrong token')).map(line => JSON.parse(line))
  expect(told).toHaveLength(12)
  expect(told[0]).toMatchObject({ level: 30, part: 'websocket', address: '192.0.2.66' })
  for (const wire of [more, other]) wire.drop()
  await own.stop()
})

describe('no token is returned', () => {
  test('for a session with attach_binding', async () => {
    for (const attach_binding of ['cookie', 'reply']) {
      const { json } = await service.warm({ ...alice, attach_binding })
      expect(json).toHaveProperty('sid')
      expect(json).not.toHaveProperty('websocket')
      const resumed = await call('POST', `/${json['id']}/resume`, { body: { attach_binding } })
      expect(resumed.json).toHaveProperty('sid')
      expect(resumed.json).not.toHaveProperty('websocket')
    }
  })

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

  test('over BOSH, and the token is then rejected', async () => {
    const binding = await warm()
    await bosh(binding).request(say.stanza('mine'), { pause: '60' })
    const wire = await page()
    wire.send(say.auth(binding.websocket.token, 'alice'))
    expect(await wire.message()).toBe(say.notAuthorized)
    expect(await stateOf(binding.id)).toBe('paused')
  })

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

  test('until a resume ends its poll, and the next page gets its last stanzas again', async () => {
    const binding = await warm()
    const client = bosh(binding)
    server.last.say(letter('one'))
    expect(await client.request(say.stanza('mine'))).toContain("id='one'")
    const held = client.request()
    await eventually('the session is open', () => service.service.counts().sessions === 1)
    while ((await stateOf(binding.id)) !== 'held') await pause(5)
    const { websocket } = await again(binding.id)
    expect(await held).toBe("<body xmlns='http://jabber.org/protocol/httpbind'/>")
    const wire = await page()
    await take(wire, websocket.token)
    expect(await wire.message()).toEqual(written('one'))
  })

  test('if three try at the same time', async () => {
    const binding = await warm()
    const pages = [await page(), await page(), await page()]
    for (const wire of pages) wire.send(say.authenticate(binding.websocket.token, 'alice'))
    const answers = await Promise.all(pages.map(wire => wire.message()))
    expect(answers.filter(text => text.startsWith('<success'))).toHaveLength(1)
    expect(answers.filter(text => text === sasl2Refusal)).toHaveLength(2)
  })

  test('until another page of its tab gets a new token', async () => {
    const named = { visit: 'v1', tab: 't1' }
    const binding = await warm(alice, named)
    await takenOver(binding)
    const resumed = await warm(alice, named)
    expect(resumed).toMatchObject({ id: binding.id, resumed: true })
    const next = await page()
    next.send(say.auth(binding.websocket.token, 'alice'))
    expect(await next.message()).toBe(say.notAuthorized)
    expect(await take(next, resumed.websocket.token)).toBe(binding.jid)
  })
})

describe('a page whose connection breaks', () => {
  test('keeps its session for WEBSOCKET_RESUME, after which it ends', async () => {
    const binding = await warm()
    const wire = await takenOver(binding)
    wire.drop()
    while ((await stateOf(binding.id)) !== 'quiet') await pause(5)
    server.last.say(letter('late'))
    clock.advance(119_000)
    expect(await stateOf(binding.id)).toBe('quiet')
    clock.advance(1_500)
    await eventually('the session has ended', () => service.service.counts().sessions === 0)
    await eventually('the stream is closed', () => server.last.goodbye === 'footer')
    expect(server.last.stanzas).toMatchObject([{ name: 'message', attributes: { type: 'error', id: 'late' } }])
    const ended = service.lines.filter(line => line.includes('session ended') && line.includes(binding.id))
    expect(ended.join()).toContain('"reason":"inactivity"')
  })

  test('returns with a new token, and gets the stanzas sent meanwhile', async () => {
    const binding = await warm()
    const wire = await takenOver(binding)
    wire.send(say.stanza('first'))
    await eventually('the stanza arrives', () => idsAt().length === 1)
    wire.drop()
    while ((await stateOf(binding.id)) !== 'quiet') await pause(5)
    server.last.say(letter('meanwhile'))
    const back = await takenOver(await again(binding.id))
    expect(await back.message()).toEqual(written('meanwhile'))
    expect(await stateOf(binding.id)).toBe('held')
  })

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

  test('cannot resume another stream or send a wrong count, and can still bind', async () => {
    const [first, second] = [await warm(), await warm()]
    const [one, other] = [await counting(first), await counting(second)]
    one.wire.drop()
    const { websocket } = await again(first.id)
    const wire = await page()
    wire.send(say.auth(websocket.token, 'alice'), open)
    await read(wire, 3)
    for (const [previous, count] of [
      [other.streamId, 0],
      ['unheard-of', 0],
      [one.streamId, 7],
    ] as const) {
      wire.send(say.resume(previous, count))
      expect(await wire.message()).toBe(
        "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
      )
    }
    wire.send(say.bind)
    expect(await wire.message()).toContain(`<jid>${first.jid}</jid>`)
    expect(await stateOf(second.id)).toBe('held')
  })

  test('becomes quiet at once, and everything it sent arrives', async () => {
    const binding = await warm()
    const wire = await takenOver(binding)
    for (let sent = 0; sent < 200; sent++) wire.send(say.stanza(`c${sent}`, 'x'.repeat(500)))
    wire.halfClose()
    await eventually('all stanzas arrive', () => idsAt().length === 200)
    while ((await stateOf(binding.id)) !== 'quiet') await pause(5)
    expect(idsAt()).toEqual(Array.from({ length: 200 }, (_, sent) => `c${sent}`))
  })
})

testRest('a page that acknowledges nothing gets about 1 MiB, and the rest once it acknowledges', async () => {
  const { wire } = await counting(await warm())
  const all = Array.from({ length: 3000 }, (_, number) => `m${number}`)
  server.last.say(all.map(id => letter(id).replace('</body>', `${'x'.repeat(2000)}</body>`)).join(''))
  const read: string[] = []
  let size = 0
  /** Reads until nothing has arrived for a while. */
  const readOn = async () => {
    for (let silent = 0; silent < 20; silent++) {
      wire.send(say.request)
      for (let next = await wire.message(); !next.startsWith('<a '); next = await wire.message()) {
        if (next === say.request) continue
        silent = 0
        size += next.length
        read.push(/ id='(\w+)'/.exec(next)![1]!)
      }
    }
  }
  await readOn()
  expect(size).toBeGreaterThan(1024 * 1024)
  expect(size).toBeLessThan(1.2 * 1024 * 1024)
  while (read.length < all.length) {
    wire.send(say.ack(read.length))
    await readOn()
  }
  expect(read).toEqual(all)
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

describe('with TLS', () => {
  test('a session that a page used over TLS cannot be used without TLS', async () => {
    const { key, cert } = makeCertificate(['DNS:localhost'])
    const file = join(folder, 'tls.pem')
    writeFileSync(file, key + cert)
    const own = await start({ HTTPS_PORT: '0', TLS_CERT: file, TRUSTED_PROXIES: 'none' })
    const secureUrl = own.service.urls.find(url => url.startsWith('https:'))!
    const binding = (await own.bind(alice)) as Binding
    const wire = await page({}, secureUrl)
    expect(await take(wire, binding.websocket.token)).toBe(binding.jid)
    const next = (await callSessions(own.url, 'POST', `/${binding.id}/resume`)).json
    const open = await page({}, own.url)
    open.send(say.auth(next.websocket.token, 'alice'))
    expect(await open.message()).toBe(say.notAuthorized)
    const secure = await page({}, secureUrl)
    expect(await take(secure, next.websocket.token)).toBe(binding.jid)
    await callSessions(own.url, 'DELETE', `/${binding.id}`)
    for (const each of [wire, open, secure]) each.drop()
    await own.stop()
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
