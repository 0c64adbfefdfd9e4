import { problems, type Step } from '../../lib/errors.js'
import type { Link, LinkEnd, LinkEvents, LinkFacts, LinkStep, Resumption } from '../../xmpp/link.js'
import { isConnectionLost } from '../../xmpp/link.js'
import { smNamespace, streamsNamespace } from '../../xmpp/namespaces.js'
import { readStreamId, writeCount, writeCounting } from '../../xmpp/stanza-counts.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import { type Element, isStanza } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { Root } from '../../xmpp/xml/root.js'
import type { Session } from '../session.js'
import { asElement, LinkCounts } from './link-counts.js'
import { loseUnlessTaken, type Management, type Mending, Repair } from './mending.js'
import { OwnReplies } from './own-replies.js'
import { confirmResumed, Unrecorded } from './unrecorded.js'

export type LinkRecord = ReturnType<ManagedLink['setDown']> & { readonly isKept?: boolean | undefined }

type Phase = 'enabling' | 'on' | 'off' | 'mending' | 'over'

/** XEP-0198. */
export class ManagedLink implements Link, LinkEvents {
  readonly allowsManagement = false
  events: LinkEvents
  #link: Link
  readonly #session: Session
  readonly #mending: Mending | undefined
  #phase: Phase = 'enabling'
  readonly counts: LinkCounts
  /** Undefined if the stream cannot be resumed. */
  #previd: string | undefined
  #repair: Repair | undefined
  #wasSetDown = false
  /** Only after the death of a process. */
  unrecorded: Unrecorded | undefined
  #enabled: Management['enabled']
  replies: OwnReplies

  constructor(link: Link, session: Session, { mending, enabled }: Management) {
    this.#link = link
    this.#session = session
    this.#mending = mending
    this.counts = new LinkCounts(session)
    this.replies = new OwnReplies(session)
    this.events = link.events
    link.events = this
    this.#enabled = enabled
  }

  /** Call this when the session has the link. `before`: the record of another process. */
  start(before: LinkRecord | undefined): void {
    if (before !== undefined) this.#takeUp(before)
    else if (this.#enabled === undefined) this.#enable()
    else if (this.#enabled !== 'requested') this.#begin(startTagOf(this.#enabled.text))
  }

  #enable(): void {
    const mending = this.#mending
    const resume = mending === undefined ? '' : ` resume='true' max='${Math.ceil(mending.longest / 1000)}'`
    this.#link.send([asElement('enable', writeCounting('enable', resume))])
  }

  get facts(): LinkFacts {
    return this.#link.facts
  }

  get step(): LinkStep | undefined {
    return this.#repair === undefined ? this.events.step : 'stream'
  }

  get backlog(): number {
    return this.#phase === 'mending' ? this.counts.unconfirmed.size : this.#link.backlog
  }

  get unfinishedBytes(): number {
    return this.#link.unfinishedBytes
  }

  get isBetweenElements(): boolean {
    return this.#link.isBetweenElements
  }

  get isEnabling(): boolean {
    return this.#phase === 'enabling'
  }

  get isOn(): boolean {
    return this.#phase === 'on' || this.#phase === 'mending'
  }

  get isMending(): boolean {
    return this.#phase === 'mending'
  }

  /** What the page sends now could be lost: another process may have the session. */
  get isDoubted(): boolean {
    return this.#repair?.isDoubted === true || this.#session.keeper.kept?.mayBeTaken(this.#session) === true
  }

  get isBroken(): boolean {
    return this.#phase === 'mending' || this.#phase === 'over'
  }

  get unconfirmed(): readonly Element[] {
    return this.counts.unconfirmed.stanzas
  }

  get deadline(): number {
    const repair = this.#repair
    return repair === undefined ? Math.min(this.counts.askAt, this.counts.answerAt) : repair.deadline
  }

  tick(now: number): void {
    this.#repair?.tick(now)
    if (now >= this.counts.askAt) this.ask()
    if (now >= this.counts.answerAt) this.#link.send([this.counts.answer()])
  }

  send(given: readonly Element[], soon?: boolean): void {
    if (this.#phase === 'over') return
    const elements = this.unrecorded?.without(given) ?? given
    if (this.#phase !== 'off') this.counts.remember(elements, this.#phase !== 'mending')
    if (this.#phase === 'mending') return
    const isDue = this.counts.isAnswerDue()
    const isToAsk = this.#phase === 'on' && this.counts.isAskDue
    if (!isDue && !isToAsk) this.#link.send(elements, soon)
    else {
      const all = [...elements]
      if (isDue) all.push(this.counts.answer())
      if (isToAsk) all.push(this.counts.question())
      this.#link.send(all, soon)
    }
  }

  ask(): void {
    if (this.#phase === 'on' && !this.counts.isAsked) this.#link.send([this.counts.question()])
  }

  restart(): void {
    throw new Error('a managed stream is not restarted')
  }

  pause(): void {
    // During mending, the link must read the answer to `<resume/>`.
    if (this.#phase !== 'mending') this.#link.pause()
  }

  resume(): void {
    this.#link.resume()
  }

  keepAtServer(undelivered: number): number {
    return this.counts.keepAtServer(undelivered, this.#phase === 'on')
  }

  get mayResume(): boolean {
    return this.#canMend || this.#phase === 'mending'
  }

  /** Call this only if `mayResume`. The stream stays open. */
  setDown() {
    const now = this.#session.now
    const record = this.#record(this.counts.received, (this.#repair?.since ?? now) - now, this.counts.acknowledged)
    this.cut()
    return record
  }

  keep(now: number) {
    return this.#record(this.counts.settled, this.#repair === undefined ? 0 : this.#repair.since - now)
  }

  #record(received: number, since: number, acknowledged?: number) {
    return {
      previd: this.#previd!,
      received,
      acknowledged,
      droppedBehind: acknowledged === undefined ? undefined : this.counts.droppedBehind,
      confirmed: this.counts.confirmed,
      unconfirmed: [...this.unconfirmed],
      since,
      ...(this.#repair !== undefined && !this.#wasSetDown && { wasBroken: true }),
      again: this.#mending!.record(),
      early: [...this.counts.early],
      replies: this.replies.record,
      unrecorded: this.unrecorded?.record,
    }
  }

  #takeUp(record: LinkRecord): void {
    const { previd, since, wasBroken, isKept, unrecorded, replies } = record
    this.#previd = previd
    this.counts.takeUp(record)
    this.replies = new OwnReplies(this.#session, replies)
    this.unrecorded = Unrecorded.after(isKept === true, this, unrecorded)
    this.#wasSetDown = wasBroken !== true
    this.#mend(lostEnd, this.#session.now + since)
  }

  breakOff(end = lostEnd): boolean {
    if (!this.#canMend) return false
    this.#link.cut()
    this.#mend(end)
    return true
  }

  close(): void {
    this.#detach('ended').close()
  }

  abandon(): void {
    this.#detach('ended').abandon()
  }

  /** As `cut`, but tells the server nothing: another process has the stream. */
  cede(): void {
    this.#stop('cut')
    this.counts.forget()
    this.#link.cut()
  }

  cut(): void {
    this.counts.keptAtServer = this.counts.unacknowledged
    this.#detach('cut').cut()
  }

  #detach(reason: 'ended' | 'cut'): Link {
    if (this.#phase === 'on') {
      const last = reason === 'ended' ? this.replies.take() : []
      this.#link.send([...last, this.counts.acknowledge(this.counts.received - this.counts.keptAtServer)])
    }
    this.#stop(reason)
    this.counts.forget()
    return this.#link
  }

  unanswered(): void {
    this.#link.unanswered?.()
  }

  timeOut(step: Step, isStreamOver?: boolean): void {
    this.#link.timeOut(step, isStreamOver)
  }

  onElement(element: Element): void {
    if (isStanza(element)) {
      if (this.counts.receive()) this.events.onElement(element)
    } else if (element.namespace === smNamespace) this.#take(element)
    else if (this.#repair === undefined) this.events.onElement(element)
    else if (element.namespace === streamsNamespace && element.name === 'features') this.#resumeStream(this.#repair)
  }

  onDropped(dropped?: Element, isStanza = true): void {
    if (!isStanza || this.counts.receiveDropped()) this.events.onDropped?.(dropped, isStanza)
  }

  onFlush(): void {
    if (this.#phase === 'on' && this.counts.isAnswerDue()) this.#link.send([this.counts.answer()])
    this.events.onFlush?.()
  }

  onDrain(): void {
    if (this.#phase !== 'mending') this.events.onDrain?.()
  }

  onEnd(end: LinkEnd): void {
    this.#session.run(() => this.#ended(end))
  }

  #ended(end: LinkEnd): void {
    const isBroken = end.streamError === undefined && isConnectionLost(end.failure)
    if (isBroken && this.#canMend) this.#mend(end)
    else if (this.#repair !== undefined && problems[end.failure.code].retryRelogin) this.#repair.tryLater()
    else {
      const mend = () => this.breakOff(end)
      loseUnlessTaken(this.#session, end, () => this.#lose(end), mend)
    }
  }

  get #canMend(): boolean {
    return this.#phase === 'on' && this.#previd !== undefined && this.#mending !== undefined
  }

  #take(element: Element): void {
    const { name, text } = element
    if (name === 'r') {
      this.counts.asked()
      return
    }
    const tag = startTagOf(text)
    if (name === 'a') {
      const isNews = this.counts.answered(tag.attribute('h'))
      if (isNews === undefined) this.#lose(wrongCount)
      else if (isNews) {
        if (this.counts.isAskDue) this.ask()
        this.events.onDrain?.()
      }
    } else if (name === 'enabled' && this.#phase === 'enabling') this.#begin(tag)
    else if (name === 'resumed' && this.#repair !== undefined) this.#resumed(tag)
    else if (name === 'failed') this.#refused(element, tag.attribute('h'))
  }

  #begin(enabled: Root): void {
    this.#phase = 'on'
    this.#enabled = undefined
    this.counts.begin()
    const mayResume = enabled.attribute('resume')
    if (mayResume === 'true' || mayResume === '1') this.#previd = readStreamId(enabled.attribute('id'))
    if (this.#previd === undefined) this.#mending?.wipe()
  }

  #refused({ text }: Element, count: string | undefined): void {
    if (this.#repair !== undefined) {
      confirmResumed(this.counts, count, this.unrecorded)
      this.#repair.giveUp('refused')
    } else if (this.#enabled === 'requested' && this.#phase === 'enabling' && text.includes('unexpected-request')) {
      // This server handles `<enable/>`, sent with the last request of the login, before that request.
      this.#enabled = undefined
      this.counts.forget()
      this.#enable()
    } else if (this.#phase === 'enabling') {
      this.#phase = 'off'
      this.#mending?.wipe()
      this.counts.neverBegins()
    }
  }

  #mend(end: LinkEnd, since = this.#session.now): void {
    const session = this.#session
    this.#phase = 'mending'
    this.counts.stopTimers()
    this.#repair = new Repair({
      session,
      mending: this.#mending!,
      since,
      resumption: () => this.#resumption,
      onLink: ({ link, answer, missed = [] }) => {
        this.#link = link
        link.events = this
        if (answer === undefined) return link.restart()
        for (const element of [answer, ...missed])
          if (element.isDropped === true) this.onDropped(element)
          else this.onElement(element)
        this.onFlush()
      },
      onGivenUp: why => {
        if (end.streamError === undefined) session.keeper.common.unmended(session.domain, why)
        this.#lose(end)
      },
    })
    session.mending()
  }

  #resumeStream(repair: Repair): void {
    if (!repair.isResuming) return
    const { previd, h } = this.#resumption
    this.#link.send([asElement('resume', writeCounting('resume', attribute('previd', previd) + attribute('h', h)))])
  }

  get #resumption(): Resumption {
    return { previd: this.#previd!, h: writeCount(this.counts.resumption()) }
  }

  #resumed(tag: Root): void {
    // At each resumption, ejabberd gives the stream a new id.
    this.#previd = readStreamId(tag.attribute('previd')) ?? this.#previd
    if (!confirmResumed(this.counts, tag.attribute('h'), this.unrecorded)) return void this.#lose(wrongCount)
    this.#repair = undefined
    this.#phase = 'on'
    this.counts.resumed()
    if (this.#session.uplink.isPaused) this.#link.pause()
    if (this.unconfirmed.length > 0) this.#link.send([...this.unconfirmed, this.counts.question()])
    this.#session.mended(this.#wasSetDown)
    if (!this.#session.keeper.keeps(this.#session)) this.replies.kept()
    this.#wasSetDown = false
    this.events.onDrain?.()
  }

  #lose(end: LinkEnd): void {
    if (this.#phase === 'over') return
    this.#link.close()
    this.#stop('ended')
    this.events.onEnd(end)
  }

  #stop(reason: 'ended' | 'cut'): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.counts.stopTimers()
    this.#repair?.stop(reason)
    this.#repair = undefined
    this.#mending?.wipe()
  }
}

const lostEnd: LinkEnd = { failure: { step: 'stream', code: 'remote-connection-failed' } }
const wrongCount: LinkEnd = { failure: { step: 'stream', code: 'remote-protocol-error' } }
