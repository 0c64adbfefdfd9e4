import type { Carrier } from '../carriers/carrier.js'
import { type Frame, FrameReader, frameKinds, writeFrame } from '../carriers/frames.js'
import type { AboutNode, ExchangeEnd, Node } from '../nodes.js'
import { type Accept, Exchanges, type Guarded } from './exchanges.js'

/** Silence after which a process is probed, counts as silent, and counts as gone. */
const probeMilliseconds = 1_200
const silentMilliseconds = 3_000
const goneMilliseconds = 10_000
/** Silence after which, in a large group, a process with open exchanges is asked. */
const askMilliseconds = 3_000

const resetFrame = writeFrame(frameKinds.reset, true, 0)

const mostWaiting = 8 * 1024 * 1024

interface Way {
  readonly carrier: Carrier
  readonly reader: FrameReader
}

export class RemoteNode implements Node {
  readonly name: string
  readonly exchanges: Exchanges
  isDraining = false
  about: AboutNode | undefined = undefined
  adopted: ReadonlySet<string> = new Set()
  /** The process hands over, and answers for no name. */
  isLeaving = false
  hasHeartbeat = false
  isSilent = false
  /** The process was silent for long, but may return. */
  isGivenUp = false
  /** The first is in use. */
  readonly #ways = new Map<Carrier, Way>()
  #heardAt: number
  /** Undefined if the process was heard after the last question. */
  #askedAt: number | undefined
  #lastAskedAt = 0

  constructor(name: string, accept: Accept, guarded: Guarded, now: number) {
    this.name = name
    this.exchanges = new Exchanges(name, frame => this.#first?.carrier.send(name, frame), accept, guarded)
    this.#heardAt = now
  }

  get isOverfull(): boolean {
    return (this.#first?.carrier.backlog(this.name) ?? 0) > mostWaiting
  }

  get isOwner(): boolean {
    return !this.isGivenUp && !this.isLeaving
  }

  get isReached(): boolean {
    return this.#ways.size > 0
  }

  join(carrier: Carrier, isPreferred: boolean, now: number): void {
    const way = { carrier, reader: new FrameReader() }
    const others = [...this.#ways.values()].filter(other => other.carrier !== carrier)
    this.#ways.clear()
    for (const next of isPreferred ? [way, ...others] : [...others, way]) this.#ways.set(next.carrier, next)
    this.#heardAt = now
    if (!isPreferred || others.length === 0) return
    // Data may still arrive over both carriers, in any order.
    carrier.send(this.name, resetFrame)
    this.break('broken')
  }

  drop(carrier: Carrier): boolean {
    const wasUsed = this.#first?.carrier === carrier
    this.#ways.delete(carrier)
    return wasUsed
  }

  tell(frame: Buffer): void {
    this.#first?.carrier.send(this.name, frame)
  }

  lose(carrier: Carrier): void {
    this.#ways.get(carrier)?.reader.reset()
    if (this.#first?.carrier === carrier) this.break('broken')
  }

  read(carrier: Carrier, bytes: Buffer, take: (frame: Frame) => void): void {
    this.#ways.get(carrier)?.reader.read(bytes, take)
  }

  heard(now: number): boolean {
    this.#heardAt = now
    this.#askedAt = undefined
    const isChanged = this.isSilent
    this.isSilent = false
    this.isGivenUp = false
    return isChanged
  }

  forgive(milliseconds: number): void {
    this.#heardAt += milliseconds
    if (this.#askedAt !== undefined) this.#askedAt += milliseconds
  }

  /** `pause`: time between heartbeats, minus the usual second. */
  isAskDue(now: number, pause: number): boolean {
    const isDue = pause > 0 && this.exchanges.size > 0 && now - this.#heardAt >= askMilliseconds
    if (!isDue || now - this.#lastAskedAt < askMilliseconds) return false
    this.#askedAt ??= now
    this.#lastAskedAt = now
    return true
  }

  look(now: number, pause: number): boolean {
    const sinceAsked = this.#askedAt === undefined ? 0 : now - this.#askedAt
    const silence = Math.max(now - this.#heardAt - pause, sinceAsked)
    if (silence >= probeMilliseconds) for (const { carrier } of this.#ways.values()) carrier.probe(this.name)
    const [wasSilent, wasGivenUp] = [this.isSilent, this.isGivenUp]
    this.isSilent = silence >= silentMilliseconds
    this.isGivenUp = silence >= goneMilliseconds
    if (this.isGivenUp && !wasGivenUp) {
      // The other process must not continue exchanges that ended here.
      this.#first?.carrier.send(this.name, resetFrame)
      this.break('gone')
    }
    return this.isSilent !== wasSilent || this.isGivenUp !== wasGivenUp
  }

  break(how: ExchangeEnd): void {
    this.exchanges.break(how)
  }

  get #first(): Way | undefined {
    for (const way of this.#ways.values()) return way
    return undefined
  }
}
