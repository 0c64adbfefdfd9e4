import { smNamespace } from '../../xmpp/namespaces.js'
import { countAnswer, countRequest, readCount, stanzasUpTo } from '../../xmpp/stanza-counts.js'
import { type Element, isStanza } from '../../xmpp/xml/element.js'
import type { Session } from '../session.js'
import type { LinkRecord } from './managed-link.js'
import { Unconfirmed } from './unconfirmed.js'

/** Delay of `<a/>`, because Prosody sends `<r/>` with the first stanza after each `<a/>`. */
const answerMilliseconds = 2_000
/** `<a/>` is sent at once after this number of stanzas. */
const mostUnanswered = 100
/**
 * Stanzas for an absent page that the server keeps. Prosody keeps 500 unacknowledged stanzas, then forgets the oldest and
 * cannot resume the stream (`smacks_max_queue_size`).
 */
const mostAtServer = 300
/** `<r/>` is sent at once after this number of stanzas. */
const mostUnasked = 100
/** Above this number of unconfirmed characters, `<r/>` is sent at once. */
const largestUnasked = 64 * 1024
const askMilliseconds = 1_000

const never = Number.POSITIVE_INFINITY

export function asElement(name: string, text: string): Element {
  return { name, namespace: smNamespace, text }
}

const request = asElement('r', countRequest)

/** XEP-0198 §4. */
export class LinkCounts {
  received = 0
  confirmed = 0
  readonly unconfirmed = new Unconfirmed()
  acknowledged = 0
  /** Since `<enabled/>`. */
  #hasBegun = false
  /** Stanzas that a stored record counts. The server must keep all later ones for the process that reads it. */
  #kept = Number.POSITIVE_INFINITY
  #wasAnswerPartial = false
  /** Dropped stanzas behind stanzas that wait for the page: to confirm them would confirm those that wait. */
  droppedBehind = 0
  keptAtServer = 0
  #unasked = 0
  /** Stanzas for the page from before `<enabled/>`, which the server does not repeat. The last ones are undelivered. */
  #early: Element[] = []
  /** What the last `<resume/>` counted. */
  #resumedAt = 0
  /** Stanzas that the server repeats although they are here. */
  #repeats = 0
  /** True while the server owes an answer to `<r/>`. */
  isAsked = false
  askAt = never
  answerAt = never
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  get unacknowledged(): number {
    return this.received - this.acknowledged
  }

  get isAskDue(): boolean {
    return !this.isAsked && (this.#unasked >= mostUnasked || this.unconfirmed.size > largestUnasked)
  }

  /** Returns true if the server needs `<a/>` before `answerAt`. */
  isAnswerDue(): boolean {
    if (this.answerAt === never) {
      if (this.#wasAnswerPartial && this.#answerable > this.acknowledged) this.asked()
      return false
    }
    return this.unacknowledged >= mostUnanswered && this.#answerable - this.acknowledged >= mostUnanswered
  }

  /** Returns false if the stanza is here already. */
  receive(): boolean {
    if (!this.#hasBegun) return true
    if (this.#repeats > 0) {
      this.#repeats -= 1
      return false
    }
    if (this.droppedBehind > 0 && this.#session.undelivered === 0) this.droppedBehind = 0
    this.received += 1
    return true
  }

  /** As `receive`, for a stanza that the page will not get. */
  receiveDropped(): boolean {
    if (!this.receive()) return false
    this.notForPage()
    return true
  }

  /** The page will not get the stanza that was received last. */
  notForPage(): void {
    if (this.#session.undelivered > 0) this.droppedBehind += 1
  }

  /** Returns how many of the undelivered stanzas stay unacknowledged, so that the server keeps these. */
  keepAtServer(undelivered: number, isOn: boolean): number {
    const kept = undelivered === 0 ? 0 : undelivered + this.droppedBehind
    if (isOn) this.keptAtServer = Math.min(kept, this.unacknowledged)
    return Math.max(0, this.keptAtServer - this.droppedBehind)
  }

  /** Before `<enabled/>`, call this for each stanza that the page will get. */
  receivedEarly(element: Element): void {
    if (!isStanza(element)) return
    this.#early.push(element)
    this.#early.splice(0, this.#early.length - this.#session.undelivered)
  }

  begin(): void {
    this.#hasBegun = true
    this.droppedBehind = 0
  }

  /** The server refuses stream management. */
  neverBegins(): void {
    this.stopTimers()
    this.forget()
    this.#early = []
  }

  /** Stanzas from before `<enabled/>` that the page may not have. */
  get early(): readonly Element[] {
    if (this.#early.length === 0) return this.#early
    const missing = this.#session.undelivered + this.droppedBehind - this.received
    this.#early.splice(0, this.#early.length - Math.max(0, missing))
    return this.#early
  }

  /** Characters of the stanzas in a record. */
  get recordSize(): number {
    return this.early.reduce((size, { text }) => size + text.length, this.unconfirmed.size)
  }

  takeUp({ received, confirmed, unconfirmed, acknowledged = 0, droppedBehind = 0, early = [] }: LinkRecord): void {
    this.#hasBegun = true
    this.droppedBehind = droppedBehind
    this.#early = [...early]
    this.received = received
    this.acknowledged = acknowledged
    this.confirmed = confirmed
    this.remember(unconfirmed)
  }

  remember(elements: readonly Element[], isToAsk = false): void {
    const { bytes } = this.unconfirmed
    const count = this.unconfirmed.sent(elements)
    if (count === 0) return
    this.#unasked += count
    this.#session.keeper.common.waiting.change(this.unconfirmed.bytes - bytes)
    if (isToAsk && this.askAt === never && !this.isAsked) this.askAt = this.#session.now + askMilliseconds
  }

  forget(count = this.unconfirmed.stanzas.length): void {
    const { bytes } = this.unconfirmed
    this.unconfirmed.arrived(count)
    this.#session.keeper.common.waiting.change(this.unconfirmed.bytes - bytes)
  }

  takeUnconfirmed(): readonly Element[] {
    const unconfirmed = [...this.unconfirmed.stanzas]
    this.forget()
    return unconfirmed
  }

  question(): Element {
    this.isAsked = true
    this.#unasked = 0
    this.askAt = never
    return request
  }

  /** Call this for the server's `<r/>`. */
  asked(): void {
    if (this.answerAt === never) this.answerAt = this.#session.now + answerMilliseconds
  }

  answer(): Element {
    const answer = this.acknowledge(this.#answerable)
    this.#wasAnswerPartial = this.acknowledged < this.received
    return answer
  }

  acknowledge(count: number): Element {
    this.answerAt = never
    this.acknowledged = Math.max(this.acknowledged, count)
    return asElement('a', countAnswer(this.acknowledged))
  }

  /** Returns whether it confirms anything: if not, the next question waits. Undefined if the count is impossible. */
  answered(text: string | undefined): boolean | undefined {
    const { confirmed } = this
    this.isAsked = false
    if (this.confirm(text) === undefined) return undefined
    this.#unasked = this.unconfirmed.stanzas.length
    const isNews = this.confirmed !== confirmed
    const later = this.#unasked === 0 ? never : this.#session.now + askMilliseconds
    if (!isNews) this.askAt = Math.min(this.askAt, later)
    else this.askAt = this.isAskDue ? never : later
    return isNews
  }

  /**
   * A record may lack stanzas at its end, `mostUnrecorded` at most. `recorded`: its unconfirmed stanzas. Returns how many
   * later ones the server has, or undefined if the count is impossible.
   */
  confirm(text?: string, recorded = this.unconfirmed.stanzas.length, mostUnrecorded = 0): number | undefined {
    const count = readCount(text)
    const arrived = count === undefined ? undefined : stanzasUpTo(count, this.confirmed, recorded + mostUnrecorded)
    if (count === undefined || arrived === undefined || arrived < 0) return undefined
    this.confirmed = count
    this.forget(Math.min(arrived, recorded))
    return Math.max(0, arrived - recorded)
  }

  stopTimers(): void {
    this.isAsked = false
    this.askAt = never
    this.answerAt = never
  }

  /** The count for `<resume/>`. The server must keep what the page does not have: the session may end before it does. */
  resumption(): number {
    this.#resumedAt = Math.max(this.acknowledged, this.#answerable)
    return this.#resumedAt
  }

  resumed(): void {
    this.acknowledged = this.#resumedAt
    this.#repeats = this.received - this.#resumedAt
    this.#wasAnswerPartial = this.#repeats > 0
    this.#unasked = 0
  }

  /** What a record counts as received: the server repeats all later stanzas. */
  get settled(): number {
    return Math.max(this.acknowledged, this.#unneeded)
  }

  /** `count`: `settled` of a stored record. Infinity: no record is waited for. */
  keptUpTo(count: number): void {
    this.#kept = count
  }

  get #answerable(): number {
    return Math.min(this.#unneeded, this.#kept, this.received - this.keptAtServer)
  }

  /** What the server need not keep. */
  get #unneeded(): number {
    return Math.max(this.#delivered, this.received - mostAtServer)
  }

  get #delivered(): number {
    const { undelivered } = this.#session
    if (undelivered === 0) this.droppedBehind = 0
    return this.received - undelivered - this.droppedBehind
  }
}
