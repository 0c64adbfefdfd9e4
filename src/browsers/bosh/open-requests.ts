import type { UnfinishedBodies, UnfinishedMessage } from '../../http/bodies/unfinished-bodies.js'
import type { SessionLimits } from '../../session/limits/session-limits.js'
import type { Peer, Reply } from './peer.js'

export interface Pending {
  readonly rid: number
  peer: Peer
  /** XEP-0124 §15.4. */
  readonly key: string | undefined
  readonly digest: string
  repeats: number
  /** When it first came. */
  since: number
  expires: number
  /** Stored as text, because parsed elements take far more memory. */
  parked: { readonly text: string; readonly room: UnfinishedMessage } | undefined
}

const parkedBytesWithoutText = 1024

/** Held requests wait for stanzas. Parked requests wait for an earlier request, or for the uplink's rate limit. */
export class OpenRequests {
  readonly held: Pending[] = []
  #parked: Map<number, Pending> | undefined
  readonly #limits: Pick<SessionLimits, 'heldRequests'>
  readonly #bodies: UnfinishedBodies
  readonly #onBroken: () => void
  readonly #onExpired: () => void

  constructor(
    limits: Pick<SessionLimits, 'heldRequests'>,
    bodies: UnfinishedBodies,
    onBroken: () => void,
    onExpired: () => void,
  ) {
    this.#limits = limits
    this.#bodies = bodies
    this.#onBroken = onBroken
    this.#onExpired = onExpired
  }

  get oldestLive(): Pending | undefined {
    return this.held.find(({ peer }) => !peer.gone)
  }

  get hasLive(): boolean {
    return this.#parked !== undefined || this.oldestLive !== undefined
  }

  get oldestParked(): Pending | undefined {
    return this.#parked?.values().next().value
  }

  get lowestParked(): number | undefined {
    return this.#parked && Math.min(...this.#parked.keys())
  }

  get nextExpiry(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { expires } of this.held) next = Math.min(next, expires)
    if (this.#parked !== undefined) for (const { expires } of this.#parked.values()) next = Math.min(next, expires)
    return next
  }

  parked(rid: number): Pending | undefined {
    return this.#parked?.get(rid)
  }

  /** In the order of the rids, in which clients read the replies. A request can be late after the death of a process. */
  hold(pending: Pending): void {
    let at = this.held.length
    while (at > 0 && this.held[at - 1]!.rid > pending.rid) at -= 1
    this.held.splice(at, 0, pending)
    this.#entered(pending, this.#onBroken)
  }

  /** The time stays: if something cuts requests, the client gets a reply before it has repeated one too often. */
  renew(pending: Pending, peer: Peer): Peer {
    const older = pending.peer
    this.#removed(pending)
    pending.peer = peer
    pending.repeats += 1
    this.#entered(pending, this.#onBroken)
    return older
  }

  take(pending = this.held[0]!): Pending {
    if (pending === this.held[0]) this.held.shift()
    else this.held.splice(this.held.indexOf(pending), 1)
    this.#removed(pending)
    return pending
  }

  /** Returns false if there is no room for the text, or all texts together would have more than `most` characters. */
  park(pending: Pending, text: string, most: number): boolean {
    let length = text.length
    for (const { rid, parked } of this.#parked?.values() ?? []) if (rid !== pending.rid) length += parked!.text.length
    const room = this.#bodies.ofMessage(pending.peer.address)
    // A character above U+00FF doubles the memory of the whole text.
    if (length > most || !room.resize(2 * text.length + parkedBytesWithoutText)) return false
    this.unpark(pending.rid)
    pending.parked = { text, room }
    this.#parked ??= new Map()
    this.#parked.set(pending.rid, pending)
    this.#entered(pending, () => {
      this.unpark(pending.rid)
      this.#onBroken()
    })
    return true
  }

  unpark(rid: number): Pending | undefined {
    const parked = this.#parked?.get(rid)
    if (parked === undefined) return undefined
    this.#removed(parked)
    this.#parked!.delete(rid)
    if (this.#parked!.size === 0) this.#parked = undefined
    return parked
  }

  /** Only requests that wait for a missing rid expire. `last` is the highest accepted rid. */
  unparkExpired(now: number, last: number): Pending[] {
    if (this.#parked === undefined) return []
    let gap = last + 1
    while (this.#parked.has(gap)) gap += 1
    const expired = [...this.#parked.values()].filter(({ rid, expires }) => rid > gap && expires <= now)
    for (const { rid } of expired) this.unpark(rid)
    return expired
  }

  /** For requests that are not accepted any more: an empty reply would say that their stanzas are sent. */
  answerParked(reply: Reply): void {
    for (const rid of this.#parked?.keys() ?? []) this.unpark(rid)!.peer.answer(reply)
  }

  answerAll(reply: Reply): void {
    const all = [...this.held.splice(0), ...(this.#parked?.values() ?? [])]
    this.#parked = undefined
    for (const pending of all) this.#removed(pending)
    for (const { peer } of all) peer.answer(reply)
  }

  #entered(pending: Pending, whenGone: () => void): void {
    const { peer } = pending
    peer.whenGone = whenGone
    if (peer.cameFromPeer === true)
      peer.whenHurried = () => {
        pending.expires = Number.NEGATIVE_INFINITY
        this.#onExpired()
      }
    this.#limits.heldRequests += 1
  }

  #removed({ peer, parked }: Pending): void {
    peer.whenGone = undefined
    if (peer.cameFromPeer === true) peer.whenHurried = undefined
    parked?.room.resize(0)
    this.#limits.heldRequests -= 1
  }
}
