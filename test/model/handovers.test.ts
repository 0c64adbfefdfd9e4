// The same end to end: pages over BOSH and over WebSocket take turns at a session, over sockets that break at any time,
// and an XMPP server talks all the while, in bytes that are cut anywhere; with one process, and with three, of which any
// is asked, and between which the links break.
//   MODEL_SESSIONS  how many sessions (2, or 12 in all tests)
//   MODEL_SEED      the first session's seed (20261121)
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { processIn } from '../../src/store/process-name.js'
import * as say from '../browsers/websocket/pages.js'
import { BreakableLinks } from '../support/breakable-links.js'
import { eventually } from '../support/eventually.js'
import type { LoginConnection } from '../support/login-server/connection.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { casesOf } from '../support/matrix.js'
import { memoryStore } from '../support/memory-store.js'
import { numberFrom, Random } from '../support/random.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { WebSocketWire } from '../support/websocket-wire.js'
import { BoshPage, watchConnections } from './bosh-page.js'
import { numbersIn } from './client.js'

const sessions = numberFrom('MODEL_SESSIONS', casesOf(2, 12))
const firstSeed = numberFrom('MODEL_SEED', 20261121)
const domain = 'plain.example'
const password = 'Pa55'
const open = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`
/** How many stanzas the server sends each page, and at least how many pages a session has. */
const most = 120
const pages = 8

interface HandedOut {
  readonly id: string
  readonly sid: string
  readonly rid: number
  readonly websocket: { readonly token: string }
}

let server: LoginServer
let unwatch: () => void
let links: BreakableLinks
/** The processes, and where they are by their names. */
const services: TestService[] = []
const places = new Map<string, number>()
/** How many pages are about to have their sessions: what they are sent before they count is lost with the link to them. */
let coming = 0
/** Whether pages wait with that until the link is broken. */
let isBreaking = false

beforeAll(async () => {
  const accounts = Object.fromEntries(Array.from({ length: sessions }, (_, user) => [`u${user}`, password]))
  server = await startLoginServer({ domain, accounts, mechanisms: ['PLAIN'] })
  unwatch = watchConnections()
})

afterAll(() => {
  unwatch()
  return server.stop()
})

async function startProcess(isOneOfMany: boolean): Promise<void> {
  const service = await startTestService({
    servers: `${domain}=xmpp://127.0.0.1:${server.port}?tls=none&plain=on`,
    environment: { XMPP_DOMAINS: domain },
    ...(isOneOfMany && { store: links.storeOfProcess(name => void places.set(name, services.length)) }),
  })
  services.push(service)
}

/** Where the session with this id is. */
const ownerOf = (id: string): TestService => services[places.get(processIn(id) ?? '') ?? 0]!

/** Breaks the link between two processes now and then. Tells how often. */
async function breakLinks(random: Random, isOver: () => boolean): Promise<number> {
  let breaks = 0
  while (!isOver()) {
    await pause(random.below(5))
    isBreaking = true
    while (coming > 0) await pause(1)
    if (await links.breakOne(random)) breaks += 1
    isBreaking = false
  }
  return breaks
}

/** One that has a session over WebSocket, and counts. */
class SocketPage {
  wire!: WebSocketWire
  streamId: string | undefined
  /** What it has read, and how many stanzas that are on its stream. */
  readonly read: number[] = []
  #received = 0
  /** Numbers of the stanzas that it has sent on its stream, and how many of them the service has said to have. */
  sent: number[] = []
  confirmed = 0
  isBroken = false

  constructor(readonly user: string) {}

  /** The same, where no link breaks meanwhile. */
  async arrive(...about: Parameters<SocketPage['come']>): Promise<boolean> {
    while (isBreaking) await pause(1)
    coming += 1
    try {
      return await this.come(...about)
    } finally {
      coming -= 1
    }
  }

  /** Shows a token, and goes on with its stream where it can. False where it has to begin anew, as another page. */
  async come({ url }: TestService, token: string, mayGoOn: boolean): Promise<boolean> {
    this.wire = await WebSocketWire.open(url, { path: '/xmpp-websocket/warm' })
    this.isBroken = false
    this.wire.send(open, say.auth(token, this.user), open)
    for (let count = 0; count < 5; count++) expect(await this.wire.message()).not.toMatch(/^<(failure|stream:error)/)
    if (mayGoOn && this.streamId !== undefined) {
      this.wire.send(say.resume(this.streamId, this.#received))
      const answer = await this.wire.message()
      if (answer.startsWith('<resumed ')) {
        this.confirmed = Number(/ h='(\d+)'/.exec(answer)![1])
        expect(this.confirmed).toBeLessThanOrEqual(this.sent.length)
        for (const number of this.sent.slice(this.confirmed)) this.wire.send(say.stanza(`c${number}`))
        this.#listen()
        return true
      }
      expect(answer).toContain('<item-not-found ')
      return false
    }
    this.wire.send(say.bind, say.enable)
    expect(await this.wire.message()).toContain(`<jid>${this.user}@`)
    for (let text = await this.wire.message(); ; text = await this.wire.message()) {
      this.streamId = /^<enabled .* id='([^']+)'/.exec(text)?.[1]
      if (this.streamId !== undefined) break
      this.read.push(...numbersIn(text))
    }
    this.#listen()
    return true
  }

  #listen(): void {
    const { wire } = this
    const hear = async () => {
      for (;;) {
        const text = await wire.message()
        if (this.wire !== wire) return
        if (text === say.request) wire.send(say.ack(this.#received))
        else if (text.startsWith('<a ')) this.confirmed = Number(/ h='(\d+)'/.exec(text)![1])
        else if (text.startsWith('<message ')) {
          this.#received += 1
          this.read.push(...numbersIn(text))
        } else throw new Error(text)
      }
    }
    void hear().catch(() => {
      this.isBroken = true
    })
  }

  send(number: number): void {
    this.sent.push(number)
    this.wire.send(say.stanza(`c${number}`))
  }

  /** Asks which of its stanzas have arrived, until all have. */
  async confirm(): Promise<void> {
    this.wire.send(say.request)
    await eventually('all is confirmed', () => this.confirmed === this.sent.length || this.isBroken)
  }
}

/** One session, and the pages that have it one after the other. */
class Life {
  readonly random: Random
  readonly user: string
  #link!: LoginConnection
  #sent = 0
  #isDone = false
  /** Numbers of the pages' stanzas: which has been used last, and those that the server must get. */
  #last = 0
  readonly #certain: number[] = []
  /** The highest number of the server's that a page has read. */
  #read = -1
  #socket: SocketPage | undefined

  constructor(user: number) {
    this.user = `u${user}`
    this.random = new Random(firstSeed + user)
  }

  async live(): Promise<void> {
    const account = { jid: `${this.user}@${domain}`, password }
    let handedOut = (await this.random.pick(services).bind(account)) as unknown as HandedOut
    this.#link = server.connections.findLast(({ owner }) => owner === this.user)!
    const talking = this.#talk()
    for (let page = 0; page < pages || !this.#isDone || this.#read < this.#sent - 1; page++) {
      if (this.random.chance(0.4)) await this.#overBosh(handedOut)
      else await this.#overSocket(handedOut)
      const { status, json } = await callSessions(ownerOf(handedOut.id).url, 'POST', `/${handedOut.id}/resume`)
      expect(status).toBe(200)
      handedOut = json
      await this.#shutOut()
    }
    await talking
    await callSessions(ownerOf(handedOut.id).url, 'DELETE', `/${handedOut.id}`)
    await eventually('the server is left', () => this.#link.goodbye === 'footer')
    const got = this.#link.stanzas.map(({ attributes }) => Number(attributes['id']!.slice(1)))
    expect(got).toEqual([...new Set(got)].sort((a, b) => a - b))
    expect(this.#certain.filter(number => !got.includes(number))).toEqual([])
    expect(this.#read).toBe(most - 1)
  }

  async #talk(): Promise<void> {
    while (this.#sent < most) {
      let text = ''
      for (let left = 1 + this.random.below(5); left > 0 && this.#sent < most; left--)
        text += `<message from='s@${domain}' id='s${this.#sent++}'><body>${'é€'.repeat(this.random.below(50))}</body></message>`
      await this.#say(Buffer.from(text))
      await pause(this.random.below(12))
    }
    this.#isDone = true
  }

  async #say(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + this.random.below(this.random.chance(0.3) ? 5 : 400)
      this.#link.say(bytes.subarray(at, at + size))
      at += size
      if (this.random.chance(0.3)) await turn()
    }
  }

  /** A page has read these, in a row, and from where the one before may have stopped. */
  #take(read: readonly number[]): void {
    const [first = this.#read + 1] = read
    const inARow = read.map((_, place) => first + place)
    expect({ user: this.user, read }).toEqual({ user: this.user, read: inARow })
    expect(first).toBeLessThanOrEqual(this.#read + 1)
    this.#read = Math.max(this.#read, first + read.length - 1)
  }

  async #overBosh(handedOut: HandedOut): Promise<void> {
    const { random } = this
    const reached = {
      get port() {
        return Number(new URL(random.pick(services).url).port)
      },
      // With several processes others fail on the way.
      mostFailures: services.length === 1 ? 4 : 2,
    }
    const page = new BoshPage(reached, random, handedOut)
    await page.live(random.below(9), () => {
      let inner = ''
      for (let count = random.below(3); count > 0; count--) {
        this.#certain.push(this.#last)
        inner += say.stanza(`c${this.#last++}`)
      }
      return inner
    })
    this.#take(page.read)
  }

  async #overSocket({ websocket }: HandedOut): Promise<void> {
    const before = this.#socket
    const mayGoOn = before?.streamId !== undefined && this.random.chance(0.7)
    const page = mayGoOn ? before : new SocketPage(this.user)
    if (!(await page.arrive(this.random.pick(services), websocket.token, mayGoOn))) {
      // Another page has had what waited.
      page.wire.drop()
      this.#socket = undefined
      return
    }
    this.#socket = page
    for (let left = this.random.below(6); left > 0; left--) {
      for (let count = this.random.below(3); count > 0; count--) page.send(this.#last++)
      await pause(this.random.below(15))
    }
    const end = this.random.pick(['drop', 'confirm', 'stay'] as const)
    if (end === 'confirm') await page.confirm()
    if (end !== 'stay') page.wire.drop()
  }

  /** The page over WebSocket, if it was one, has read all that it could. */
  async #shutOut(): Promise<void> {
    const page = this.#socket
    if (page === undefined) return
    await eventually('it is shut out', () => page.isBroken)
    page.wire.drop()
    this.#certain.push(...page.sent.slice(0, page.confirmed))
    this.#take(page.read)
  }
}

describe.each([1, 3])('with %i processes', count => {
  beforeAll(async () => {
    links = new BreakableLinks(memoryStore(systemClock))
    for (let left = count; left > 0; left--) await startProcess(count > 1)
  })

  afterAll(async () => {
    await Promise.all(services.splice(0).map(service => service.stop()))
    links.close()
    places.clear()
  })

  test('pages that resume each other’s sessions lose nothing and get nothing twice', async () => {
    let isOver = false
    const breaking = count > 1 ? breakLinks(new Random(firstSeed - 1), () => isOver) : undefined
    const outcomes = await Promise.allSettled(Array.from({ length: sessions }, (_, user) => new Life(user).live()))
    isOver = true
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    if (count > 1) expect(await breaking).toBeGreaterThan(2)
    expect(server.complaints).toEqual([])
    for (const { service, lines } of services) {
      expect(service.counts().sessions).toBe(0)
      expect(lines.filter(line => JSON.parse(line).level >= 50)).toEqual([])
    }
  })
})
