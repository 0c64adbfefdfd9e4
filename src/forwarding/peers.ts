import { isSocket, readAddress, written } from '../config/kinds/listen-addresses.js'
import type { Clock } from '../lib/clock.js'
import { NoAnswer, type OtherProcesses } from '../store/other-processes.js'
import { processIn } from '../store/process-name.js'
import { type ProcessEntry, processSeconds, type Store } from '../store/store.js'
import { type AnswerCall, callPeer } from './peer-calls.js'
import type { PeerLink, PeerLinks } from './peer-links.js'
import type { AcceptStream } from './peer-listener.js'

const answerMilliseconds = 1_000
/** Sids, ids and tokens of a process that is gone can still be known for this time, in milliseconds. */
const longestLost = 600_000
/** A process counts as unreachable for this time after a failure, in milliseconds. Links open only for requests. */
const longestUnreachable = 300_000
/** In milliseconds: longer than the entry of a dead process lives. */
const longestGone = (processSeconds + 2) * 1_000

interface PeersParts {
  readonly self: string
  /** The machine is its part before a comma. */
  readonly place: string
  readonly store: Pick<Store, 'processes' | 'isWhole'>
  readonly links: PeerLinks
  readonly clock: Clock
  /** Called for a process that lives, but to which no connection opens. */
  readonly onUnreachable: (entry: ProcessEntry) => void
  /** Called for a process whose entry has expired, although it did not drain. */
  readonly onLost: (entry: ProcessEntry) => void
}

/** Another process. It need not answer. */
export interface Owner {
  readonly name: string
  readonly link: PeerLink
}

/** The other processes of the service: links and calls to them. */
export class Peers implements OtherProcesses {
  readonly self: string
  /** Returns false for streams that it does not serve. */
  accept: AcceptStream = () => false
  readonly #parts: PeersParts
  readonly #answers = new Map<string, (question: never) => unknown>()
  readonly #lostSince = new Map<string, number>()
  readonly #goneSince = new Map<string, number>()
  readonly #unreachableSince = new Map<string, number>()
  #before: readonly ProcessEntry[] = []

  constructor(parts: PeersParts) {
    const { self, store, links } = parts
    this.self = self
    this.#parts = parts
    links.onDialed = (address, isOpen) => {
      const entry = store.processes.find(each => each.address === written(address))
      if (entry === undefined) return
      if (isOpen) this.#unreachableSince.delete(entry.name)
      else if (!entry.isDraining) this.#noteUnreachable(entry)
    }
  }

  get others(): readonly ProcessEntry[] {
    return this.#parts.store.processes.filter(({ name }) => name !== this.self)
  }

  get lost(): readonly string[] {
    return [...this.#lostSince.keys()]
  }

  answer(kind: string, answer: (question: never) => unknown): void {
    this.#answers.set(kind, answer)
  }

  readonly answerCall: AnswerCall = async (kind, question) => {
    const answer = this.#answers.get(kind)
    if (answer === undefined) throw new Error(`there is no call ${kind}`)
    return answer(question as never)
  }

  /** To be called each second. */
  look(): void {
    const { store, clock, onLost } = this.#parts
    const now = clock.now()
    const names = new Set(store.processes.map(({ name }) => name))
    for (const entry of this.#before) {
      if (names.has(entry.name) || entry.isDraining) continue
      this.#lostSince.set(entry.name, now)
      onLost(entry)
    }
    for (const [name, since] of this.#lostSince)
      if (names.has(name) || now - since > longestLost) this.#lostSince.delete(name)
    for (const [name, since] of this.#goneSince) {
      // While the store is away, entries of dead processes do not expire.
      if (now - since <= longestGone || !store.isWhole) continue
      this.#goneSince.delete(name)
      // It lives: its entry would have expired.
      const entry = this.#entryOf(name)
      if (entry !== undefined) this.#noteUnreachable(entry)
    }
    for (const [name, since] of this.#unreachableSince)
      if (!names.has(name) || now - since > longestUnreachable) this.#unreachableSince.delete(name)
    this.#before = store.processes
  }

  isGone(name: string): boolean {
    return this.#goneSince.has(name)
  }

  /** No connection to it opened at the last attempt. */
  isUnreachable(name: string): boolean {
    return this.#unreachableSince.has(name)
  }

  /** Nothing listens at the address of the process. */
  noteGone(name: string): void {
    if (!this.isGone(name)) this.#goneSince.set(name, this.#parts.clock.now())
  }

  ownerNamed(name: string): Owner | undefined {
    if (this.isGone(name)) return undefined
    const entry = name === this.self ? undefined : this.#entryOf(name)
    const link = entry && this.#linkOf(entry)
    return link && { name, link }
  }

  /** The process that a sid, an id or a token names. */
  ownerIn(text: string): Owner | undefined {
    return this.ownerNamed(processIn(text) ?? '')
  }

  /**
   * A process that takes new sessions, except those in `asked`, to which its name is added. The last are processes to
   * which no connection opened: a call could wait for them for 12 s, and then fail.
   */
  forNewSession(asked = new Set<string>()): Owner | undefined {
    const others = this.others.filter(({ name, isDraining }) => !isDraining && !asked.has(name))
    const reached = others.filter(({ name }) => !this.isUnreachable(name))
    const best = reached.length > 0 ? reached : others
    const entry = best[Math.floor(Math.random() * best.length)]
    if (entry === undefined) return undefined
    asked.add(entry.name)
    return this.ownerNamed(entry.name) ?? this.forNewSession(asked)
  }

  /** Rejects with `NoAnswer`. */
  async ask(name: string, kind: string, question: unknown, milliseconds = answerMilliseconds): Promise<unknown> {
    const owner = this.ownerNamed(name)
    if (owner === undefined) throw new NoAnswer(name, 'gone')
    try {
      return await callPeer(owner, kind, question, milliseconds)
    } catch (error) {
      if (error instanceof NoAnswer && error.reason === 'gone') this.noteGone(name)
      throw error
    }
  }

  #entryOf(name: string): ProcessEntry | undefined {
    return this.#parts.store.processes.find(each => each.name === name)
  }

  #linkOf(entry: ProcessEntry): PeerLink | undefined {
    const { place, links } = this.#parts
    const address = readAddress(entry.address)
    const isAtSocket = address !== undefined && isSocket(address)
    if (address === undefined || (address.port === undefined && !isAtSocket)) return undefined
    if (!isAtSocket || machineOf(entry.place) === machineOf(place)) return links.to(address)
    this.#noteUnreachable(entry)
    return undefined
  }

  #noteUnreachable(entry: ProcessEntry): void {
    this.#unreachableSince.set(entry.name, this.#parts.clock.now())
    this.#parts.onUnreachable(entry)
  }
}

const machineOf = (place: string) => place.split(',', 1)[0]
