// In random conversations, nothing is lost, doubled or reordered, even if their process stops. If it dies, or the page is
// loaded again, the page may get stanzas twice.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BoshBench, type Client, type Exchanged, FakeMending, FakePeer, request } from '../../support/bosh-bench.js'
import { casesOf } from '../../support/matrix.js'
import { enabledByServer, movedTo, nextBench, recordsOf, takeUpAt } from '../../support/next-process.js'
import { noSessionLimits } from '../../support/unlimited.js'
import { count, idsIn, Keepers, numbered, parametersOf, Server, serverStep, stanza } from './conversation.js'

const parameters = parametersOf(casesOf(40, 100))

/** Keeps the repetitions of a request below five. */
const mostLosses = 2
const mostEnds = 3
/** For pages to come. */
const seconds = 1_000_000
const tooLong = { inactivity: 9_999, maxPause: 9_999 }

interface Sent {
  readonly rid: number
  readonly body: string
  losses: number
  /** Undefined if the request must be sent again. */
  exchanged: Exchanged | undefined
}

function isToRepeat({ exchanged }: Sent): boolean {
  const { reply } = exchanged ?? {}
  const isRefused = reply !== undefined && (reply.status !== 200 || reply.body.includes("type='error'"))
  return exchanged === undefined || isRefused
}

/** Sends each request until it has its reply, and reads the replies in order. */
class Page {
  readonly received: string[] = []
  said = 0
  readonly #open: Sent[] = []

  constructor(
    public client: Client,
    readonly requests: number,
    /** It polls only if it has all replies. */
    readonly pollsLast: boolean,
  ) {}

  async send(count: number, attributes = '', isDelayed = false): Promise<void> {
    if (this.#open.length >= this.requests) return
    // A poll says that all replies have arrived.
    if (this.pollsLast && count === 0 && this.#open.length > 0) return
    const inner = Array.from({ length: count }, () => stanza(`p${++this.said}`)).join('')
    this.client.rid += 1
    const { rid, sid } = this.client
    const sent: Sent = { rid, body: request(sid, rid, inner, attributes), losses: 0, exchanged: undefined }
    this.#open.push(sent)
    if (!isDelayed) await this.#transmit(sent)
  }

  /** The lowest rid that the next process gets. */
  get nextRid(): number {
    return this.#open[0]?.rid ?? this.client.rid + 1
  }

  async repeat(): Promise<void> {
    for (const sent of this.#open) if (isToRepeat(sent)) await this.#transmit(sent)
  }

  async #transmit(sent: Sent): Promise<void> {
    sent.exchanged = await this.client.bench.send(sent.body, new FakePeer())
  }

  read(): void {
    for (;;) {
      const [first] = this.#open
      const { reply } = first?.exchanged ?? {}
      if (first === undefined || reply === undefined) return
      if (reply.body.includes("type='terminate'")) throw new Error(reply.body)
      if (reply.status !== 200 || reply.body.includes("type='error'")) return
      this.received.push(...idsIn(reply.body))
      this.#open.shift()
    }
  }

  /** Loses a request with its connection and unread reply. */
  lose(which: number): void {
    const sent = this.#open[which % Math.max(1, this.#open.length)]
    if (sent?.exchanged === undefined || sent.losses === mostLosses) return
    sent.losses += 1
    this.#drop(sent)
  }

  loseAll(): void {
    for (const sent of this.#open) this.#drop(sent)
  }

  /** Its page is loaded again, unless the session lacks one of its requests. */
  async load(): Promise<void> {
    if (this.#open.some(sent => sent.losses > 0 || isToRepeat(sent))) return
    this.#open.length = 0
    this.client = await this.client.bench.resume(this.client, { seconds })
  }

  #drop(sent: Sent): void {
    if (sent.exchanged?.reply === undefined) sent.exchanged?.peer.leave()
    sent.exchanged = undefined
  }

  /** Requests without a reply must be sent again. */
  moveTo(bench: BoshBench): void {
    for (const sent of this.#open) if (sent.exchanged?.reply === undefined) sent.exchanged = undefined
    this.client = movedTo(bench, this.client)
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('page sends' as const), count }),
  fc.record({ kind: fc.constant('page polls' as const) }),
  fc.record({ kind: fc.constant('requests overtake' as const), count }),
  fc.record({ kind: fc.constant('page pauses' as const) }),
  fc.record({ kind: fc.constant('page reads' as const) }),
  fc.record({ kind: fc.constant('page repeats' as const) }),
  fc.record({ kind: fc.constant('reply is lost' as const), which: count }),
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('server acts' as const), step: serverStep }) },
  fc.record({ kind: fc.constant('server comes back' as const) }),
  fc.record({ kind: fc.constant('time passes' as const), seconds: fc.constantFrom(0.25, 1, 2.25, 8, 40) }),
)
const move = fc.record({
  kind: fc.constant('process stops' as const),
  read: count,
  unheard: count,
  isReplyLost: fc.boolean(),
  gap: fc.constantFrom(0, 1_000, 10_000),
})
const death = fc.record({ kind: fc.constant('process dies' as const), unheard: count })
const load = fc.record({ kind: fc.constant('page is loaded again' as const) })
type Death = typeof death extends fc.Arbitrary<infer T> ? T : never
type Load = typeof load extends fc.Arbitrary<infer T> ? T : never
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never

const conversationWith = (...rare: readonly fc.Arbitrary<Move | Death | Load>[]) =>
  fc.record({
    hold: fc.constantFrom(1, 1, 2, 0),
    isLate: fc.boolean(),
    steps: fc.array(fc.oneof({ weight: 12, arbitrary: step }, ...rare.map(arbitrary => ({ weight: 1, arbitrary }))), {
      maxLength: 60,
      size: 'max',
    }),
  })

/** `isLate`: the server answers `<enable/>` late. */
async function play(
  { hold, isLate, steps }: { hold: number; isLate: boolean; steps: readonly (Step | Move | Death | Load)[] },
  keepers?: Keepers,
): Promise<void> {
  const terms = { ...tooLong, maxRequests: Math.max(2, hold + 1) }
  const limits = noSessionLimits()
  let bench = new BoshBench(terms, undefined, { limits })
  await keepers?.add(bench)
  let mending = new FakeMending()
  const handover = { management: { mending }, seconds }
  const client = await bench.warmed(handover, `hold='${hold}'`)
  if (!isLate) await bench.server(link => link.say(enabledByServer))
  client.link.sent.length = 0
  const server = new Server()
  server.isCounting = !isLate
  server.connect(client.link)
  const page = new Page(client, hold + 1, keepers !== undefined)
  let mayDouble = false

  const comeBack = () => server.comeBack(bench, mending)

  const act = async (step: Step | Move | Death | Load) => {
    switch (step.kind) {
      case 'page sends':
        return page.send(step.count)
      case 'page polls':
        return page.send(0)
      case 'requests overtake':
        await page.send(1, '', true)
        return page.send(step.count)
      case 'page pauses':
        return page.send(1, "pause='300'")
      case 'page reads':
        return page.read()
      case 'page repeats':
        return page.repeat()
      case 'reply is lost':
        return page.lose(step.which)
      case 'server acts':
        return server.act(step.step)
      case 'server comes back':
        return comeBack()
      case 'time passes':
        if (server.link === undefined) await comeBack()
        return bench.pass(step.seconds)
      case 'process stops': {
        if (!server.isCounting) return
        const before = bench
        const records = recordsOf(before)
        expect(records).toHaveLength(1)
        // The server may lose the other elements.
        server.read(step.read)
        server.lose(step.unheard)
        await before.pass(0)
        if (step.isReplyLost) page.loseAll()
        await before.pass(61)
        await before.pass(61)
        expect([before.registry.size, before.waiting.bytes, before.bodies.bytes, before.clock.pending]).toEqual([
          0, 0, 0, 0,
        ])
        expect(limits.heldRequests).toBe(0)
        bench = nextBench(terms, { limits })
        mending = keepers
          ? await keepers.takeUp(page.client.sid, bench, records)
          : takeUpAt(bench, records, step.gap)[0]!
        page.moveTo(bench)
        return
      }
      case 'process dies': {
        await bench.pass(0)
        if (!bench.registry.kept!.hasRecord(bench.registry.bySid(page.client.sid)!)) return
        // What it could not send is only in its record. Its machine still sends what it has written.
        if (server.link === undefined) await bench.pass(1.1)
        server.read()
        server.lose(step.unheard)
        page.loseAll()
        const next = nextBench(terms, { limits })
        mending = await keepers!.takeUp(page.client.sid, next)
        bench.registry.endAllSilently()
        bench = next
        page.moveTo(bench)
        // If a request between is missing, nobody knows which stanzas the server has got.
        if (keepers!.hasGap || page.nextRid > keepers!.nextRid) mayDouble = true
        return page.repeat()
      }
      case 'page is loaded again':
        await page.load()
    }
  }

  let ends = 0
  for (const step of steps) {
    if (step.kind.startsWith('process') && ++ends > mostEnds) continue
    await act(step)
    await bench.pass(0)
  }
  server.enable()
  await comeBack()
  for (let rounds = 0; rounds < 40; rounds++) {
    await page.repeat()
    server.read()
    page.read()
    await page.send(0)
    await bench.pass(0.5)
  }
  expect(bench.registry.size).toBe(1)
  bench.registry.endAllSilently()
  // Sums in the log are written each minute, until one has nothing.
  await bench.pass(61)
  await bench.pass(61)
  expect([bench.waiting.bytes, bench.bodies.bytes, bench.clock.pending, limits.heldRequests]).toEqual([0, 0, 0, 0])
  expect(server.refused.size).toBe(server.refusable)
  const said = numbered('p', page.said)
  if (keepers === undefined) {
    expect(page.received).toEqual(numbered('s', server.sent))
    expect(server.received).toEqual(said)
  } else {
    expect([...new Set(page.received)]).toEqual(numbered('s', server.sent))
    // After a death, the service waits 1.5 s for requests that were overtaken.
    expect((mayDouble ? [...new Set(server.received)] : server.received).toSorted()).toEqual(said.toSorted())
  }
}

test('a session that moves loses nothing, and sends and gets nothing twice', async () => {
  const property = fc.asyncProperty(conversationWith(move, move), conversation => play(conversation))
  await fc.assert(property, parameters)
})

test('a session whose processes die or stop, and whose page is loaded again, loses nothing and sends nothing twice', async () => {
  const property = fc.asyncProperty(conversationWith(load, move, death), conversation =>
    play(conversation, new Keepers()),
  )
  await fc.assert(property, parameters)
})
