import type { Carrier } from '../carriers/carrier.js'
import { type Frame, FrameReader, frameKinds, writeFrame } from '../carriers/frames.js'
import type { AboutNode, ExchangeEnd, Node } from '../nodes.js'
import { Exchanges, type Meet } from './exchanges.js'

/** After so long without a word of it a process is asked for, called silent, and taken for gone; in milliseconds. */
const probeMilliseconds = 1_200
const silentMilliseconds = 3_000
const goneMilliseconds = 10_000

const resetFrame = writeFrame(frameKinds.reset, true, 0)

/** So many bytes may wait for a process before nothing more is begun with it: it takes less than clients ask of it. */
const mostWaiting = 8 * 1024 * 1024

/** A carrier that reaches the process, and what has come by it. */
interface Way {
  readonly carrier: Carrier
  readonly reader: FrameReader
}

/** Another process, as far as it is known here. */
export class RemoteNode implements Node {
  readonly name: string
  readonly exchanges: Exchanges
  isDraining = false
  about: AboutNode | undefined = undefined
  isSilent = false
  /** It has said nothing for so long that it counts as gone until it is heard again. */
  isGivenUp = false
  /** The first is the one that is used. */
  readonly #ways = new Map<Carrier, Way>()
  /** When it was heard last, in milliseconds of the clock. */
  #heardAt: number

  constructor(name: string, meet: Meet, now: number) {
    this.name = name
    this.exchanges = new Exchanges(name, frame => this.#first?.carrier.send(name, frame), meet)
    this.#heardAt = now
  }

  /** Whether more waits for it than may. */
  get isOverfull(): boolean {
    return (this.#first?.carrier.backlog(this.name) ?? 0) > mostWaiting
  }

  get isReached(): boolean {
    return this.#ways.size > 0
  }

  /** Another carrier reaches it, which is used before those that `isPreferred` puts it before. */
  join(carrier: Carrier, isPreferred: boolean, now: number): void {
    const way = { carrier, reader: new FrameReader() }
    const others = [...this.#ways.values()].filter(other => other.carrier !== carrier)
    this.#ways.clear()
    for (const next of isPreferred ? [way, ...others] : [...others, way]) this.#ways.set(next.carrier, next)
    this.#heardAt = now
    if (!isPreferred || others.length === 0) return
    // What is under way may be on either of them.
    carrier.send(this.name, resetFrame)
    this.break('broken')
  }

  /** A carrier does not reach it any more. */
  leave(carrier: Carrier): void {
    const wasUsed = this.#first?.carrier === carrier
    this.#ways.delete(carrier)
    if (wasUsed) this.break(this.isReached ? 'broken' : 'gone')
  }

  /** Something may be lost on the way of a carrier. */
  lose(carrier: Carrier): void {
    this.#ways.get(carrier)?.reader.reset()
    if (this.#first?.carrier === carrier) this.break('broken')
  }

  /** Hands on the frames that end with these bytes. Throws where they are none. */
  read(carrier: Carrier, bytes: Buffer, take: (frame: Frame) => void): void {
    this.#ways.get(carrier)?.reader.read(bytes, take)
  }

  /** Takes note that it was heard, and tells whether that changes how it stands. */
  heard(now: number): boolean {
    this.#heardAt = now
    const isChanged = this.isSilent
    this.isSilent = false
    this.isGivenUp = false
    return isChanged
  }

  /** This process itself did nothing for so long. */
  forgive(milliseconds: number): void {
    this.#heardAt += milliseconds
  }

  /** Looks at how long it has been silent, and tells whether that changes how it stands. */
  look(now: number): boolean {
    const silence = now - this.#heardAt
    if (silence >= probeMilliseconds) for (const { carrier } of this.#ways.values()) carrier.probe(this.name)
    const [wasSilent, wasGivenUp] = [this.isSilent, this.isGivenUp]
    this.isSilent = silence >= silentMilliseconds
    this.isGivenUp = silence >= goneMilliseconds
    if (this.isGivenUp && !wasGivenUp) {
      // Should it come back, it must not go on with what has been given up here.
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
