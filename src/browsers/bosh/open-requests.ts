import type { UnfinishedMessage } from '../../http/listening/unfinished-bodies.js'
import type { SessionLimits } from '../../session/limits/session-limits.js'
import type { Peer } from './peer.js'

/** A request that has no reply yet. Times are in milliseconds of the clock. */
export interface Pending {
  readonly rid: number
  peer: Peer
  /** What it proved itself with; a repeat must do so with the same (XEP-0124 §15.5). */
  readonly key: string | undefined
  /** Of the request's content. */
  readonly digest: string
  /** How often it was sent again. */
  repeats: number
  /** When it came. */
  since: number
  /** When it is answered whether there is something to say or not. */
  expires: number
  /** While it is parked, the `<body/>` as text, which takes far less memory than its elements, and the room that it takes. */
  parked: { readonly text: string; readonly room: UnfinishedMessage } | undefined
  /** Attributes of the reply that tells the client which one it has not received (XEP-0124 §9.2). */
  report: string
}

/** A session's requests that wait for a reply: the held ones, and those that are parked, unread, until it is their turn. */
export class OpenRequests {
  /** In the order of their rids; changed here only. */
  readonly held: Pending[] = []
  #parked: Map<number, Pending> | undefined
  /** Counts the requests that wait, in all sessions together. */
  readonly #load: Pick<SessionLimits, 'waiting'>
  readonly #onBroken: () => void

  /** `onBroken` is called when the client of an open request goes away. */
  constructor(load: Pick<SessionLimits, 'waiting'>, onBroken: () => void) {
    this.#load = load
    this.#onBroken = onBroken
  }

  /** The oldest held request whose client still waits for the reply. */
  get oldestLive(): Pending | undefined {
    return this.held.find(({ peer }) => !peer.gone)
  }

  /** Whether a client waits for any reply. */
  get hasLive(): boolean {
    return this.#parked !== undefined || this.oldestLive !== undefined
  }

  /** When the next of them wants an answer, in milliseconds of the clock. */
  get nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { expires } of this.held) next = Math.min(next, expires)
    if (this.#parked !== undefined)
      for (const { expires } of this.#parked.values()) next = Math.min(next, expires)
    return next
  }

  /** The parked request with this rid. */
  parked(rid: number): Pending | undefined {
    return this.#parked?.get(rid)
  }

  /** The texts of all parked requests together, in UTF-16 units. */
  get parkedLength(): number {
    let length = 0
    for (const { parked } of this.#parked?.values() ?? []) length += parked!.text.length
    return length
  }

  hold(pending: Pending): void {
    this.held.push(pending)
    this.#entered(pending, this.#onBroken)
  }

  /** A held request has come again, and only the newer copy is waited for; gives back the client of the older one. */
  renew(pending: Pending, peer: Peer, since: number, expires: number): Peer {
    const older = pending.peer
    this.#left(pending)
    pending.peer = peer
    pending.repeats += 1
    pending.since = since
    pending.expires = expires
    this.#entered(pending, this.#onBroken)
    return older
  }

  /** Takes out a held request, the oldest unless another is named. */
  take(pending = this.held[0]!): Pending {
    if (pending === this.held[0]) this.held.shift()
    else this.held.splice(this.held.indexOf(pending), 1)
    this.#left(pending)
    return pending
  }

  /** Keeps a request unread, in the place of an older copy of it if there is one. */
  park(pending: Pending): void {
    this.unpark(pending.rid)
    this.#parked ??= new Map()
    this.#parked.set(pending.rid, pending)
    this.#entered(pending, () => {
      // A parked request was not received yet; without its client it never will be.
      this.unpark(pending.rid)
      this.#onBroken()
    })
  }

  /** Takes out the parked request with this rid. */
  unpark(rid: number): Pending | undefined {
    const parked = this.#parked?.get(rid)
    if (parked === undefined) return undefined
    this.#left(parked)
    this.#parked!.delete(rid)
    if (this.#parked!.size === 0) this.#parked = undefined
    return parked
  }

  /** Takes out those that waited too long for one before them; without a gap behind `last` they wait for their turn. */
  unparkExpired(now: number, last: number): Pending[] {
    if (this.#parked === undefined) return []
    let gap = last + 1
    while (this.#parked.has(gap)) gap += 1
    const expired = [...this.#parked.values()].filter(({ rid, expires }) => rid > gap && expires <= now)
    for (const { rid } of expired) this.unpark(rid)
    return expired
  }

  /** Takes out all, in the order of their rids. */
  clear(): Pending[] {
    const all = [...this.held.splice(0), ...(this.#parked?.values() ?? [])]
    for (const pending of all) this.#left(pending)
    this.#parked = undefined
    return all
  }

  #entered({ peer }: Pending, whenGone: () => void): void {
    peer.whenGone = whenGone
    this.#load.waiting += 1
  }

  #left({ peer, parked }: Pending): void {
    peer.whenGone = undefined
    parked?.room.is(0)
    this.#load.waiting -= 1
  }
}
