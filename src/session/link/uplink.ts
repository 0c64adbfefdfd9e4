import { fullBacklog, type Link, type LinkEvents, type StreamOptions } from '../../xmpp/link.js'
import { type Element, isStanza } from '../../xmpp/xml/element.js'
import { memoryOf } from '../outbox.js'
import type { Payload } from '../payload.js'
import type { Session } from '../session.js'
import type { CommonParts } from '../session-keeper.js'
import { errorToSender } from './error-replies.js'
import { type LinkRecord, ManagedLink } from './managed-link.js'
import type { Management } from './mending.js'
import { ServerWatch } from './server-watch.js'

/** A polling client does not wait, so above this backlog its session ends. */
const mostKept = 8 * 1024 * 1024
const mostKeptBytes = memoryOf(mostKept, 0)
const mostBeforeLogin = 256 * 1024
/** Longest delay in milliseconds. Data that would cause a longer delay is not charged. */
const longestWait = 25_000

type UplinkParts = Pick<CommonParts, 'byteRate' | 'waiting' | 'serverMilliseconds'>

/** Holds stanzas back until the stream features arrive, and while a login is delayed. */
export class Uplink {
  #isOpening = true
  #isHeld = false
  #isPaused = false
  #unsent: Element[] | undefined = []
  #unsentSize = 0
  link: Link
  managed: ManagedLink | undefined
  readonly watch: ServerWatch
  readonly #parts: UplinkParts
  /** The time up to which data is paid for: the whole state of a token bucket. */
  #paidAt = 0

  constructor(link: Link, parts: UplinkParts) {
    this.link = link
    this.watch = new ServerWatch(parts.serverMilliseconds)
    this.#parts = parts
  }

  manage(session: Session, management: Management, before?: LinkRecord): void {
    this.managed = new ManagedLink(this.link, session, management)
    this.managed.start(before)
    this.link = this.managed
  }

  get freeAt(): number {
    const { sessionBytes, sessionBurst } = this.#parts.byteRate
    return sessionBytes === 0 ? this.#paidAt : this.#paidAt - (sessionBurst * 1000) / sessionBytes
  }

  /** Returns true if the page must now wait, but not before. */
  charge(bytes: number, now: number): boolean {
    const { sessionBytes, sessionBurst } = this.#parts.byteRate
    if (sessionBytes === 0) return false
    const wasFree = this.freeAt <= now
    const longest = (sessionBurst * 1000) / sessionBytes + longestWait
    this.#paidAt = Math.min(Math.max(this.#paidAt, now) + (bytes * 1000) / sessionBytes, now + longest)
    return wasFree && this.freeAt > now
  }

  forgive(): void {
    this.#paidAt = 0
  }

  get isBehind(): boolean {
    if (this.#unsent !== undefined || this.link.backlog > fullBacklog) return true
    // While `#isPaused`, confirmations are not read, so a wait for them would never end.
    return this.managed !== undefined && !this.#isPaused && this.managed.counts.unconfirmed.size > fullBacklog
  }

  isOverfull(isStranger = false): boolean {
    if (isStranger) return this.unsentBytes > mostBeforeLogin || this.link.backlog > mostBeforeLogin
    return this.link.backlog > mostKept || this.unsentBytes > mostKeptBytes
  }

  get unsentBytes(): number {
    const kept = this.managed?.counts.unconfirmed.bytes ?? 0
    return this.#unsent === undefined ? kept : kept + memoryOf(this.#unsentSize, this.#unsent.length)
  }

  /** Without `now`, the server's silence is not watched. */
  send(payload: Payload, now?: number): void {
    const { elements } = payload
    if (elements.length === 0) return
    this.watch.sent(payload, now)
    if (this.#unsent === undefined) this.link.send(elements)
    else {
      for (const element of elements) {
        const size = element.text.length
        this.#unsent.push(element)
        this.#unsentSize += size
        this.#parts.waiting.change(memoryOf(size, 1))
      }
    }
  }

  opened(): void {
    this.#isOpening = false
    this.#sendUnsent()
  }

  hold(): void {
    this.#isHeld = true
    this.#unsent ??= []
  }

  release(): void {
    this.#isHeld = false
    this.#sendUnsent()
  }

  restart(options: StreamOptions): void {
    this.#isOpening = true
    this.#unsent ??= []
    this.link.restart(options)
  }

  readUnless(isFull: boolean): void {
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) this.link.pause()
    else this.link.resume()
  }

  /** Another process may have the session. */
  get isDoubted(): boolean {
    return this.managed?.isDoubted === true
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get deadline(): number {
    const { managed, watch } = this
    return managed === undefined ? watch.deadline : Math.min(watch.deadline, managed.deadline)
  }

  /** Pings the server, or gives it up if it has not answered before. */
  ping(now: number, session: Session): void {
    const { managed, watch } = this
    const counting = managed?.isOn === true ? managed : undefined
    if (managed?.isMending === true) watch.received()
    else if (watch.pingOrGiveUp(now, this.link, !this.#isPaused, session.domain, counting)) {
      this.link.unanswered?.()
      session.keeper.common.log.unanswered(session)
      if (managed?.breakOff() === true) watch.received()
      else session.end('connection-lost', 'reported')
    }
  }

  /** `unconfirmed`: number of stanzas before `undelivered` that the page may not have received. */
  returnToSenders(undelivered: readonly Element[], unconfirmed = 0): void {
    for (const element of this.#notKeptAtServer(undelivered, unconfirmed)) this.#returnToSender(element)
  }

  /** Returns stanzas to their senders only while the backlog is small, because this call must free memory. */
  abandon(undelivered: readonly Element[], unconfirmed: number): void {
    for (const element of this.#notKeptAtServer(undelivered, unconfirmed)) {
      if (this.link.backlog > fullBacklog) break
      if (element.text.length <= fullBacklog) this.#returnToSender(element)
    }
    this.link.abandon()
  }

  #notKeptAtServer(undelivered: readonly Element[], unconfirmed: number): readonly Element[] {
    if (this.managed === undefined) return undelivered
    const stanzas = undelivered.filter(isStanza)
    return stanzas.slice(0, Math.max(0, stanzas.length - this.managed.keepAtServer(stanzas.length + unconfirmed)))
  }

  #returnToSender(element: Element): void {
    const answer = errorToSender(element)
    if (answer !== undefined) this.link.send([answer])
  }

  #sendUnsent(): void {
    if (this.#isOpening || this.#isHeld) return
    const unsent = this.takeUnsent()
    if (unsent.length > 0) this.link.send(unsent)
  }

  takeUnsent(): readonly Element[] {
    const unsent = this.#unsent ?? nothing
    if (unsent.length > 0) this.#parts.waiting.change(-memoryOf(this.#unsentSize, unsent.length))
    this.#unsent = undefined
    this.#unsentSize = 0
    return unsent
  }
}

const nothing: readonly Element[] = []

/** Used before the link is opened, or until this process has resumed the stream of another process. */
export function absentLink(events: LinkEvents): Link {
  const nothing = () => {}
  return {
    facts: { encrypted: false, plainAllowed: false },
    backlog: 0,
    unfinishedBytes: 0,
    allowsManagement: false,
    isBetweenElements: false,
    events,
    send: nothing,
    restart: nothing,
    pause: nothing,
    resume: nothing,
    close: nothing,
    abandon: nothing,
    timeOut: nothing,
    cut: nothing,
  }
}
