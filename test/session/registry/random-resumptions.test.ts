// In random conversations over WebSocket with stream management, nothing is lost, doubled or reordered, even if processes
// die or stop. If one dies, or the page is loaded again, the page may get stanzas twice.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ack, authenticate, bind, enable, request, resume } from '../../browsers/websocket/pages.js'
import { BoshBench, type Client, FakeMending } from '../../support/bosh-bench.js'
import { connectPage, type FakeWebSocket, open } from '../../support/fake-web-socket.js'
import { casesOf } from '../../support/matrix.js'
import { enabledByServer, movedTo, nextBench, recordsOf } from '../../support/next-process.js'
import { count, idsIn, Keepers, numbered, parametersOf, Server, serverStep, stanza } from './conversation.js'

const parameters = parametersOf(casesOf(40, 100))

const mostEnds = 3
/** For pages to come. */
const seconds = 1_000_000
const about = { issuesTickets: true }

/** Counts stanzas, and resumes its stream after each break. */
class SocketPage {
  readonly received: string[] = []
  said = 0
  #client: Client
  #socket: FakeWebSocket | undefined
  /** How many messages of the socket have been read. */
  #read = 0
  #stream: string | undefined
  #count = 0
  #confirmed = 0
  #unconfirmed: string[] = []
  /** Some of its stanzas are not counted, so it does not send them again. */
  hasUncounted = false

  constructor(client: Client) {
    this.#client = client
  }

  get sid(): string {
    return this.#client.sid
  }

  get isOpen(): boolean {
    return this.#socket !== undefined
  }

  /** `early`: stanzas before `<enable/>`. `isInline`: it resumes while it logs in (XEP-0388). */
  async comeBack(early = 0, isInline = false): Promise<void> {
    if (this.isOpen) return
    const resumption = this.#stream && resume(this.#stream, this.#count)
    const socket = await this.#connect(isInline ? resumption : undefined)
    this.#socket = socket
    if (this.#stream === undefined) {
      socket.receive(bind)
      // It says first what it has said before.
      const most = this.#unconfirmed.length === 0 ? early : 0
      for (let count = 0; count < most; count++) socket.receive(this.#next())
      socket.receive(enable)
      await this.#client.bench.pass(0)
      await this.#client.bench.pass(0.01)
    } else if (!isInline) socket.receive(resumption!)
    this.read()
    if (this.#stream === undefined) throw new Error(`no stream: ${socket.sent}`)
    for (const id of this.#unconfirmed) socket.receive(stanza(id))
  }

  #next(): string {
    this.hasUncounted = true
    this.said += 1
    return stanza(`p${this.said}`)
  }

  async #connect(resumption = ''): Promise<FakeWebSocket> {
    this.#client = await this.#client.bench.resume(this.#client, { seconds })
    const socket = connectPage(this.#client.bench, { resumeSeconds: seconds })
    socket.receive(open())
    this.#read = socket.sent.length
    const login = authenticate(this.#client.token!, undefined, false)
    socket.receive(login.replace('</authenticate>', `${resumption}</authenticate>`))
    return socket
  }

  #forget(): void {
    this.#socket!.leave()
    this.#socket = undefined
    this.#stream = undefined
    this.#unconfirmed = []
    this.#count = 0
    this.#confirmed = 0
  }

  /** Is loaded again as a page that uses BOSH, and sends a request for each number of stanzas. */
  async useBosh(counts: readonly number[]): Promise<void> {
    if (!this.isOpen) return
    this.#forget()
    this.#client = await this.#client.bench.resume(this.#client, { seconds })
    const sent = []
    for (const count of counts)
      sent.push(await this.#client.next(Array.from({ length: count }, () => this.#next()).join('')))
    for (const { reply } of sent) this.received.push(...idsIn(reply?.body ?? ''))
  }

  /** `breaksOff`: before it has read the answer to `<enable/>`. */
  async load(breaksOff: boolean): Promise<void> {
    if (!this.isOpen) return
    this.#forget()
    if (!breaksOff) return this.comeBack()
    const socket = await this.#connect()
    for (const text of [bind, enable]) socket.receive(text)
    socket.leave()
  }

  send(count: number): void {
    for (let each = 0; each < count; each++) {
      this.said += 1
      this.#unconfirmed.push(`p${this.said}`)
      this.#socket?.receive(stanza(`p${this.said}`))
    }
  }

  ask(): void {
    this.#socket?.receive(request)
  }

  /** Its connection takes nothing for a while, or `isOver` and it does again. */
  stall(isOver = false): void {
    const socket = this.#socket
    if (socket === undefined) return
    if (socket.bufferedAmount === 0 && !isOver) socket.bufferedAmount = 1_000_000
    else socket.drain()
  }

  confirm(): void {
    this.#socket?.receive(ack(this.#count))
  }

  /** Reads at most so many messages. */
  read(most = Number.POSITIVE_INFINITY): void {
    for (let count = 0; count < most; count++) {
      const text = this.#socket?.sent[this.#read]
      if (text === undefined) return
      this.#read += 1
      if (text.startsWith('<message')) {
        this.#count += 1
        this.received.push(...idsIn(text))
      } else if (text.startsWith('<r ')) this.confirm()
      else if (text.startsWith('<a ') || text.includes('<resumed')) this.#arrived(text)
      else if (text.startsWith('<enabled')) {
        this.#stream = / id='([^']+)'/.exec(text)![1]!
        this.#count = 0
      } else if (!/^<(iq|stream:features|open|success)/.test(text)) throw new Error(`not expected: ${text}`)
    }
  }

  #arrived(text: string): void {
    const count = Number(/ h='(\d+)'/.exec(text)![1])
    const most = this.#confirmed + this.#unconfirmed.length
    if (!(count >= this.#confirmed && count <= most)) throw new Error(`${text}, but ${this.#confirmed} to ${most}`)
    this.#unconfirmed = this.#unconfirmed.slice(count - this.#confirmed)
    this.#confirmed = count
  }

  /** Loses the connection and what it has not read, but for some messages. */
  break(most: number): void {
    this.read(most)
    this.#socket?.leave()
    this.#socket = undefined
  }

  moveTo(bench: BoshBench): void {
    this.#client = movedTo(bench, this.#client)
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('page sends' as const), count }),
  fc.record({ kind: fc.constant('page asks' as const) }),
  fc.record({ kind: fc.constant('page stalls' as const) }),
  fc.record({ kind: fc.constant('page confirms' as const) }),
  fc.record({ kind: fc.constant('page reads' as const), count }),
  fc.record({ kind: fc.constant('connection breaks' as const), count }),
  fc.record({ kind: fc.constant('page comes back' as const), early: fc.constantFrom(0, 0, 2), isInline: fc.boolean() }),
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('server acts' as const), step: serverStep }) },
  fc.record({ kind: fc.constant('server comes back' as const) }),
  fc.record({ kind: fc.constant('time passes' as const), seconds: fc.constantFrom(0.25, 1, 2.25, 8) }),
)
const end = fc.oneof(
  fc.record({ kind: fc.constant('process stops' as const), count, unheard: count }),
  fc.record({ kind: fc.constant('process dies' as const), count, unheard: count }),
)
const load = fc.oneof(
  fc.record({ kind: fc.constant('page is loaded again' as const), breaksOff: fc.boolean() }),
  fc.record({ kind: fc.constant('page uses BOSH' as const), counts: fc.array(count, { maxLength: 3 }) }),
)
const needsStore: ReadonlySet<string> = new Set(['page is loaded again', 'page uses BOSH', 'process stops'])
type Step<T> = T extends fc.Arbitrary<infer S> ? S : never
type AnyStep = Step<typeof step> | Step<typeof end> | Step<typeof load>

/**
 * `isLate`: the server answers `<enable/>` late. `isAway`: the store takes no records after the first ones, until the
 * process dies. A page that is loaded meanwhile could be promised a stream that no other process knows.
 */
async function play(steps: readonly AnyStep[], isLate: boolean, isAway: boolean): Promise<void> {
  const keepers = new Keepers()
  let bench = new BoshBench({}, undefined, about)
  await keepers.add(bench)
  let mending = new FakeMending()
  const client = await bench.warmed({ management: { mending }, seconds })
  if (!isLate) await bench.server(link => link.say(enabledByServer))
  client.link.sent.length = 0
  const server = new Server()
  server.isCounting = !isLate
  server.connect(client.link)
  const page = new SocketPage(client)
  await page.comeBack()
  keepers.isAway = isAway
  let mayGetTwice = false

  const comeBack = () => server.comeBack(bench, mending)

  const act = async (step: AnyStep) => {
    switch (step.kind) {
      case 'page sends':
        return page.send(step.count)
      case 'page asks':
        return page.ask()
      case 'page stalls':
        return page.stall()
      case 'page confirms':
        return page.confirm()
      case 'page reads':
        return page.read(step.count)
      case 'connection breaks':
        return page.break(step.count)
      case 'page comes back':
        return page.comeBack(step.early, step.isInline)
      case 'server acts':
        return server.act(step.step)
      case 'server comes back':
        return comeBack()
      case 'time passes':
        if (server.link === undefined) await comeBack()
        return bench.pass(step.seconds)
      case 'page is loaded again':
        mayGetTwice ||= page.isOpen
        return page.load(step.breaksOff)
      case 'page uses BOSH':
        mayGetTwice ||= page.isOpen
        return page.useBosh(step.counts)
      case 'process stops': {
        if (!server.isCounting) return
        const next = nextBench({}, about)
        const records = recordsOf(bench)
        server.read(step.count)
        server.lose(step.unheard)
        page.break(step.count)
        await bench.pass(0)
        mending = await keepers.takeUp(page.sid, next, records)
        bench = next
        return page.moveTo(bench)
      }
      case 'process dies': {
        await bench.pass(0)
        if (!bench.registry.kept!.hasRecord(bench.registry.bySid(page.sid)!)) return
        // What it could not send is only in its record. Its machine still sends what it has written.
        if (page.hasUncounted && server.link === undefined) {
          if (keepers.isAway) return
          await bench.pass(1.1)
        }
        server.read()
        server.lose(step.unheard)
        page.break(step.count)
        mayGetTwice = true
        keepers.isAway = false
        const next = nextBench({}, about)
        mending = await keepers.takeUp(page.sid, next)
        bench.registry.endAllSilently()
        bench = next
        page.moveTo(bench)
      }
    }
  }

  let ends = 0
  for (const step of steps) {
    if (keepers.isAway && needsStore.has(step.kind)) continue
    if (step.kind.startsWith('process') && ++ends > mostEnds) continue
    await act(step)
    await bench.pass(0)
  }
  keepers.isAway = false
  server.enable()
  await comeBack()
  await page.comeBack()
  page.stall(true)
  for (let rounds = 0; rounds < 10; rounds++) {
    server.read()
    page.read()
    page.confirm()
    page.ask()
    await bench.pass(1.1)
  }
  expect(mayGetTwice ? [...new Set(page.received)] : page.received).toEqual(numbered('s', server.sent))
  expect(server.received).toEqual(numbered('p', page.said))
  expect(server.refused.size).toBe(server.refusable)
  bench.registry.endAllSilently()
}

test('over WebSocket, a session whose processes die or stop loses nothing and sends nothing twice', async () => {
  const any = fc.oneof({ weight: 12, arbitrary: step }, { weight: 1, arbitrary: load }, { weight: 2, arbitrary: end })
  const property = fc.asyncProperty(fc.array(any, { maxLength: 60, size: 'max' }), fc.boolean(), fc.boolean(), play)
  await fc.assert(property, parameters)
})
