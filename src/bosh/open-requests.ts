import type { Body } from './body.js'
import type { Peer } from './peer.js'

/** A request that has no reply yet. */
export interface Pending {
  readonly rid: number
  readonly peer: Peer
  /** What it proved itself with; a repeat must do so with the same (XEP-0124 §15.5). */
  readonly key: string | undefined
  /** Of the request's content. */
  readonly digest: string
  /** How often it was sent again. */
  readonly repeats: number
  /** When it came, in milliseconds of the clock. */
  readonly since: number
  /** Attributes of the reply that tells the client which one it has not received (XEP-0124 §9.2). */
  readonly report?: string
  /** When it is answered whether there is something to say or not, in milliseconds of the clock. */
  readonly expires: number
}

/** A request ahead of a gap, kept unread until the gap fills. */
export interface Parked extends Pending {
  readonly body: Body
  /** When it is answered if the gap fills in time, in milliseconds of the clock. */
  readonly answerBy: number
}

/** How many requests wait for an answer, in all sessions together. */
export interface Load {
  waiting: number
}

/** A session's requests that wait for a reply: the held ones in the order of their rids, and the parked ones. */
export class OpenRequests {
  #held: Pending[] = []
  #parked: Map<number, Parked> | undefined
  readonly #load: Load
  readonly #onBroken: () => void

  /** `onBroken` is called when the client of an open request goes away. */
  constructor(load: Load, onBroken: () => void) {
    this.#load = load
    this.#onBroken = onBroken
  }

  get heldCount(): number {
    return this.#held.length
  }

  /** How many there are, parked ones too. */
  get count(): number {
    return this.#held.length + (this.#parked?.size ?? 0)
  }

  get oldest(): Pending | undefined {
    return this.#held[0]
  }

  /** The oldest held request whose client still waits for the reply. */
  get oldestLive(): Pending | undefined {
    return this.#held.find(({ peer }) => !peer.gone)
  }

  /** Whether a client waits for any reply. */
  get hasLive(): boolean {
    return this.#parked !== undefined || this.oldestLive !== undefined
  }

  /** Whether a held request has waited for as long as it may; those before it have to be answered first. */
  hasExpired(now: number): boolean {
    return this.#held.some(({ expires }) => expires <= now)
  }

  /** When the next of them wants an answer, in milliseconds of the clock. */
  get nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { expires } of this.#held) next = Math.min(next, expires)
    if (this.#parked !== undefined)
      for (const { expires } of this.#parked.values()) next = Math.min(next, expires)
    return next
  }

  /** The held request with this rid. */
  held(rid: number): Pending | undefined {
    return this.#held.find(pending => pending.rid === rid)
  }

  /** The parked request with this rid. */
  parked(rid: number): Parked | undefined {
    return this.#parked?.get(rid)
  }

  hold(pending: Pending): void {
    this.#held.push(pending)
    this.#entered(pending, this.#onBroken)
  }

  /** Puts a newer copy in the place of a held request and gives back the older one. */
  replace(pending: Pending): Pending | undefined {
    const at = this.#held.findIndex(({ rid }) => rid === pending.rid)
    if (at < 0) return undefined
    const older = this.#held[at]!
    this.#left(older)
    this.#held[at] = pending
    this.#entered(pending, this.#onBroken)
    return older
  }

  /** Takes out the oldest held request. */
  shift(): Pending | undefined {
    const pending = this.#held.shift()
    if (pending !== undefined) this.#left(pending)
    return pending
  }

  /** Takes out this one. */
  remove(pending: Pending): void {
    this.#held = this.#held.filter(other => other !== pending)
    this.#left(pending)
  }

  /** Keeps a request unread; gives back the older copy of it, if there is one. */
  park(parked: Parked): Parked | undefined {
    const older = this.unpark(parked.rid)
    this.#parked ??= new Map()
    this.#parked.set(parked.rid, parked)
    this.#entered(parked, () => {
      // A parked request was not received yet; without its client it never will be.
      this.unpark(parked.rid)
      this.#onBroken()
    })
    return older
  }

  /** Takes out the parked request with this rid. */
  unpark(rid: number): Parked | undefined {
    const parked = this.#parked?.get(rid)
    if (parked === undefined) return undefined
    this.#left(parked)
    this.#parked!.delete(rid)
    if (this.#parked!.size === 0) this.#parked = undefined
    return parked
  }

  /**
   * Takes out the parked requests that have waited for too long for one before them. Those that follow on `last` without a
   * gap wait for nothing but their turn, which comes.
   */
  unparkExpired(now: number, last: number): Parked[] {
    if (this.#parked === undefined) return []
    let gap = last + 1
    while (this.#parked.has(gap)) gap += 1
    const expired = [...this.#parked.values()].filter(({ rid, expires }) => rid > gap && expires <= now)
    for (const { rid } of expired) this.unpark(rid)
    return expired
  }

  /** Takes out all, in the order of their rids. */
  clear(): Pending[] {
    const all = [...this.#held, ...(this.#parked?.values() ?? [])]
    for (const pending of all) this.#left(pending)
    this.#held = []
    this.#parked = undefined
    return all
  }

  #entered({ peer }: Pending, whenGone: () => void): void {
    peer.whenGone = whenGone
    this.#load.waiting += 1
  }

  #left({ peer }: Pending): void {
    peer.whenGone = undefined
    this.#load.waiting -= 1
  }
}
