import type { Clock } from '../lib/clock.js'
import type { Step } from '../lib/errors.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { Link, LinkEnd, LinkEvents, LinkFacts } from '../xmpp/link.js'
import { smNamespace, streamsNamespace } from '../xmpp/namespaces.js'
import {
  countAnswer,
  countAttribute,
  countRequest,
  readCount,
  stanzasUpTo,
  writeCount,
  writeCounting,
} from '../xmpp/stanza-counts.js'
import { copyOf } from '../xmpp/xml/copy-of.js'
import { startTagOf } from '../xmpp/xml/document.js'
import { type Element, type Fate, isStanza } from '../xmpp/xml/element.js'
import { attribute } from '../xmpp/xml/escape.js'
import type { Root } from '../xmpp/xml/root.js'
import { notConfirmed } from './error-replies.js'
import { type Mending, Repair } from './mending.js'
import type { LinkRecord } from './session-record.js'
import { Unconfirmed } from './unconfirmed.js'

/** Prosody asks after each stanza unless a question is open, so a late answer is cheap. In milliseconds. */
const answerMilliseconds = 2_000
/** The server is asked when so many stanzas, or the oldest for so long, are unconfirmed. */
const mostUnasked = 10
/** In UTF-16 units. A page waits above four times as much. */
const largestUnasked = 64 * 1024
const askMilliseconds = 1_000

export interface ManagedLinkParts {
  readonly clock: Clock
  readonly waiting: WaitingMemory
  /** Undefined: a link that breaks is lost. */
  readonly mending: Mending | undefined
  /** The server's answer to `<enable/>`, and the stanzas that followed. Undefined: it is asked. */
  readonly enabled?: { readonly answer: Element; readonly received: number } | undefined
  readonly undelivered: () => number
  /** Whether a page waits. */
  readonly isUrgent: () => boolean
  readonly run: (work: () => void) => void
  /** `seconds` is the length of the gap. */
  readonly onMended: (seconds: number) => void
}

type Phase = 'enabling' | 'on' | 'off' | 'mending' | 'over'

const never = Number.POSITIVE_INFINITY
const request = asElement('r', countRequest)

/** A link with stream management (XEP-0198). A connection that breaks is replaced, and the stream resumed. */
export class ManagedLink implements Link, LinkEvents {
  events: LinkEvents
  #link: Link
  readonly #parts: ManagedLinkParts
  #phase: Phase = 'enabling'
  #isPaused = false
  readonly #unconfirmed = new Unconfirmed()
  #confirmed = 0
  #received = 0
  #acknowledged = 0
  #isShort = false
  #left = 0
  #unasked = 0
  #isAsked = false
  /** Milliseconds of the clock. */
  #askAt = never
  #answerAt = never
  /** Undefined if the stream cannot be resumed. */
  #previd: string | undefined
  #repair: Repair | undefined

  /** With `before`, it resumes the stream of another process. */
  constructor(link: Link, parts: ManagedLinkParts, before?: LinkRecord) {
    this.#link = link
    this.#parts = parts
    this.events = link.events
    link.events = this
    if (before !== undefined) {
      this.#takeUp(before)
      return
    }
    const { enabled } = parts
    if (enabled !== undefined) {
      this.#begin(startTagOf(enabled.answer.text))
      this.#received = enabled.received
      return
    }
    const resume = parts.mending === undefined ? '' : ` resume='true' max='${Math.ceil(parts.mending.longest / 1000)}'`
    link.send([asElement('enable', writeCounting('enable', resume))])
  }

  get facts(): LinkFacts {
    return this.#link.facts
  }

  get backlog(): number {
    return this.#phase === 'mending' ? this.#unconfirmed.size : this.#link.backlog
  }

  get unfinishedBytes(): number {
    return this.#link.unfinishedBytes
  }

  get allowsManagement(): boolean {
    return false
  }

  get isBetweenElements(): boolean {
    return this.#link.isBetweenElements
  }

  get isOn(): boolean {
    return this.#phase === 'on' || this.#phase === 'mending'
  }

  get isMending(): boolean {
    return this.#phase === 'mending'
  }

  /** Whether nothing reaches the server. */
  get isBroken(): boolean {
    return this.#phase === 'mending' || this.#phase === 'over'
  }

  get isAsked(): boolean {
    return this.#isAsked
  }

  get unconfirmed(): number {
    return this.#unconfirmed.stanzas.length
  }

  /** In UTF-16 units. */
  get unconfirmedSize(): number {
    return this.#unconfirmed.size
  }

  /** In bytes. */
  get keptBytes(): number {
    return this.#unconfirmed.bytes
  }

  /** Milliseconds of the clock. */
  get deadline(): number {
    const repair = this.#repair
    return repair === undefined ? Math.min(this.#askAt, this.#answerAt) : repair.deadline
  }

  tick(now: number): void {
    if (this.#repair !== undefined) this.#repair.tick(now)
    else {
      if (now >= this.#askAt) this.ask()
      if (now >= this.#answerAt) this.#link.send([this.#answer()])
    }
  }

  send(elements: readonly Element[], soon?: boolean): void {
    if (this.#phase === 'over') return
    if (this.#phase !== 'off') this.#keep(elements)
    if (this.#phase === 'mending') return
    const isDue = this.#answerAt !== never || (this.#isShort && this.#certain > this.#acknowledged)
    const isToAsk = this.#phase === 'on' && !this.#isAsked && this.#isMuch
    if (!isDue && !isToAsk) this.#link.send(elements, soon)
    else {
      const all = [...elements]
      if (isDue) all.push(this.#answer())
      if (isToAsk) all.push(this.#question())
      this.#link.send(all, soon)
    }
  }

  ask(): void {
    if (this.#phase === 'on' && !this.#isAsked) this.#link.send([this.#question()])
  }

  restart(): void {
    throw new Error('a managed stream is not restarted')
  }

  pause(): void {
    this.#isPaused = true
    // The answer to `<resume/>` must be read.
    if (this.#phase !== 'mending') this.#link.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#link.resume()
  }

  /** Leaves the newest undelivered stanzas to the server. Returns their number. */
  leave(undelivered: number): number {
    if (this.#phase === 'on') this.#left = Math.min(undelivered, this.#received - this.#acknowledged)
    return this.#left
  }

  /** Errors for the page, in place of unconfirmed stanzas. */
  takeReturned(jid: string): Element[] {
    const answers = this.#unconfirmed.stanzas.flatMap(element => notConfirmed(element, jid) ?? [])
    this.#forget()
    return answers
  }

  get mayResume(): boolean {
    return this.#canMend || this.#phase === 'mending'
  }

  /** Only if it may be resumed. Closes the connection, and leaves the stream to the next process. */
  setDown(): LinkRecord {
    const now = this.#parts.clock.now()
    const record: LinkRecord = {
      previd: this.#previd!,
      received: this.#received,
      confirmed: this.#confirmed,
      unconfirmed: [...this.#unconfirmed.stanzas],
      since: (this.#repair?.since ?? now) - now,
      again: this.#parts.mending!.record(),
    }
    this.cut()
    return record
  }

  #takeUp({ previd, received, confirmed, unconfirmed, since }: LinkRecord): void {
    this.#previd = previd
    this.#received = received
    this.#confirmed = confirmed
    this.#phase = 'mending'
    this.#keep(unconfirmed)
    this.#mend(lostEnd, this.#parts.clock.now() + since)
  }

  /** Returns false if the link cannot be mended. */
  breakOff(): boolean {
    if (!this.#canMend) return false
    this.#link.cut()
    this.#mend(lostEnd)
    return true
  }

  close(): void {
    this.#leave().close()
  }

  abandon(): void {
    this.#leave().abandon()
  }

  cut(): void {
    this.#left = this.#received - this.#acknowledged
    this.#leave().cut()
  }

  #leave(): Link {
    if (this.#phase === 'on') this.#link.send([this.#acknowledge(this.#received - this.#left)])
    this.#stop()
    this.#forget()
    return this.#link
  }

  timeOut(step: Step): void {
    this.#link.timeOut(step)
  }

  onOpen(): void {}

  onElement(element: Element): void {
    if (isStanza(element)) {
      this.#received += 1
      this.events.onElement(element)
    } else if (element.namespace === smNamespace) this.#take(element)
    else if (this.#repair === undefined) this.events.onElement(element)
    else if (element.namespace === streamsNamespace && element.name === 'features') this.#resumeStream(this.#repair)
  }

  onUnfit(fate: Fate, isStanza = true): void {
    if (fate === 'dropped' && isStanza) this.#received += 1
    this.events.onUnfit?.(fate)
  }

  onFlush(): void {
    this.events.onFlush()
  }

  onDrain(): void {
    if (this.#phase !== 'mending') this.events.onDrain()
  }

  onEnd(end: LinkEnd): void {
    this.#parts.run(() => this.#ended(end))
  }

  #ended(end: LinkEnd): void {
    const { code } = end.failure
    const isBroken = end.streamError === undefined && (code === 'remote-connection-failed' || code === 'timeout')
    if (isBroken && this.#canMend) this.#mend(end)
    else if (this.#repair !== undefined && isBroken) this.#repair.tryLater()
    else this.#lose(end)
  }

  get #isMuch(): boolean {
    return this.#unasked >= mostUnasked || this.#unconfirmed.size > largestUnasked
  }

  get #canMend(): boolean {
    return this.#phase === 'on' && this.#previd !== undefined && this.#parts.mending !== undefined
  }

  #keep(elements: readonly Element[]): void {
    const { bytes } = this.#unconfirmed
    const count = this.#unconfirmed.sent(elements)
    if (count === 0) return
    this.#unasked += count
    this.#parts.waiting.change(this.#unconfirmed.bytes - bytes)
    if (this.#askAt === never && !this.#isAsked && this.#phase !== 'mending')
      this.#askAt = this.#parts.clock.now() + askMilliseconds
  }

  #forget(count = this.unconfirmed): void {
    const { bytes } = this.#unconfirmed
    this.#unconfirmed.arrived(count)
    this.#parts.waiting.change(this.#unconfirmed.bytes - bytes)
  }

  #question(): Element {
    this.#isAsked = true
    this.#unasked = 0
    this.#askAt = never
    return request
  }

  get #certain(): number {
    return this.#received - this.#parts.undelivered()
  }

  #answer(): Element {
    const answer = this.#acknowledge(this.#certain)
    this.#isShort = this.#acknowledged < this.#received
    return answer
  }

  #acknowledge(count: number): Element {
    this.#answerAt = never
    this.#acknowledged = Math.max(this.#acknowledged, count)
    return asElement('a', countAnswer(this.#acknowledged))
  }

  #take(element: Element): void {
    const { name, text } = element
    if (name === 'r') {
      if (this.#answerAt === never) this.#answerAt = this.#parts.clock.now() + answerMilliseconds
      return
    }
    const tag = startTagOf(text)
    if (name === 'a') {
      this.#isAsked = false
      if (this.#confirm(tag.attribute('h'))) this.#proceed()
      else this.#lose(wrongCount)
    } else if (name === 'enabled' && this.#phase === 'enabling') this.#begin(tag)
    else if (name === 'resumed' && this.#repair !== undefined) this.#resumed(this.#repair, tag)
    else if (name === 'failed') this.#refused(tag.attribute('h'))
  }

  #begin(enabled: Root): void {
    this.#phase = 'on'
    this.#received = 0
    const mayResume = enabled.attribute('resume')
    if (mayResume === 'true' || mayResume === '1') this.#previd = copyOf(enabled.attribute('id'))
    if (this.#previd === undefined) this.#parts.mending?.wipe()
  }

  #refused(count: string | undefined): void {
    if (this.#repair !== undefined) {
      this.#confirm(count)
      this.#repair.giveUp()
    } else if (this.#phase === 'enabling') {
      this.#phase = 'off'
      this.#parts.mending?.wipe()
      this.#askAt = never
      this.#forget()
    }
  }

  /** Returns false for an impossible count. */
  #confirm(text: string | undefined): boolean {
    const count = readCount(text)
    if (count === undefined) return false
    const arrived = stanzasUpTo(count, this.#confirmed, this.unconfirmed)
    if (arrived === undefined || arrived < 0) return false
    this.#confirmed = count
    this.#forget(arrived)
    return true
  }

  #proceed(): void {
    this.#unasked = this.unconfirmed
    if (this.#phase === 'on' && this.#isMuch) this.ask()
    else this.#askAt = this.unconfirmed === 0 ? never : this.#parts.clock.now() + askMilliseconds
    this.events.onDrain()
  }

  #mend(end: LinkEnd, since = this.#parts.clock.now()): void {
    const { clock, run, mending, isUrgent } = this.#parts
    this.#phase = 'mending'
    this.#answerAt = never
    this.#askAt = never
    this.#isAsked = false
    this.#repair = new Repair({
      clock,
      run,
      mending: mending!,
      since,
      isUrgent,
      resumption: () => ({ previd: this.#previd!, h: writeCount(this.#received) }),
      onLink: ({ link, answer, missed = [] }) => {
        this.#link = link
        link.events = this
        if (answer === undefined) {
          link.restart()
          return
        }
        for (const element of [answer, ...missed]) this.onElement(element)
        this.onFlush()
      },
      onGivenUp: () => this.#lose(end),
    })
  }

  #resumeStream(repair: Repair): void {
    if (!repair.isResuming) return
    const attributes = attribute('previd', this.#previd) + countAttribute(this.#received)
    this.#link.send([asElement('resume', writeCounting('resume', attributes))])
  }

  #resumed({ since }: Repair, tag: Root): void {
    // ejabberd names the stream anew.
    this.#previd = copyOf(tag.attribute('previd')) ?? this.#previd
    if (!this.#confirm(tag.attribute('h'))) {
      this.#lose(wrongCount)
      return
    }
    this.#repair = undefined
    this.#phase = 'on'
    this.#acknowledged = this.#received
    this.#isShort = false
    this.#unasked = 0
    if (this.#isPaused) this.#link.pause()
    if (this.unconfirmed > 0) this.#link.send([...this.#unconfirmed.stanzas, this.#question()])
    this.#parts.onMended((this.#parts.clock.now() - since) / 1000)
    this.events.onDrain()
  }

  #lose(end: LinkEnd): void {
    if (this.#phase === 'over') return
    this.#link.close()
    this.#stop()
    this.events.onEnd(end)
  }

  #stop(): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#isAsked = false
    this.#askAt = never
    this.#answerAt = never
    this.#repair?.stop()
    this.#repair = undefined
    this.#parts.mending?.wipe()
  }
}

/** In place of the connection of another process. */
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

function asElement(name: string, text: string): Element {
  return { name, namespace: smNamespace, text }
}

const lostEnd: LinkEnd = { failure: { step: 'features', code: 'remote-connection-failed' } }
const wrongCount: LinkEnd = { failure: { step: 'features', code: 'remote-protocol-error' } }
