import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { nodeIn } from '../../src/processes/node-name.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { testRest } from '../support/matrix.js'
import { MemoryNetwork } from '../support/memory-carrier.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'

const passwords = { alice: 'wonderland', bob: 'builder' }
const alice = { jid: 'alice@localhost', password: passwords.alice, wait: 20 }
// What bob says is answered long before a request of alice's is.
const bob = { jid: 'bob@localhost', password: passwords.bob, wait: 1 }

let server: DemoServer
let network: MemoryNetwork
let services: TestService[]
const clients: BoshClient[] = []

beforeEach(async () => {
  server = await startDemoServer(passwords)
  network = new MemoryNetwork()
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
    carriers: [network.start],
    environment,
  })

/** A page's requests of which each goes to the next process, as a balancer hands them out. */
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

const message = (to: string, text: string) => `<message xmlns='jabber:client' to='${to}'><body>${text}</body></message>`
const texts = (reply: string) => [...reply.matchAll(/<body>([^<]*)<\/body>/g)].map(([, text]) => text)

describe('requests that reach any process', () => {
  test('are answered by the one that has the session', async () => {
    const [one, two] = services as [TestService, TestService]
    const a = await one.bind(alice)
    const b = await two.bind(bob)
    for (const { sid, id } of [a, b]) expect(nodeIn(sid)).toBe(nodeIn(id))
    expect(nodeIn(a.sid)).not.toBe(nodeIn(b.sid))
    const [from, to] = [new Page(a), new Page(b)]
    const heard: (string | undefined)[] = []
    for (let word = 0; word < 12; word++) {
      const held = to.request()
      await from.request(message(b.jid, `word ${word} ä`) + message(a.jid, 'echo'))
      heard.push(...texts(await held))
    }
    expect(heard).toEqual(Array.from({ length: 12 }, (_, word) => `word ${word} ä`))
  })

  test('are held where the session lives, and given up with their client', async () => {
    const [one, two] = services as [TestService, TestService]
    const binding = await one.bind(alice)
    const page = new Page(binding, [two])
    const aborter = new AbortController()
    const before = network.sent
    const held = page.request('', {}, { signal: aborter.signal })
    await eventually('the request is on its way', () => network.sent > before)
    aborter.abort()
    await expect(held).rejects.toThrow()
    // What came for a client that has gone is not lost on the way.
    const other = new Page(await services[2]!.bind(bob), [services[2]!])
    await other.request(message(binding.jid, 'not lost'))
    page.rid -= 1
    expect(texts(await page.request())).toEqual(['not lost'])
  })

  test('sent again elsewhere have the same answer', async () => {
    const [one, two, three] = services as [TestService, TestService, TestService]
    const binding = await one.bind(alice)
    const [here, there] = [new Page(binding, [two]), new Page(binding, [three])]
    const first = await here.request(message(binding.jid, 'to myself'))
    expect(texts(first)).toEqual(['to myself'])
    expect(await there.request(message(binding.jid, 'to myself'))).toBe(first)
  })

  testRest('that come when they have long been answered by another way end nothing', async () => {
    const [one, two, three] = services as [TestService, TestService, TestService]
    const binding = await one.bind(alice)
    const page = new Page(binding, [three])
    for (let count = 0; count < 6; count++) await page.request(message(binding.jid, 'to myself'))
    const late = { rid: String(binding.rid + 1) }
    await expect(new Page(binding, [two]).request('', late)).rejects.toThrow()
    expect(texts(await page.request(message(binding.jid, 'goes on')))).toEqual(['goes on'])
  })

  test('of a process that is gone are told so at once, those in flight too', async () => {
    const [one, two] = services as [TestService, TestService]
    const binding = await one.bind(alice)
    const page = new Page(binding, [two])
    const held = page.request()
    await eventually('the request is held', () => network.sent > 6)
    network.kill(nodeIn(binding.sid)!)
    expect(await held).toContain("condition='item-not-found'")
    expect(await page.request()).toContain("condition='item-not-found'")
  })

  test('that may be lost are asked once more by the process that they came to', async () => {
    const [one, two] = services as [TestService, TestService]
    const binding = await one.bind(alice)
    const other = await two.bind(bob)
    const page = new Page(binding, [two])
    const before = network.sent
    const held = page.request()
    await eventually('the request is on its way', () => network.sent > before)
    await new Promise(resolve => setTimeout(resolve, 20))
    network.lose(nodeIn(binding.sid)!, nodeIn(other.sid)!)
    await new Page(other, [two]).request(message(binding.jid, 'not lost'))
    expect(texts(await held)).toEqual(['not lost'])
  })

  testRest('that may be lost too often are not answered, and their client sends them once more', async () => {
    const [one, two] = services as [TestService, TestService]
    const binding = await one.bind(alice)
    const other = await two.bind(bob)
    const page = new Page(binding, [two])
    const held = page.request()
    const losing = setInterval(() => network.lose(nodeIn(binding.sid)!, nodeIn(other.sid)!), 20)
    await expect(held).rejects.toThrow()
    clearInterval(losing)
    await new Page(other, [two]).request(message(binding.jid, 'not lost'))
    page.rid -= 1
    expect(texts(await page.request())).toEqual(['not lost'])
  })

  testRest('too large are refused by the process that has the session', async () => {
    const [one, two] = services as [TestService, TestService]
    const binding = await one.bind(alice)
    const reply = await new Page(binding, [two]).request(message(binding.jid, 'x'.repeat(600_000)))
    expect(reply).toContain("type='terminate'")
    expect(reply).toContain("condition='policy-violation'")
    await eventually('the session is over', () => one.service.counts().sessions === 0)
  })

  testRest('with a name that is none, or of no process, are those of a session that there is not', async () => {
    const [one] = services as [TestService]
    const binding = await one.bind(alice)
    const rest = binding.sid.slice(8)
    for (const name of ['zzzzzzzz', 'warm.>.*', '________', '__proto_', '']) {
      const client = new BoshClient(`${services[1]!.url}/http-bind`, { sid: name + rest })
      clients.push(client)
      expect(await client.request()).toContain("condition='item-not-found'")
    }
    expect(await new Page(binding, [one]).request('', { pause: '1' })).not.toContain('terminate')
  })
})

describe('a process that stops', () => {
  test('lets requests go that it has for others, whose sessions go on', async () => {
    const [one, two, three] = services as [TestService, TestService, TestService]
    const binding = await one.bind(alice)
    const page = new Page(binding, [two])
    const before = network.sent
    const held = page.request()
    await eventually('the request is on its way', () => network.sent > before)
    const stopping = two.service.stop()
    await expect(held).rejects.toThrow()
    await stopping
    const other = new Page(await three.bind(bob), [three])
    await other.request(message(binding.jid, 'still here'))
    const again = new Page(binding, [three])
    expect(texts(await again.request())).toEqual(['still here'])
  })

  test('tells the pages whose sessions it has, whichever process they asked', async () => {
    const [one, two] = services as [TestService, TestService]
    const binding = await one.bind(alice)
    const before = network.sent
    const held = new Page(binding, [two]).request()
    await eventually('the request is on its way', () => network.sent > before)
    await new Promise(resolve => setTimeout(resolve, 20))
    await one.service.stop()
    expect(await held).toContain("condition='system-shutdown'")
  })
})
