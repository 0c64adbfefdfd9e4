import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { systemClock } from '../../src/lib/clock.js'
import { processIn } from '../../src/store/process-name.js'
import type { Store } from '../../src/store/store.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { memoryStore } from '../support/memory-store.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice, wait: 20 }
// A request of bob's is answered long before a request of alice's.
const bob = { jid: 'bob@localhost', password: passwords.bob, wait: 1 }

let server: DemoServer
let store: Store
let services: TestService[]
const clients: BoshClient[] = []

beforeEach(async () => {
  server = await startDemoServer(passwords)
  store = memoryStore(systemClock)
  services = []
  for (let count = 0; count < 3; count++) services.push(await start())
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(services.map(service => service.stop()))
  await server.stop()
})

const start = (environment: Record<string, string> = {}) =>
  startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    store,
    environment,
  })

/** A page whose requests go to each process in turn, as behind a load balancer. */
class Page {
  readonly #clients: readonly BoshClient[]
  #turn = 0
  readonly binding: WarmBinding

  constructor(binding: WarmBinding, among: readonly TestService[] = services) {
    this.binding = binding
    this.#clients = among.map(({ url }) => new BoshClient(`${url}/http-bind`, { sid: binding.sid }))
    this.rid = binding.rid
    clients.push(...this.#clients)
  }

  rid: number

  request(inner = '', attributes: Record<string, string> = {}, options = {}): Promise<string> {
    const client = this.#clients[this.#turn++ % this.#clients.length]!
    return client.request(inner, { rid: String(this.rid++), ...attributes }, options)
  }
}

const isForwarded = () => services.some(({ service }) => service.counts().forwarded > 0)

const isHeld = async ({ id }: WarmBinding) =>
  (await callSessions(services[0]!.url, 'GET', `/${id}`)).json.state === 'held'

const message = (to: string, text: string) => `<message xmlns='jabber:client' to='${to}'><body>${text}</body></message>`
const texts = (reply: string) => [...reply.matchAll(/<body>([^<]*)<\/body>/g)].map(([, text]) => text)

describe('BOSH requests to any process', () => {
  test('are answered by the process of the session', async () => {
    const [one, two] = services as [TestService, TestService]
    const a = await one.bind(alice)
    const b = await two.bind(bob)
    for (const { sid, id } of [a, b]) expect(processIn(sid)).toBe(processIn(id))
    expect(processIn(a.sid)).not.toBe(processIn(b.sid))
    const [from, to] = [new Page(a), new Page(b)]
    const heard: (string | undefined)[] = []
    for (let word = 0; word < 12; word++) {
      const held = to.request()
      await from.request(message(b.jid, `word ${word} ä`) + message(a.jid, 'echo'))
      heard.push(...texts(await held))
    }
    expect(heard).toEqual(Array.from({ length: 12 }, (_, word) => `word ${word} ä`))
  })

  test('are held at the process of the session, and dropped when their client disconnects', async () => {
    const [one, two] = services as [TestService, TestService]
    const binding = await one.bind(alice)
    const page = new Page(binding, [two])
    const aborter = new AbortController()
    const held = page.request('', {}, { signal: aborter.signal })
    await eventually('the request is on its way', isForwarded)
    aborter.abort()
    await expect(held).rejects.toThrow()
    // A stanza for the client that disconnected is not lost.
    const other = new Page(await services[2]!.bind(bob), [services[2]!])
    await other.request(message(binding.jid, 'not lost'))
    page.rid -= 1
    expect(texts(await page.request())).toEqual(['not lost'])
  })

  test('that are repeated at another process get the same response', async () => {
    const [one, two, three] = services as [TestService, TestService, TestService]
    const binding = await one.bind(alice)
    const [here, there] = [new Page(binding, [two]), new Page(binding, [three])]
    const first = await here.request(message(binding.jid, 'to myself'))
    expect(texts(first)).toEqual(['to myself'])
    expect(await there.request(message(binding.jid, 'to myself'))).toBe(first)
  })
})

describe('a process that stops', () => {
  test('gets answers for the held requests that it forwards, and their sessions continue', async () => {
    const [one, two, three] = services as [TestService, TestService, TestService]
    const binding = await one.bind(alice)
    const page = new Page(binding, [two])
    const held = page.request()
    await eventually('the request is held', () => isHeld(binding))
    const stopping = two.service.stop()
    expect(texts(await held)).toEqual([])
    await stopping
    const other = new Page(await three.bind(bob), [three])
    await other.request(message(binding.jid, 'still here'))
    const again = new Page(binding, [three])
    again.rid = page.rid
    expect(texts(await again.request())).toEqual(['still here'])
  })
})
