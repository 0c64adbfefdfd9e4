// A process that stops sets its sessions down in the store. Their clients reach the process that takes them up.
// Runs in npm run test:all only: twenty seconds.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { Store } from '../../src/store/store.js'
import * as say from '../browsers/websocket/pages.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type ManagedServer, type ManagedStream, startManagedServer } from '../support/login-server/managed-server.js'
import { memoryStore } from '../support/memory-store.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { testFolder } from '../support/test-folder.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const shutdown = "condition='system-shutdown'"

const { folder, file } = testFolder()
const keys = file('keys', randomBytes(32).toString('base64'))
let managed: ManagedServer
let clock: SteppedClock
let store: Store
const services: TestService[] = []
const clients: BoshClient[] = []

beforeEach(async () => {
  managed = await startManagedServer({ domain: 'plain.example' })
  clock = new SteppedClock()
  store = memoryStore(clock)
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(services.splice(0).map(service => service.stop()))
  expect(managed.server.complaints).toEqual([])
  await managed.server.stop()
})

const alone = (more: Readonly<Record<string, string>>) => ({
  servers: `plain.example=xmpp://127.0.0.1:${managed.server.port}?tls=none`,
  environment: { XMPP_DOMAINS: 'plain.example', SEAL_KEY_FILE: keys, LINK_RESUME_TIME: '60', ...more },
  clock,
})

async function start(more: Readonly<Record<string, string>> = {}): Promise<TestService> {
  const service = await startTestService({ ...alone(more), store })
  services.push(service)
  return service
}

/** A session that can move, and its stream. */
async function warm(at: TestService, more: object = {}): Promise<{ binding: WarmBinding; stream: ManagedStream }> {
  const before = managed.streams.length
  const binding = await at.bind({ ...alice, ...more })
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

const letter = (id: string) => `<message from='bob@plain.example/b' id='${id}'><body>${id}</body></message>`
const idsIn = (text: string) => Array.from(text.matchAll(/<message [^>]*id='([^']*)'/g), ([, id]) => id)
const idsAt = ({ received }: ManagedStream) =>
  received.filter(({ name }) => name === 'message').map(({ attributes }) => attributes['id'])

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
      expect.objectContaining({ msg: 'sessions cannot be stored: Redis is away' }),
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
    expect.objectContaining({ msg: 'sessions cannot be stored: Redis is away', recorded: 1 }),
  )
  expect(stream.connection.goodbye).toBeUndefined()
  Object.defineProperty(store, 'isUp', { value: true, configurable: true })
  stream.say(letter('between'))
  expect(idsIn(await bosh(await start(), binding).request())).toEqual(['between'])
})

test('sessions of a single process continue when it gets a store, in one of the processes', async () => {
  const state = { STATE_DIR: join(folder, 'state') }
  const old = await startTestService(alone(state))
  const { binding, stream } = await warm(old)
  await old.service.stop()
  stream.say(letter('between'))
  const heirs = await Promise.all([start(state), start(state)])
  expect(idsIn(await bosh(heirs[0]!, binding).request())).toEqual(['between'])
  expect(heirs.map(({ service }) => service.counts().sessions).sort()).toEqual([0, 1])
})
