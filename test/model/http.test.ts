// The same once more end to end: HTTP sockets that break at random, and an XMPP server on loopback whose bytes are cut
// anywhere; with one process, and with three of which any is asked and whose links break.
//   MODEL_SESSIONS  how many sessions (5, or 24 in all tests)
//   MODEL_SEED      the first session's seed (20261120)
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import type { Store } from '../../src/store/store.js'
import { BreakableLinks } from '../support/breakable-links.js'
import { casesOf } from '../support/matrix.js'
import { memoryStore } from '../support/memory-store.js'
import { numberFrom, Random } from '../support/random.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { HttpClient } from './http-client.js'

const sessions = numberFrom('MODEL_SESSIONS', casesOf(5, 24))
const firstSeed = numberFrom('MODEL_SEED', 20261120)

const header =
  "<?xml version='1.0'?><stream:stream id='1' from='chat.example' version='1.0' xmlns='jabber:client'" +
  " xmlns:stream='http://etherx.jabber.org/streams'>"

/** One connection of the XMPP server; it sends while the client lives. */
class Talker {
  received = ''
  sent = 0
  isDone = false
  hasLeft = false

  constructor(
    readonly socket: Socket,
    readonly random: Random,
    onAsked: (domain: string) => void,
  ) {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', chunk => {
      const isFirst = this.received === ''
      this.received += chunk
      if (isFirst) {
        onAsked(/ to='([^']+)'/.exec(this.received)![1]!)
        void this.#talk()
      }
      if (this.received.endsWith('</stream:stream>') && !this.hasLeft) {
        this.hasLeft = true
        socket.end('</stream:stream>')
      }
    })
  }

  get stanzas(): number[] {
    return [...this.received.matchAll(/ id='c(\d+)'/g)].map(([, number]) => Number(number))
  }

  async #talk(): Promise<void> {
    await this.#write(`${header}<stream:features><f xmlns='urn:f' id='s${this.sent++}'/></stream:features>`)
    for (let bursts = 25; bursts > 0; bursts--) {
      let text = ''
      // More than a hundred bytes, some of them characters of several.
      for (let left = 1 + this.random.below(6); left > 0; left--)
        text += `<message id='s${this.sent++}'><body>${'é€\u{1f600}'.repeat(1 + this.random.below(20))}</body></message>`
      await this.#write(text)
      await new Promise(resolve => setTimeout(resolve, this.random.below(8)))
    }
    this.isDone = true
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) {
      const size = this.random.chance(0.3) ? 1 + this.random.below(5) : 1 + this.random.below(400)
      this.socket.write(bytes.subarray(at, at + size))
      at += size
      if (this.random.chance(0.3)) await new Promise(resolve => setImmediate(resolve))
    }
  }
}

let xmpp: Server
const services: TestService[] = []
/** By the domain that they were asked for. */
const talkers = new Map<string, Talker>()
/** Ports of clients whose connections to a service are over. */
const gone = new Set<number>()
const agent = new Agent({ keepAlive: true, maxSockets: 100 })

const portOf = ({ url }: TestService) => Number(new URL(url).port)

/** Called with each socket that a server of this process accepts. */
function note(message: unknown): void {
  const { socket } = message as { socket: Socket }
  if (!services.some(service => portOf(service) === socket.localPort)) return
  const from = socket.remotePort!
  gone.delete(from)
  socket.once('close', () => gone.add(from))
}

beforeAll(async () => {
  xmpp = createServer(socket => {
    const talker = new Talker(socket, new Random(firstSeed - 1 - talkers.size), to => talkers.set(to, talker))
  }).listen(0, '127.0.0.1')
  await once(xmpp, 'listening')
  subscribe('net.server.socket', note)
})

afterEach(async () => {
  await Promise.all(services.splice(0).map(service => service.stop()))
})

afterAll(() => {
  unsubscribe('net.server.socket', note)
  agent.destroy()
  xmpp.close()
})

async function startProcess(store?: Store): Promise<TestService> {
  const { port } = xmpp.address() as AddressInfo
  const service = await startTestService({
    servers: `*=xmpp://127.0.0.1:${port}?tls=none`,
    environment: {
      XMPP_DOMAINS: '*.chat.example',
      BOSH_LOGIN_TIMEOUT: '0',
      RATE_SESSION_BYTES: '0',
    },
    ...(store !== undefined && { store }),
  })
  services.push(service)
  return service
}

/** Resolves when the service has seen the end of the connection from this port. */
async function closed(from: number | undefined): Promise<void> {
  while (from !== undefined && !gone.has(from)) await new Promise(resolve => setTimeout(resolve, 1))
}

async function live(seed: number, among: readonly TestService[]): Promise<void> {
  const random = new Random(seed + 1)
  const reached = {
    agent,
    get port() {
      return portOf(random.pick(among))
    },
    closed,
    // With several processes others fail on the way.
    mostFailures: among.length === 1 ? 4 : 2,
  }
  const domain = `s${seed}.chat.example`
  const client = await HttpClient.create(reached, new Random(seed), domain)
  // A login that takes longer than `wait` is answered before the server has seen it.
  const isDone = () => talkers.get(domain)?.isDone === true && client.read.length === talkers.get(domain)!.sent
  await client.live(40, isDone)
  const talker = talkers.get(domain)!
  const upTo = (count: number) => Array.from({ length: count }, (_, number) => number)
  expect({ seed, read: client.read }).toEqual({ seed, read: upTo(talker.sent) })
  await client.leave()
  // The reply may come after a break of the link.
  if (!talker.socket.closed) await once(talker.socket, 'close')
  expect({ seed, forwarded: talker.stanzas }).toEqual({ seed, forwarded: upTo(client.stanzas) })
}

/** So many sessions at once, whose processes may be asked for each other's. */
async function liveAll(seed: number, among: readonly TestService[]): Promise<void> {
  const all = Array.from({ length: sessions }, (_, index) => live(seed + index, among))
  const outcomes = await Promise.allSettled(all)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  for (const { service, lines } of among) {
    expect(service.counts().sessions).toBe(0)
    expect(lines.filter(line => JSON.parse(line).level >= 50)).toEqual([])
  }
}

test('over connections that break, nothing is lost, doubled or out of order', async () => {
  await liveAll(firstSeed, [await startProcess()])
})

test('with three processes whose links break, nothing is lost, doubled or out of order', async () => {
  const links = new BreakableLinks(memoryStore(systemClock))
  const start = () => startProcess(links.storeOfProcess())
  const three = [await start(), await start(), await start()]
  const random = new Random(firstSeed)
  let breaks = 0
  const forwarded = () => [...talkers.values()].reduce((sum, { stanzas }) => sum + stanzas.length, 0)
  let next = forwarded()
  // Not so often that a request which is held is sent more often than it may be, also on a slow machine.
  const breaking = setInterval(async () => {
    if (forwarded() < next) return
    next = forwarded() + 6 * sessions
    if (await links.breakOne(random)) breaks += 1
  }, 50)
  try {
    await liveAll(firstSeed + 1_000, three)
  } finally {
    clearInterval(breaking)
    links.close()
  }
  expect(breaks).toBeGreaterThan(1)
})
