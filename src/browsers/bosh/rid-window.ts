import type { Pending } from './open-requests.js'

export interface StoredReply extends Pick<Pending, 'rid' | 'key' | 'digest' | 'repeats'> {
  readonly text: string
  readonly stanzas: number
  /** True if it has stanzas, and is not known to have left for the client. */
  mayBeLost: boolean
}

/** `handed-out`: the page knows its first rid. `resumed`: so does an earlier page, whose rids are lower. */
export type Beginning = 'created' | 'handed-out' | 'resumed'

type WindowRecord = Omit<RidWindow['record'], 'before'> & { readonly before?: number }

/** Limit for clients with acknowledgements, because a client can agree to `ack` and then send none. */
const mostReplies = 10
const mostCharacters = 2 * 1024 * 1024
const replyBytesWithoutText = 512
/** A page cannot have sent more requests since the record of its session was stored. */
const mostUnrecorded = 200
/** Since a request that comes so late, the page cannot have sent more requests. */
const mostOvertaking = 10

/** XEP-0124 §9, §14.2, §14.3. */
export class RidWindow {
  /** All requests up to this rid have arrived. */
  last: number
  readonly hasAcks: boolean
  readonly #size: number
  /** If true, a request with the last rid is accepted, because half of all libraries attach with this rid. */
  #isAttachable: boolean
  #fence: number
  #before: number
  readonly #replies: StoredReply[] = []
  #characters = 0
  /** The highest rid whose reply has certainly arrived, as `isPoll` of a later request showed. */
  #polled = 0
  /** True after the death of a process, until the page's first request: it may be ahead of the record. */
  isBehind = false
  /** The last rid that the process that died has accepted, as far as is known. */
  #recorded = 0
  /** Between these rids, requests were accepted by no process, as far as is known. */
  #beforeGap = 0
  #afterGap = 0
  /** Requests of the gap that have come. */
  readonly #late = new Set<number>()

  /** `before`: the last rid that came from earlier pages. */
  constructor(last: number, size: number, by: Beginning = 'created', hasAcks = false, before = last) {
    this.last = last
    this.#before = before
    this.hasAcks = hasAcks
    this.#size = size
    this.#isAttachable = by !== 'created'
    this.#fence = by === 'resumed' ? last : 0
  }

  get record() {
    return {
      last: this.last,
      isAttachable: this.#isAttachable,
      fence: this.#fence,
      before: this.#before,
      polled: this.#polled,
      replies: this.#replies,
      ...(this.#recorded > 0 && { isBehind: this.isBehind, recorded: this.#recorded }),
      ...(this.#afterGap > 0 && { beforeGap: this.#beforeGap, afterGap: this.#afterGap, late: [...this.#late] }),
    }
  }

  /** `isKept`: the process of the record has died. */
  takeUp(record: WindowRecord, isKept = false): void {
    const { last, isAttachable, fence, polled, isBehind = false, recorded = 0, replies } = record
    this.last = last
    this.isBehind = isKept || isBehind
    this.#recorded = isKept ? last : recorded
    this.#beforeGap = record.beforeGap ?? recorded
    this.#afterGap = record.afterGap ?? 0
    for (const rid of record.late ?? []) this.#late.add(rid)
    this.#isAttachable = isAttachable
    this.#fence = fence
    this.#before = record.before ?? last
    this.#polled = polled
    for (const reply of replies) this.store(reply)
  }

  /** The last rid that came. The page may have sent nothing yet, and then it is one of an earlier page. */
  get received(): number {
    return this.#isAttachable ? this.#before : this.last
  }

  get lastAnswered(): number {
    return this.#replies.at(-1)?.rid ?? 0
  }

  /** `early`: earlier requests are missing. `extra`: one more request is allowed (XEP-0124 §11). */
  place(rid: number, extra: 0 | 1 = 0) {
    if (rid === this.last + 1 || (this.#isAttachable && rid === this.last)) return 'next'
    if (rid <= this.last) return 'repeated'
    return rid <= this.last + (this.isBehind ? mostUnrecorded : this.#size + extra) ? 'early' : 'outside'
  }

  /** The process that died has accepted the request, and its reply was perhaps lost with it. */
  isUnrecorded(rid: number): boolean {
    return this.isInGap(rid) || (rid <= this.#recorded && rid > this.#recorded - this.#mostUncertain)
  }

  /** The process that died has perhaps not accepted the request, which comes late. */
  isInGap(rid: number): boolean {
    const isBetween = rid > this.#beforeGap && rid < this.#afterGap
    return isBetween && rid >= this.last - Math.max(mostOvertaking, this.#size) && !this.#late.has(rid)
  }

  /** A request of the gap has come. */
  late(rid: number): void {
    this.#late.add(rid)
  }

  /** The process that died has accepted all requests before this one. */
  skipTo(rid: number): void {
    this.#beforeGap = this.last
    this.last = rid - 1
    this.#afterGap = rid
  }

  /** True if the rid is lower than all rids of the page that resumed last. */
  isFenced(rid: number): boolean {
    return rid < this.#fence
  }

  /** `isPoll`: the request is empty and no other request is held, so the client has all replies. */
  accept(rid: number, isPoll = false): void {
    // The request with `last` may follow.
    if (this.#isAttachable && rid === this.last + 1 && this.#afterGap === 0) {
      this.#beforeGap = this.last - 1
      this.#afterGap = rid
    }
    this.last = rid
    this.#isAttachable = false
    this.isBehind = false
    if (isPoll && !this.hasAcks) this.#polled = this.lastAnswered
  }

  get bytes(): number {
    return 2 * this.#characters + replyBytesWithoutText * this.#replies.length
  }

  store(reply: StoredReply, mostBytes = Number.POSITIVE_INFINITY): void {
    this.#replies.push(reply)
    this.#characters += reply.text.length
    const most = this.hasAcks ? mostReplies : this.#size + 1
    while (this.#replies.length > most || (this.#isFull(mostBytes) && this.#mayForgetOldest)) this.#forgetOldest()
  }

  #isFull(mostBytes: number): boolean {
    return this.#characters > mostCharacters || this.bytes > mostBytes
  }

  /** The last reply stays, and what a client without acknowledgements may lack. */
  get #mayForgetOldest(): boolean {
    const { rid, stanzas } = this.#replies[0]!
    return this.#replies.length > 1 && (this.hasAcks || stanzas === 0 || rid <= this.#polled)
  }

  /** XEP-0124 §9.1. */
  acknowledge(rid: number): void {
    if (rid > this.lastAnswered) return
    while (this.#replies[0] !== undefined && this.#replies[0].rid <= rid) this.#forgetOldest()
  }

  replyTo(rid: number): StoredReply | undefined {
    return this.#replies.find(reply => reply.rid === rid)
  }

  /** For the next page. Without acks, a page can have lost as many replies as requests, and in a pause one more. */
  unacknowledged(isPaused: boolean): readonly StoredReply[] {
    const received = this.hasAcks ? 0 : this.last - this.#mostUncertain + (isPaused ? 0 : 1)
    return this.#replies.filter(({ rid }) => rid > received)
  }

  /** The server must keep their stanzas: no `<a/>` counts these, and they return if the session ends. */
  get uncertain(): readonly StoredReply[] {
    return this.unacknowledged(true).filter(({ rid }) => rid > this.#polled)
  }

  /** True if a reply with stanzas may be lost, and no poll has shown that it has arrived. */
  get mayLackReply(): boolean {
    return this.#replies.some(({ rid, mayBeLost }) => mayBeLost && rid > this.#polled)
  }

  get uncertainStanzas(): number {
    return this.uncertain.reduce((sum, { stanzas }) => sum + stanzas, 0)
  }

  /** Many clients send two requests where one is allowed, and one more for a pause or an end (XEP-0124 §11). */
  get #mostUncertain(): number {
    return Math.max(2, this.#size) + 1
  }

  #forgetOldest(): void {
    this.#characters -= this.#replies.shift()!.text.length
  }
}
