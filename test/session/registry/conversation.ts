// Both ends of random conversations: a server with stream management, and processes that keep records of sessions.
import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import type { BoshRecord } from '../../../src/browsers/bosh/bosh-client.js'
import { Phase } from '../../../src/lib/phase.js'
import { RecordWriter } from '../../../src/session/registry/record-writer.js'
import { StoredRecords } from '../../../src/session/registry/stored-records.js'
import type { TellEvent } from '../../../src/session/session-types.js'
import { type Store, StoreUnavailable } from '../../../src/store/store.js'
import { smNamespace } from '../../../src/xmpp/namespaces.js'
import { attachPageSilently, enable } from '../../browsers/websocket/pages.js'
import { memberOf } from '../../store/entries.js'
import { BoshBench, type FakeLink, FakeMending, features } from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'
import { FakeClock } from '../../support/fake-clock.js'
import { memoryStore } from '../../support/memory-store.js'
import { enabledByServer, resumable, resumedByServer, takeUpOne } from '../../support/next-process.js'
import { numberFrom } from '../../support/random.js'

export const sm = `xmlns='${smNamespace}'`
export const stanza = (id: string) => `<message xmlns='jabber:client' id='${id}'/>`
export const numbered = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}${index + 1}`)
export const idsIn = (text: string) => [...text.matchAll(/<message [^>]*id='([^']+)'/g)].map(([, id]) => id!)

/** MOVES_CASES: how many conversations. MOVES_SEED: 20261123. */
export const parametersOf = (cases: number) => ({
  seed: numberFrom('MOVES_SEED', 20261123),
  numRuns: numberFrom('MOVES_CASES', cases),
})

export const count = fc.integer({ min: 0, max: 4 })

/** What a server does in a random conversation. */
export const serverStep = fc.oneof(
  fc.record({ kind: fc.constant('server sends' as const), count }),
  fc.record({ kind: fc.constant('server sends what is dropped' as const) }),
  fc.record({ kind: fc.constant('server sends what is refused' as const) }),
  fc.record({ kind: fc.constant('server begins to count' as const) }),
  fc.record({ kind: fc.constant('server asks' as const) }),
  fc.record({ kind: fc.constant('server reads' as const), count }),
  fc.record({ kind: fc.constant('connection breaks' as const), unheard: count }),
)
type ServerStep = typeof serverStep extends fc.Arbitrary<infer T> ? T : never

/** A server with stream management. It stays when its connection breaks. */
export class Server {
  readonly received: string[] = []
  /** Stanzas that it sent, and that the service refused. */
  readonly refused = new Set<string>()
  sent = 0
  refusable = 0
  /** With those of the service itself. */
  #heard = 0
  /** False until it has answered `<enable/>`. */
  isCounting = true
  /** With those that no page gets. */
  #counted = 0
  #acknowledged = 0
  /** Ids. Undefined: a stanza that no page gets. */
  #kept: (string | undefined)[] = []
  /** Undefined without a connection. */
  link: FakeLink | undefined
  #read = 0
  /** Logins that have succeeded. */
  readonly #used = new Set<unknown>()

  enable(): void {
    if (this.isCounting) return
    this.isCounting = true
    this.link!.say(enabledByServer)
  }

  act(step: ServerStep): void {
    switch (step.kind) {
      case 'server sends':
        return void this.send(step.count)
      case 'server sends what is dropped':
        return void this.#send(undefined)
      case 'server sends what is refused':
        return void this.#send(`${refusable}${++this.refusable}`)
      case 'server begins to count':
        return void this.enable()
      case 'server asks':
        if (this.isCounting) this.link?.say(`<r ${sm}/>`)
        return
      case 'server reads':
        return void this.read(step.count)
      case 'connection breaks':
        return void this.break(step.unheard)
    }
  }

  connect(link: FakeLink): void {
    this.link = link
    this.#read = 0
  }

  /** Connects again, unless it is connected, or never was disconnected. */
  async comeBack(bench: BoshBench, mending: FakeMending): Promise<void> {
    if (this.link !== undefined) return
    // The service waits up to 15 s before it dials again.
    for (let wait = 0; wait < 16 && this.#used.has(mending.attempts.at(-1)); wait++) await bench.pass(1)
    const attempt = mending.attempts.at(-1)!
    this.#used.add(attempt)
    const link = attempt.succeed()
    await bench.pass(0)
    link.receive(features)
    this.connect(link)
    this.read()
    await bench.pass(0)
  }

  /** Reads at most this number of elements, and answers. */
  read(most = Number.POSITIVE_INFINITY): void {
    const { link } = this
    for (let count = 0; link !== undefined && count < most; count++) {
      const text = link.sent.join('').match(/<[^>]+>/g)?.[this.#read]
      if (text === undefined) return
      this.#read += 1
      const count = Number(/ h='(\d+)'/.exec(text)?.[1])
      if (text.startsWith('<message')) {
        this.#heard += 1
        if (!text.includes(`type='error'`)) this.received.push(...idsIn(text))
        else this.refused.add(idsIn(text)[0]!)
      } else if (/^<(\/|error|text|policy-violation)/.test(text)) continue
      else if (text.startsWith('<r ')) link.say(`<a ${sm} h='${this.#heard}'/>`)
      else if (text.startsWith('<a ')) this.#take(count)
      else if (text.startsWith('<resume ')) {
        this.#take(count)
        link.say(resumedByServer(this.#heard))
        for (const id of this.#kept) transmit(link, id)
      } else throw new Error(`not expected: ${text}`)
    }
  }

  #take(count: number): void {
    if (!(count >= this.#acknowledged && count <= this.#counted)) throw new Error(`${count} cannot be`)
    this.#kept = this.#kept.slice(count - this.#acknowledged)
    this.#acknowledged = count
  }

  send(count: number): void {
    for (; count > 0; count--) this.#send(`s${++this.sent}`)
  }

  #send(id: string | undefined): void {
    if (this.isCounting) {
      this.#counted += 1
      this.#kept.push(id)
    }
    if (this.link !== undefined) transmit(this.link, id)
  }

  /** The connection breaks, and the service mends it. The last stanzas on it are lost. */
  break(unheard: number): void {
    const { link } = this
    // Without stream management, the session would end.
    if (link === undefined || !this.isCounting) return
    this.lose(unheard)
    link.end({ failure: { step: 'stream', code: 'remote-connection-failed' } })
  }

  /** Loses the connection, and the last stanzas on it. */
  lose(unheard: number): void {
    this.link = undefined
    this.send(unheard)
  }
}

const refusable = 'large'

function transmit(link: FakeLink, id: string | undefined): void {
  if (id === undefined) link.events.onDropped!()
  else if (id.startsWith(refusable))
    link.events.onDropped!(
      element(`<message xmlns='jabber:client' from='a.example' to='juliet@chat.example/1' id='${id}'/>`),
    )
  else link.receive(stanza(id))
}

const key = createSecretKey(randomBytes(32))

/** From now on, the process stores records of its sessions. */
export function keepRecords(bench: BoshBench, store: Store, self: string): void {
  bench.registry.kept = new RecordWriter({
    ...{ self, store, keys: () => [key], clock: bench.clock, seconds: 300 },
    report(error) {
      throw error
    },
  })
}

export async function storeOf(...processes: readonly string[]): Promise<Store> {
  const store = memoryStore(new FakeClock())
  for (const name of processes) await store.join(memberOf(name))
  return store
}

/** A session at a process that keeps records. Its stream can be resumed. */
export async function sessionAt(self: string, store: Store, tellEvent: TellEvent = () => {}) {
  const bench = new BoshBench({}, undefined, { issuesTickets: true, tellEvent })
  keepRecords(bench, store, self)
  return resumable(bench)
}

/** A page whose stream is in a record. */
export async function attachRecorded(bench: BoshBench, token: string) {
  const socket = attachPageSilently(bench, token)
  socket.receive(enable)
  await bench.pass(0.01)
  await bench.pass(0)
  return { socket, id: / id='([^']+)'/.exec(socket.sent.shift()!)![1]! }
}

/** The records that a process stores and takes up. */
export function recordsOfProcess(
  { log }: BoshBench,
  store: Store,
  self: string,
  take: ConstructorParameters<typeof StoredRecords>[0]['take'],
): StoredRecords {
  const phase = new Phase()
  phase.begin('serving')
  return new StoredRecords({
    ...{ self, store, keys: () => [key], clock: new FakeClock(), seconds: 300, phase, take, log },
    end() {},
  })
}

/** Processes that store records of their sessions. */
export class Keepers {
  /** Of the record that was taken up last. */
  nextRid = 0
  hasGap = false
  /** The store takes no records of live sessions. */
  isAway = false
  readonly #store = memoryStore(new FakeClock())
  #count = 0

  constructor() {
    const { records } = this.#store
    const keep = records.keep.bind(records)
    records.keep = (...all) => (this.isAway ? Promise.reject(new StoreUnavailable('no-answer')) : keep(...all))
  }

  get #self(): string {
    return `process${this.#count}`
  }

  async add(bench: BoshBench): Promise<void> {
    this.#count += 1
    await this.#store.join(memberOf(this.#self))
    keepRecords(bench, this.#store, this.#self)
  }

  /** `records`: of the process if it has stopped. Undefined if it has died. Resolves with what mends the session's link. */
  async takeUp(sid: string, bench: BoshBench, records?: readonly string[]): Promise<FakeMending> {
    if (records === undefined) await this.#store.leave(this.#self)
    else await this.#records(bench).put(records)
    await this.add(bench)
    const mending = new FakeMending()
    if ((await this.#records(bench, mending).takeUp({ secret: sid })) !== this.#self)
      throw new Error('there is no record')
    return mending
  }

  #records(bench: BoshBench, mending?: FakeMending): StoredRecords {
    return recordsOfProcess(bench, this.#store, this.#self, record => {
      const { last, afterGap = 0 } = (record.client as Partial<BoshRecord>).window ?? { last: 0 }
      this.nextRid = last + 1
      this.hasGap = afterGap > 0
      return takeUpOne(bench, record, mending)
    })
  }
}
