// The same once more end to end: HTTP sockets that break at random, a real link, and an XMPP server on loopback
// whose bytes are cut anywhere; with one process, and with three of which any is asked and whose ways break.
//   MODEL_SESSIONS  how many sessions (5, or 24 in all tests)
//   MODEL_SEED      the first session's seed (20261120)
import { once } from 'node:events'
import { Agent, createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { type ConnectionManager, createConnectionManager } from '../../src/browsers/bosh/connection-manager.js'
import { createCors } from '../../src/browsers/bosh/cors.js'
import { createBoshListener } from '../../src/browsers/bosh/listener.js'
import { Networks } from '../../src/config/kinds/networks.js'
import { UnfinishedBodies } from '../../src/http/bodies/unfinished-bodies.js'
import { systemClock } from '../../src/lib/clock.js'
import { Counts } from '../../src/lib/counts.js'
import { MinuteSums } from '../../src/lib/limits/minute-sums.js'
import { WaitingMemory } from '../../src/lib/limits/waiting-memory.js'
import { createLinks } from '../../src/servers/c2s/links.js'
import { UserLimit } from '../../src/session/limits/user-limit.js'
import { createOpener } from '../../src/session/opener.js'
import { Registry } from '../../src/session/registry/registry.js'
import type { Store } from '../../src/store/store.js'
import { BreakableLinks } from '../support/breakable-links.js'
import { linksParts } from '../support/link-parts.js'
import { casesOf } from '../support/matrix.js'
import { memoryStore } from '../support/memory-store.js'
import { messageClasses } from '../support/message-classes.js'
import { numberFrom, Random } from '../support/random.js'
import { noLoginLimits, noSessionLimits, unnoted } from '../support/unlimited.js'
import { HttpClient } from './http-client.js'
import { type Joined, joinModel } from './joined.js'

const sessions = numberFrom('MODEL_SESSIONS', casesOf(5, 24))
const firstSeed = numberFrom('MODEL_SEED', 20261120)

const log = pino({ level: 'silent' })
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

/** A process of the service, as far as it is needed here. */
interface Process {
  readonly registry: Registry
  readonly http: HttpServer
  readonly joined: Joined | undefined
}

let xmpp: Server
let links: ReturnType<typeof createLinks>
const processes: Process[] = []
/** By the domain that they were asked for. */
const talkers = new Map<string, Talker>()
/** Ports whose connections to the service are over. */
const gone = new Set<number>()
/** Replies that no client should ever get, whether it got them or not. */
const refusals: string[] = []
const agent = new Agent({ keepAlive: true, maxSockets: 100 })

beforeAll(async () => {
  xmpp = createServer(socket => {
    const talker = new Talker(socket, new Random(firstSeed - 1 - talkers.size), to => talkers.set(to, talker))
  }).listen(0, '127.0.0.1')
  await once(xmpp, 'listening')
  const { port } = xmpp.address() as AddressInfo
  const server = {
    ...{ host: '127.0.0.1', port, tls: 'none' as const, allowsPlain: false, ca: undefined, verify: true },
    certificate: undefined,
  }
  links = createLinks(linksParts(systemClock, server))
})

afterAll(async () => {
  agent.destroy()
  for (const { http, joined } of processes) {
    http.closeAllConnections()
    http.close()
    await joined?.close()
  }
  xmpp.close()
})

/** Takes note of replies that no client should ever get. */
const watched =
  (manager: ConnectionManager): ConnectionManager['serve'] =>
  (body, peer) => {
    const answer = peer.answer.bind(peer)
    peer.answer = (reply, settled) => {
      if (reply.body.includes('condition')) refusals.push(`${body.slice(0, 99)} ${reply.body}`)
      answer(reply, settled)
    }
    manager.serve(body, peer)
  }

/** Starts a process, which the store joins with others. */
async function startProcess(store?: Store): Promise<Process> {
  const registry = new Registry(systemClock)
  const joined = store && joinModel(store, registry)
  const counts = new Counts()
  const limits = noSessionLimits()
  const opener = createOpener({
    registry,
    processName: joined?.name,
    domains: ['*.chat.example'],
    retiredDomains: [],
    maxStanzaBytes: 262_144,
    mostElements: 10,
    connect: (domain, options, events) => links.open(domain, options, events),
    clock: systemClock,
    logFor: () => log,
    counts,
    limits,
    refused: unnoted,
    refusedLogins: noLoginLimits(),
    userLimit: new UserLimit({ most: 0, registry, refused: unnoted }),
    unmended() {},
    sums: new MinuteSums(systemClock),
    waiting: new WaitingMemory(),
    issuesTickets: false,
    byteRate: { sessionBytes: 0, sessionBurst: 0 },
  })
  const trustedProxies = new Networks([])
  const bodies = new UnfinishedBodies({
    ...{ limits: { unfinishedMegabytes: 1 }, trustedProxies, refused: unnoted },
  })
  const manager = createConnectionManager({
    ...{ opener, registry, limits, counts, clock: systemClock, maxStanzaBytes: 262_144, refused: unnoted },
    defaultDomain: undefined,
    requireSecure: false,
    noteRefusal: unnoted,
    terms: {
      ...{ maxWait: 60, maxRequests: 2, inactivity: 150, enforcePolling: false },
    },
    cookies: () => ({ path: '/http-bind', secure: false }),
    bodies,
  })
  const own: ConnectionManager = { ...manager, serve: watched(manager) }
  const { serve, refuseTooLarge, report } = joined === undefined ? own : joined.over(own)
  const listener = createBoshListener({
    ...{
      serve,
      refuseTooLarge,
      report,
      page: () => ({ type: 'text/html', text: '' }),
      maxBodyBytes: 100_000,
      counts,
      clock: systemClock,
    },
    clients: { assumeSecure: true, trustedProxies },
    bodies,
    refused: unnoted,
    ...{ secureUrl: () => undefined, redirectUrl: () => undefined },
    cors: createCors(['*']),
    externalUrl: undefined,
    noteRefusal: unnoted,
  })
  await joined?.listen(listener)
  const http = createHttpServer(messageClasses, listener).listen(0, '127.0.0.1') as unknown as HttpServer
  http.on('connection', (socket: Socket) => {
    const from = socket.remotePort!
    gone.delete(from)
    socket.once('close', () => gone.add(from))
  })
  await once(http, 'listening')
  const started = { registry, http, joined }
  processes.push(started)
  return started
}

/** Resolves when the service has seen the end of the connection from this port. */
async function closed(from: number | undefined): Promise<void> {
  while (from !== undefined && !gone.has(from)) await new Promise(resolve => setTimeout(resolve, 1))
}

async function live(seed: number, among: readonly Process[]): Promise<void> {
  const random = new Random(seed + 1)
  const reached = {
    agent,
    get port() {
      return (random.pick(among).http.address() as AddressInfo).port
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
  expect(await client.leave()).toContain("type='terminate' xmlns")
  // The reply may come after a break of the link.
  if (!talker.socket.closed) await once(talker.socket, 'close')
  expect({ seed, forwarded: talker.stanzas }).toEqual({ seed, forwarded: upTo(client.stanzas) })
}

/** So many sessions at once, whose processes may be asked for each other's. */
async function liveAll(seed: number, among: readonly Process[]): Promise<void> {
  const all = Array.from({ length: sessions }, (_, index) => live(seed + index, among))
  const outcomes = await Promise.allSettled(all)
  expect(refusals).toEqual([])
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  for (const { registry } of among) expect(registry.size).toBe(0)
}

test('over connections that break, nothing is lost, doubled or out of order', async () => {
  await liveAll(firstSeed, [await startProcess()])
}, 120_000)

test('with three processes whose links break, nothing is lost, doubled or out of order', async () => {
  const links = new BreakableLinks(memoryStore(systemClock))
  const start = () => startProcess(links.storeOfProcess())
  const three = [await start(), await start(), await start()]
  const random = new Random(firstSeed)
  let breaks = 0
  // Not so often that a request which is held is sent more often than it may be.
  const breaking = setInterval(async () => {
    if (await links.breakOne(random)) breaks += 1
  }, 500)
  try {
    await liveAll(firstSeed + 1_000, three)
  } finally {
    clearInterval(breaking)
    links.close()
  }
  expect(breaks).toBeGreaterThan(1)
  expect(three.flatMap(({ joined }) => joined!.reports)).toEqual([])
}, 120_000)
