// A process that stops sets its sessions down in the store. Their clients reach the process that takes them up.
// Runs in npm run test:all only: twenty seconds.
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { StoredRecords } from '../../src/session/registry/stored-records.js'
import { processIn } from '../../src/store/process-name.js'
import { type Member, type Store, StoreUnavailable } from '../../src/store/store.js'
import * as say from '../browsers/websocket/pages.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type ManagedServer, type ManagedStream, startManagedServer } from '../support/login-server/managed-server.js'
import { memoryStore } from '../support/memory-store.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { open, openPage, read, take } from '../support/taking-page.js'
import { testFolder } from '../support/test-folder.js'
import type { WebSocketWire } from '../support/websocket-wire.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const inTab = { visit: 'v1', tab: 't1' }
const path = '/xmpp-websocket/warm'
const shutdown = "condition='system-shutdown'"
const unknown = "condition='item-not-found'"

type Binding = WarmBinding & { readonly websocket: { readonly url: string; readonly token: string } }

const keys = testFolder().file('keys', randomBytes(32).toString('base64'))
let managed: ManagedServer
let clock: SteppedClock
let store: Store
const services: TestService[] = []
const clients: (BoshClient | WebSocketWire)[] = []

beforeEach(async () => {
  managed = await startManagedServer({ domain: 'plain.example' })
  clock = new SteppedClock()
  store = memoryStore(clock)
})

afterEach(async () => {
  for (const client of clients.splice(0)) client instanceof BoshClient ? client.close() : client.drop()
  await Promise.all(services.splice(0).map(service => service.stop()))
  expect(managed.server.complaints).toEqual([])
  await managed.server.stop()
})

async function start(more: Readonly<Record<string, string>> = {}): Promise<TestService> {
  const service = await startTestService({
    servers: `plain.example=xmpp://127.0.0.1:${managed.server.port}?tls=none`,
    environment: { XMPP_DOMAINS: 'plain.example', SEAL_KEY_FILE: keys, LINK_RESUME_TIME: '60', ...more },
    store,
    clock,
  })
  services.push(service)
  return service
}

/** A session that can move, and its stream. */
async function warm(at: TestService, more: object = {}): Promise<{ binding: Binding; stream: ManagedStream }> {
  const before = managed.streams.length
  const binding = (await at.bind({ ...alice, ...more })) as Binding
  await eventually('the stream is managed', () => managed.streams.length > before)
  // The service has read `<enabled/>` when it answers this.
  const stream = managed.streams.at(-1)!
  await callSessions(at.url, 'GET', `/${binding.id}`)
  return { binding, stream }
}

function bosh({ url }: TestService, { sid, rid }: Pick<WarmBinding, 'sid' | 'rid'>): BoshClient {
  const client = new BoshClient(`${url}/http-bind`, { sid, rid })
  clients.push(client)
  return client
}

async function page({ url }: TestService, at: string): Promise<WebSocketWire> {
  const wire = await openPage(url, at)
  clients.push(wire)
  return wire
}

const letter = (id: string) => `<message from='bob@plain.example/b' id='${id}'><body>${id}</body></message>`
const idsIn = (text: string) => Array.from(text.matchAll(/<message [^>]*id='([^']*)'/g), ([, id]) => id)
const idsAt = ({ received }: ManagedStream) =>
  received.filter(({ name }) => name === 'message').map(({ attributes }) => attributes['id'])
const isHeldAt = ({ service }: TestService) =>
  eventually('the request is on its way', () => service.counts().forwarded > 0)

describe('with another process,', () => {
  let old: TestService
  let heir: TestService

  beforeEach(async () => {
    old = await start()
    heir = await start()
  })

  test('BOSH requests that were held, at either process, and later requests reach it, and nothing is lost', async () => {
    const one = await warm(old)
    const two = await warm(old)
    const [here, there] = [bosh(old, one.binding), bosh(heir, two.binding)]
    const held = [here.request(say.stanza('from here')), there.request(say.stanza('from there'))]
    await eventually('both are held', () => idsAt(one.stream).length + idsAt(two.stream).length === 2)
    const stopping = old.service.stop()
    const first = await Promise.all(held)
    expect(first.join()).not.toContain('terminate')
    for (const { stream } of [one, two]) stream.say(letter('first'))
    const next = [bosh(heir, { sid: here.sid!, rid: here.rid }), there].map(client =>
      client.request(say.stanza('later')),
    )
    await stopping
    for (const [at, { stream }] of [one, two].entries()) {
      const texts = [first[at]!, await next[at]!]
      expect(texts.flatMap(idsIn)).toEqual(['first'])
      await eventually('the later stanza arrives', () => idsAt(stream).length === 2)
      expect(idsAt(stream)).toEqual([at === 0 ? 'from here' : 'from there', 'later'])
      expect(stream.resumptions).toBe(1)
    }
    expect(heir.service.counts().sessions).toBe(2)
  })

  test('held requests that a stopping process forwards are answered, and their session continues', async () => {
    const { binding, stream } = await warm(heir)
    const client = bosh(old, binding)
    const held = client.request(say.stanza('mine'))
    await eventually('the request is held', () => idsAt(stream).length === 1)
    const stopping = old.service.stop()
    const answer = await held
    expect([answer.includes('terminate'), idsIn(answer)]).toEqual([false, []])
    await stopping
    stream.say(letter('later'))
    expect(idsIn(await bosh(heir, { sid: client.sid!, rid: client.rid }).request())).toEqual(['later'])
  })

  test('simultaneous requests of a page, at one process or two, all find the session', async () => {
    const third = await start()
    const { isEnded } = store.ended
    // While a process takes a session up, no other process finds it.
    store.ended.isEnded = async session => {
      await pause(50)
      return isEnded.call(store.ended, session)
    }
    const all = [await warm(old), await warm(old)]
    await old.service.stop()
    const replies = all.flatMap(({ binding: { sid, rid } }, at) => {
      const other = at === 0 ? heir : third
      return [
        bosh(heir, { sid, rid }).request(say.stanza('one')),
        bosh(other, { sid, rid: rid + 1 }).request(say.stanza('two')),
      ]
    })
    await eventually('all stanzas arrive', () => all.every(({ stream }) => idsAt(stream).length === 2))
    for (const { stream } of all) {
      expect(idsAt(stream)).toEqual(['one', 'two'])
      stream.say(letter('answer'))
    }
    const texts = await Promise.all(replies)
    expect(texts.join()).not.toContain('terminate')
    expect(texts.flatMap(idsIn)).toEqual(['answer', 'answer'])
  })

  test.each(['its URL', 'the plain URL'])('a page attaches with its token, at %s', async at => {
    const { binding, stream } = await warm(old)
    stream.say(letter('before'))
    await old.service.stop()
    stream.say(letter('between'))
    const { pathname, search } = new URL(binding.websocket.url)
    const wire = await page(heir, at === 'its URL' ? pathname + search : path)
    expect(await take(wire, binding.websocket.token)).toBe(binding.jid)
    expect((await read(wire, 2)).flatMap(idsIn)).toEqual(['before', 'between'])
    wire.send(say.stanza('mine'))
    await eventually('the stanza arrives', () => idsAt(stream).length > 0)
    expect(idsAt(stream)).toEqual(['mine'])
  })

  test('an open WebSocket is closed, and its page resumes its stream', async () => {
    const { binding, stream } = await warm(old)
    const { pathname, search } = new URL(binding.websocket.url)
    const wire = await page(heir, pathname + search)
    expect(await take(wire, binding.websocket.token)).toBe(binding.jid)
    wire.send(say.enable)
    const streamId = / id='([^']+)'/.exec(await wire.message())![1]!
    stream.say(letter('one'))
    expect((await read(wire, 2)).flatMap(idsIn)).toEqual(['one'])
    wire.send(say.stanza('mine'), say.ack(1))
    await eventually('the stanza arrives', () => idsAt(stream).length === 1)
    const stopping = old.service.stop()
    const { messages } = await wire.rest()
    expect(messages.join('')).not.toContain('system-shutdown')
    wire.drop()
    await stopping
    stream.say(letter('two'))
    const { json } = await callSessions(heir.url, 'POST', `/${binding.id}/resume`)
    const next = await page(heir, path)
    next.send(say.auth(json.websocket.token, 'alice'), open)
    await read(next, 3)
    next.send(say.resume(streamId, 1))
    // While the server has not confirmed the page's stanza, the page repeats it.
    const [, count] = /previd='[0-9a-f]+' h='(\d)'/.exec(await next.message())!
    expect((await read(next, 2)).flatMap(idsIn)).toEqual(['two'])
    if (count === '0') next.send(say.stanza('mine'))
    next.send(say.stanza('next'))
    await eventually('the next stanza arrives', () => idsAt(stream).includes('next'))
    expect(idsAt(stream)).toEqual(['mine', 'next'])
  })

  test('calls for the session reach it', async () => {
    const { binding, stream } = await warm(old)
    const { id, jid, sid } = binding
    await old.service.stop()
    const shown = await callSessions(heir.url, 'GET', `/${id}`)
    expect(shown).toMatchObject({ status: 200, json: { id, jid, state: 'waiting' } })
    expect(shown.json.process).not.toBe(processIn(id))
    expect((await callSessions(heir.url, 'GET', '/sessions')).json).toMatchObject({ total: 1, sessions: [{ id }] })
    expect((await callSessions(heir.url, 'POST', `/${id}/resume`)).json).toMatchObject({ id, sid, resumed: true })
    await eventually('the stream is resumed', () => stream.resumptions === 1)
    expect((await callSessions(heir.url, 'DELETE', `/${id}`)).status).toBe(204)
    await eventually('the user is logged out', () => stream.connection.goodbye === 'footer')
    expect((await callSessions(heir.url, 'GET', `/${id}`)).status).toBe(404)
  })

  test('a login of the same visit and tab resumes the session', async () => {
    const { binding, stream } = await warm(old, inTab)
    const { id, jid, sid } = binding
    await old.service.stop()
    const calls = [heir.warm({ jid: alice.jid, ...inTab }), heir.warm({ ...alice, ...inTab })]
    for (const { status, json } of await Promise.all(calls))
      expect([status, json]).toMatchObject([200, { id, jid, sid, resumed: true }])
    await eventually('the stream is resumed', () => stream.resumptions === 1)
    expect(managed.streams).toHaveLength(1)
  })

  test('calls and requests during the stop wait until the session is set down', async () => {
    const { binding, stream } = await warm(old, inTab)
    const other = await warm(old)
    const { id } = binding
    const stopping = old.service.stop()
    const reply = bosh(heir, other.binding).request(say.stanza('early'))
    const [shown, warmed] = await Promise.all([
      callSessions(heir.url, 'GET', `/${id}`),
      heir.warm({ jid: alice.jid, ...inTab }),
    ])
    await stopping
    expect([shown.status, shown.json.id]).toEqual([200, id])
    expect([warmed.status, warmed.json]).toMatchObject([200, { id, resumed: true }])
    await eventually('both streams are resumed', () => stream.resumptions + other.stream.resumptions === 2)
    await eventually('the stanza arrives', () => idsAt(other.stream).length > 0)
    other.stream.say(letter('answer'))
    expect(idsIn(await reply)).toEqual(['answer'])
    expect(idsAt(other.stream)).toEqual(['early'])
    expect(managed.streams).toHaveLength(2)
  })

  test('the process that has stopped is not missed', async () => {
    const { id } = await old.bind(alice)
    await callSessions(heir.url, 'DELETE', `/${id}`)
    clock.advance(1_000)
    await old.service.stop()
    clock.advance(1_000)
    const { json } = await callSessions(heir.url, 'GET', '/numbers')
    expect(json.processes).toHaveLength(1)
    expect(json.unanswered ?? []).toEqual([])
    // The same as for any session that has ended.
    expect((await callSessions(heir.url, 'DELETE', `/${id}`)).status).toBe(404)
  })
})

test('the next process takes up the sessions of the last', async () => {
  const only = await start()
  const { binding, stream } = await warm(only)
  const held = bosh(only, binding).request(say.stanza('mine'))
  await eventually('the request is held', () => idsAt(stream).length === 1)
  await only.service.stop()
  expect(await held).not.toContain('terminate')
  stream.say(letter('between'))
  const next = await start()
  const client = bosh(next, { ...binding, rid: binding.rid + 1 })
  expect(idsIn(await client.request())).toEqual(['between'])
})

test('a store that answers once too late gets the sessions when it answers again', async () => {
  const only = await start()
  const { binding, stream } = await warm(only)
  const late = () => Promise.reject(new StoreUnavailable('no-answer'))
  jest.spyOn(store.records, 'put').mockImplementationOnce(late)
  await only.service.stop()
  stream.say(letter('between'))
  expect(idsIn(await bosh(await start(), binding).request())).toEqual(['between'])
})

test('without the store, sessions that are not recorded end, and so do their streams at the server', async () => {
  const old = await start({ PERSIST: 'off' })
  const { binding, stream } = await warm(old)
  const held = bosh(old, binding).request(say.stanza('held'))
  await eventually('it is held', () => idsAt(stream).length === 1)
  Object.defineProperty(store, 'isUp', { value: false })
  await old.service.stop()
  expect(await held).toContain(shutdown)
  expect(old.lines.map(line => JSON.parse(line))).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ msg: 'sessions cannot be stored: Redis is away, and STATE_DIR is not set' }),
      expect.objectContaining({ msg: 'sessions end with this process', reasons: { 'no-state-dir': 1 } }),
    ]),
  )
  expect(stream.connection.goodbye).toBe('footer')
})

test('without the store, recorded sessions are left to the next process', async () => {
  const old = await start()
  const keep = jest.spyOn(store.records, 'keep')
  const { binding, stream } = await warm(old)
  await eventually('it is recorded', () => keep.mock.calls.length > 0)
  await Promise.all(keep.mock.results.map(({ value }) => value))
  Object.defineProperty(store, 'isUp', { value: false, configurable: true })
  await old.service.stop()
  expect(old.lines.map(line => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ msg: 'sessions cannot be stored: Redis is away, and STATE_DIR is not set', recorded: 1 }),
  )
  expect(stream.connection.goodbye).toBeUndefined()
  Object.defineProperty(store, 'isUp', { value: true, configurable: true })
  stream.say(letter('between'))
  expect(idsIn(await bosh(await start(), binding).request())).toEqual(['between'])
})

test.each([
  ['and the other one has', 'off', 1],
  ['nor has the other one, which is recorded', 'on', 0],
])('a session that the store has when it goes away during a stop has not ended, %s', async (_what, persist, lost) => {
  const old = await start({ PERSIST: persist })
  const keep = jest.spyOn(store.records, 'keep')
  await warm(old)
  await warm(old)
  if (persist === 'on')
    await eventually('both are recorded', () => keep.mock.calls.flatMap(([records]) => records).length > 1)
  await Promise.all(keep.mock.results.map(({ value }) => value))
  jest.spyOn(StoredRecords.prototype, 'put').mockImplementation(async function (this: StoredRecords, texts) {
    jest.restoreAllMocks()
    const [first, ...others] = [...texts]
    await this.put([first!])
    Object.defineProperty(store, 'isUp', { value: false })
    return others
  })
  await old.service.stop()
  expect(old.lines.map(line => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ msg: 'sessions could not be stored', sessions: lost }),
  )
})

test('a page whose token names a process that was silent reaches the process that has the session', async () => {
  const join = jest.spyOn(store, 'join')
  const silent = await start()
  const [[member]] = join.mock.calls as [[Member]]
  const edge = await start()
  const third = await start()
  const { binding } = await warm(silent)
  const keep = jest.spyOn(store.records, 'keep')
  clock.advance(1500)
  await eventually('it is recorded', () => keep.mock.calls.length > 0)
  await Promise.all(keep.mock.results.map(({ value }) => value))
  await store.leave(member.entry().name)
  expect((await callSessions(third.url, 'GET', `/${binding.id}`)).json.id).toBe(binding.id)
  // It is told, and leaves the session.
  member.lost([binding.id])
  await store.join(member)
  await eventually('the session is left', () => silent.service.counts().sessions === 0)
  const wire = await page(edge, path)
  wire.send(say.auth(binding.websocket.token, 'alice'))
  expect(await wire.message()).toContain('<success')
})

test('sessions that cannot move end with their process', async () => {
  const old = await start()
  const heir = await start()
  managed.server.usual = { ...managed.server.usual, moreFeatures: '' }
  const binding = (await old.bind(alice)) as Binding
  const held = bosh(heir, binding).request()
  await isHeldAt(heir)
  await old.service.stop()
  expect(await held).toContain(shutdown)
  expect(await bosh(heir, binding).request()).toContain(unknown)
  expect((await callSessions(heir.url, 'GET', `/${binding.id}`)).status).toBe(404)
})
