import type { Carrier } from '../carriers/carrier.js'
import { type Frame, FrameReader, frameKinds, writeFrame } from '../carriers/frames.js'
import type { AboutNode, ExchangeEnd, Node } from '../nodes.js'
import { type Accept, Exchanges, type Guarded } from './exchanges.js'

const probeAfterMilliseconds = 1_200
const silentAfterMilliseconds = 3_000
const goneAfterMilliseconds = 10_000
/** In a large group, a silent process with open exchanges is asked for a heartbeat after this time. */
const askMilliseconds = 3_000

const resetFrame = writeFrame(frameKinds.reset, true, 0)

const mostWaitingBytes = 8 * 1024 * 1024

interface Route {
  readonly carrier: Carrier
  readonly reader: FrameReader
}

export class RemoteNode implements Node {
  readonly name: string
  readonly exchanges: Exchanges
  isDraining = false
  about: AboutNode | undefined = undefined
  adopted: ReadonlySet<string> = new Set()
  isLeaving = false
  hasHeartbeat = false
  isSilent = false
  isGivenUp = false
  /** The first route is in use. */
  readonly #routes = new Map<Carrier, Route>()
  #heardAt: number
  /** Time of the first unanswered question. Any data counts as an answer. */
  #askedAt: number | undefined
  #lastAskedAt = 0

  constructor(name: string, accept: Accept, guarded: Guarded, now: number) {
    this.name = name
    this.exchanges = new Exchanges(name, frame => this.#first?.carrier.send(name, frame), accept, guarded)
    this.#heardAt = now
  }

  get isOverfull(): boolean {
    return (this.#first?.carrier.backlog(this.name) ?? 0) > mostWaitingBytes
  }

  get isOwner(): boolean {
    return !this.isGivenUp && !this.isLeaving
  }

  get isReached(): boolean {
    return this.#routes.size > 0
  }

  join(carrier: Carrier, isPreferred: boolean, now: number): void {
    const route = { carrier, reader: new FrameReader() }
    const others = [...this.#routes.values()].filter(other => other.carrier !== carrier)
    this.#routes.clear()
    for (const next of isPreferred ? [route, ...others] : [...others, route]) this.#routes.set(next.carrier, next)
    this.#heardAt = now
    if (!isPreferred || others.length === 0) return
    // Exchanges are reset, because data may still arrive over both carriers in any order.
    carrier.send(this.name, resetFrame)
    this.break('broken')
  }

  drop(carrier: Carrier): boolean {
    const wasUsed = this.#first?.carrier === carrier
    this.#routes.delete(carrier)
    return wasUsed
  }

  tell(frame: Buffer): void {
    this.#first?.carrier.send(this.name, frame)
  }

  lose(carrier: Carrier): void {
    this.#routes.get(carrier)?.reader.reset()
    if (this.#first?.carrier === carrier) this.break('broken')
  }

  read(carrier: Carrier, bytes: Buffer, take: (frame: Frame) => void): void {
    this.#routes.get(carrier)?.reader.read(bytes, take)
  }

  heard(now: number): boolean {
    this.#heardAt = now
    this.#askedAt = undefined
    const isChanged = this.isSilent
    this.isSilent = false
    this.isGivenUp = false
    return isChanged
  }

  /** Shortens the counted silence, because this process was paused. */
  forgive(milliseconds: number): void {
    this.#heardAt += milliseconds
    if (this.#askedAt !== undefined) this.#askedAt += milliseconds
  }

  /** `extraInterval`: milliseconds by which the heartbeat interval exceeds 1,000. */
  isAskDue(now: number, extraInterval: number): boolean {
    const isDue = extraInterval > 0 && this.exchanges.size > 0 && now - this.#heardAt >= askMilliseconds
    if (!isDue || now - this.#lastAskedAt < askMilliseconds) return false
    this.#askedAt ??= now
    this.#lastAskedAt = now
    return true
  }

  /** Probes a silent process, and gives it up after 10 s. Returns true if `isSilent` or `isGivenUp` has changed. */
  look(now: number, extraInterval: number): boolean {
    const sinceAsked = this.#askedAt === undefined ? 0 : now - this.#askedAt
    const silence = Math.max(now - this.#heardAt - extraInterval, sinceAsked)
    if (silence >= probeAfterMilliseconds) for (const { carrier } of this.#routes.values()) carrier.probe(this.name)
    const [wasSilent, wasGivenUp] = [this.isSilent, this.isGivenUp]
    this.isSilent = silence >= silentAfterMilliseconds
    this.isGivenUp = silence >= goneAfterMilliseconds
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

  get #first(): Route | undefined {
    for (const route of this.#routes.values()) return route
    return undefined
  }
}
