// The same end to end: pages over BOSH and over WebSocket take turns at a session, over sockets that break at any time,
// and an XMPP server talks all the while, in bytes that are cut anywhere; with one process, and with three, of which any
// is asked, and between which links may break.
//   MODEL_SESSIONS  how many sessions (2, or 12 in all tests)
//   MODEL_SEED      the first session's seed (20261121)
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { processIn } from '../../src/store/process-name.js'
import { stanza } from '../browsers/websocket/pages.js'
import { BreakableLinks } from '../support/breakable-links.js'
import { BoshTalk } from '../support/crowd/bosh-talk.js'
import { RandomBalancer } from '../support/crowd/random-balancer.js'
import { SocketTalk } from '../support/crowd/socket-talk.js'
import type { Network, TalkBinding, TalkEvents } from '../support/crowd/talk.js'
import { eventually } from '../support/eventually.js'
import type { LoginConnection } from '../support/login-server/connection.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { casesOf } from '../support/matrix.js'
import { memoryStore } from '../support/memory-store.js'
import { numberFrom, Random } from '../support/random.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { numbersIn } from './client.js'

const sessions = numberFrom('MODEL_SESSIONS', casesOf(2, 12))
const firstSeed = numberFrom('MODEL_SEED', 20261121)
const domain = 'localhost'
const password = 'Pa55'
/** How many stanzas the server sends to a session, and at least how many pages a session has. */
const most = 120
const pages = 8

let server: LoginServer
let balancer: RandomBalancer
let links: BreakableLinks
/** The processes, and where they are by their names. */
const services: TestService[] = []
const places = new Map<string, number>()

beforeAll(async () => {
  const accounts = Object.fromEntries(Array.from({ length: sessions }, (_, user) => [`u${user}`, password]))
  server = await startLoginServer({ domain, accounts, mechanisms: ['PLAIN'] })
})

afterAll(() => server.stop())

async function startProcess(isOneOfMany: boolean): Promise<void> {
  const service = await startTestService({
    servers: `${domain}=xmpp://127.0.0.1:${server.port}?tls=none&plain=on`,
    environment: { EXTERNAL_URL: balancer.url },
    ...(isOneOfMany && { store: links.storeOfProcess(name => void places.set(name, services.length)) }),
  })
  services.push(service)
  balancer.add(Number(new URL(service.url).port))
}

/** Breaks the link between two processes now and then. Tells how often. */
async function breakLinks(random: Random, isOver: () => boolean): Promise<number> {
  let breaks = 0
  while (!isOver()) {
    await pause(random.below(5))
    if (await links.breakOne(random)) breaks += 1
  }
  return breaks
}

/** One session, and the pages that have it one after the other. */
class Life {
  readonly random: Random
  readonly user: string
  #link!: LoginConnection
  #sent = 0
  /** Numbers of the pages' stanzas: how many there are, and those that the server must get. */
  #said = 0
  readonly #certain: number[] = []
  /** The highest number of the server's that a page has read. */
  #read = -1
  /** Whether the page has the session. */
  #isReady = false
  #fault: Error | undefined

  /** Of its pages. The service takes five repeats, and with several processes others fail on the way. */
  readonly #network: Network = {
    again: 10,
    patience: Number.POSITIVE_INFINITY,
    lifetime: failures => {
      if (failures >= (services.length === 1 ? 4 : 2) || this.random.chance(0.5)) return Number.POSITIVE_INFINITY
      return this.random.below(this.random.chance(0.5) ? 8 : 60)
    },
  }

  constructor(user: number) {
    this.user = `u${user}`
    this.random = new Random(firstSeed + user)
  }

  async live(): Promise<void> {
    const account = { jid: `${this.user}@${domain}`, password }
    let binding = (await this.random.pick(services).bind(account)) as TalkBinding
    const { id } = binding
    this.#link = server.connections.findLast(({ owner }) => owner === this.user)!
    const talking = this.#talk()
    for (let page = 0; page < pages || this.#read < most - 1; page++) {
      const talk = await this.#visit(binding)
      binding = await this.#call('POST', `/${id}/resume`)
      talk.drop()
      if (this.#fault !== undefined) throw this.#fault
    }
    await talking
    await this.#call('DELETE', `/${id}`)
    await eventually('the server is left', () => this.#link.goodbye === 'footer')
    // The last page may not have confirmed that it has read all, so the others are errors for senders.
    const ids = this.#link.stanzas.map(({ attributes }) => attributes['id']!).filter(id => id.startsWith('c'))
    const got = ids.map(id => Number(id.slice(1)))
    expect(got).toEqual([...new Set(got)].sort((a, b) => a - b))
    expect(this.#certain.filter(number => !got.includes(number))).toEqual([])
    expect(this.#read).toBe(most - 1)
  }

  /** Asks the process that has the session. */
  async #call(method: 'POST' | 'DELETE', path: string): Promise<TalkBinding> {
    const owner = services[places.get(processIn(path.slice(1)) ?? '') ?? 0]!
    const { status, json } = await callSessions(owner.url, method, path)
    expect(status).toBeLessThan(300)
    return json
  }

  async #talk(): Promise<void> {
    while (this.#sent < most) {
      let text = ''
      for (let left = 1 + this.random.below(5); left > 0 && this.#sent < most; left--)
        text += `<message from='s@${domain}' id='s${this.#sent++}'><body>${'é€'.repeat(this.random.below(50))}</body></message>`
      await this.#say(Buffer.from(text))
      await pause(this.random.below(25))
    }
  }

  async #say(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + this.random.below(this.random.chance(0.3) ? 5 : 400)
      this.#link.say(bytes.subarray(at, at + size))
      at += size
      if (this.random.chance(0.3)) await turn()
    }
  }

  /** A page has the session, and says something. It leaves, perhaps before all has arrived, or stays until it is shut out. */
  async #visit(binding: TalkBinding): Promise<BoshTalk | SocketTalk> {
    const { random } = this
    let isLeaving = false
    let returning: Promise<TalkBinding> | undefined
    const resume = async () => {
      returning = isLeaving ? undefined : this.#call('POST', `/${binding.id}/resume`)
      return returning
    }
    const events = this.#events(() => isLeaving)
    const talk = random.chance(0.4)
      ? new BoshTalk(binding, events, this.#network)
      : new SocketTalk(binding, resume, events, this.#network)
    talk.begin()
    if (random.chance(0.8))
      await eventually('the page has the session', () => this.#isReady || this.#fault !== undefined)
    const before = this.#said
    for (let left = random.below(9); left > 0; left--) {
      for (let count = random.below(3); count > 0; count--) talk.say(stanza(`c${this.#said++}`))
      await pause(random.below(15))
    }
    if (random.chance(0.5)) {
      await talk.settle()
      for (let number = before; number < this.#said; number++) this.#certain.push(number)
    }
    isLeaving = true
    if (random.chance(0.7)) talk.drop()
    await returning
    return talk
  }

  /** Each page reads numbers in a row, and its first where the page before may have stopped. */
  #events(isLeaving: () => boolean): TalkEvents {
    let next = this.#read + 1
    let mayGoBack = true
    this.#isReady = false
    const fail = (what: string) => {
      if (!isLeaving()) this.#fault ??= new Error(`${this.user}: ${what}`)
    }
    return {
      ready: () => {
        this.#isReady = true
      },
      heard: text => {
        for (const number of numbersIn(text)) {
          if (number !== next && !(mayGoBack && number < next)) fail(`${number} instead of ${next}`)
          next = number + 1
          mayGoBack &&= !this.#isReady
          this.#read = Math.max(this.#read, number)
        }
      },
      gone: fail,
      odd: fail,
    }
  }
}

// Where links break, a page that gets no answer comes back, and is no fault.
describe.each([
  ['one process', 1, false],
  ['three processes', 3, false],
  ['three processes, between which links break,', 3, true],
])('with %s', (_what, count, doLinksBreak) => {
  beforeAll(async () => {
    balancer = await RandomBalancer.start()
    links = new BreakableLinks(memoryStore(systemClock))
    for (let left = count; left > 0; left--) await startProcess(count > 1)
  })

  afterAll(async () => {
    await balancer.stop()
    await Promise.all(services.splice(0).map(service => service.stop()))
    links.close()
    places.clear()
  })

  test('pages that resume each other’s sessions lose nothing and get nothing twice', async () => {
    let isOver = false
    const breaking = doLinksBreak ? breakLinks(new Random(firstSeed - 1), () => isOver) : undefined
    const outcomes = await Promise.allSettled(Array.from({ length: sessions }, (_, user) => new Life(user).live()))
    isOver = true
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    if (doLinksBreak) expect(await breaking).toBeGreaterThan(2)
    expect(server.complaints).toEqual([])
    for (const { service, lines } of services) {
      expect(service.counts().sessions).toBe(0)
      expect(lines.filter(line => JSON.parse(line).level >= 50)).toEqual([])
    }
  })
})
