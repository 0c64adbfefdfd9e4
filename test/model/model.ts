// What must be true of a session, said without looking at how `src/browsers/bosh` does it: which requests count as received,
// which reply belongs to which rid, how long silence may be. It is told what happens and complains.
import type { Reply } from '../../src/browsers/bosh/peer.js'
import { empty, errorReply, type FakePeer, terminated } from '../support/bosh-bench.js'
import { firstRid, type Made, numbersIn } from './client.js'

/** One copy of a request that reached the service. */
export interface Copy {
  readonly made: Made
  readonly peer: FakePeer
  /** The reply will be written to a connection that is dead, and neither side notices. */
  readonly lossy: boolean
  readonly since: number
  /** A newer copy of it came. */
  superseded: boolean
  /** What it gets that is another page's now: nothing where it was open, and the truth where it came later. */
  fate?: 'empty' | 'refused' | 'unanswered'
  reply: Reply | undefined
}

export interface Agreed {
  readonly wait: number
  readonly hold: number
  readonly requests: number
  readonly inactivity: number
  readonly acks: boolean
}

/** Time is looked at every quarter of a second, and moved by half a second at a time. */
const slack = 800
const step = 500
/** More than the longest queue, and one more burst. */
const mostQueued = 6 + 8 + 1

export class SessionModel {
  /** The highest rid received without a gap. */
  received = firstRid
  readonly parked = new Map<number, Copy>()
  /** Copies that wait for a reply. */
  waiting: Copy[] = []
  /** When requests first came, by rid. */
  readonly #came = new Map<number, number>()
  /** First replies, by rid. */
  given = new Map<number, string>()
  /** What the server must have got from the client. */
  readonly forwarded: number[] = []
  #unforwarded: number[] = []
  /** Whether the stream, new or restarted, has no features yet. */
  opening = true
  /** Numbers of what the server sent, and of what replies had of it. */
  sent: number[] = []
  handed: number[] = []
  /** How many of them are not for the page that has the session now. */
  base = 0
  /** Those of them that are no stanzas: no sender is told when they are not fetched. */
  readonly #others = new Set<number>()
  /**
   * How far the login has come: the client has asked to be let in, the server has let it in with the last thing that was
   * said, a resource may be bound, or neither is to be had any more.
   */
  #login: 'asked' | 'welcome' | 'inside' | 'spent' = 'asked'
  /** Number of the client's request for a resource, to which there is no answer yet. */
  bindRequest: number | undefined
  /** Why the session may be over. */
  end: 'asked' | 'told' | 'fault' | 'silence' | undefined
  outcome: string | undefined
  /** The number of the stanza that told the client's JID; an answer, for which the server does not wait. */
  boundBy: number | undefined
  #acknowledged = 0
  #isPaused = false
  /** Rids below belong to pages that are shut out. */
  fence = 0
  #mostQueued = mostQueued
  #patience: number
  #lastSign = 0
  /** The same without requests out of order, which keep no session that has ended. */
  #lastInOrder = 0
  #answered = firstRid - 1
  #ending = false

  constructor(public agreed: Agreed) {
    this.#patience = agreed.inactivity
  }

  /**
   * Whether another page can take the session over. If its server has left it, only for what no page has; undefined if
   * that depends on errors, or on replies that were perhaps lost.
   */
  get isResumable(): boolean | undefined {
    if (this.boundBy === undefined || this.opening || this.outcome === 'system-shutdown') return false
    return this.outcome === undefined || this.sent.length > this.handed.length || undefined
  }

  /**
   * Another page has the session from now on, and `seconds` to come; `rid` is the one that it was told and `last` the
   * one before its first. What may not have reached the page before will be handed out again.
   */
  resume(rid: number, last: number, seconds: number, now: number): void {
    const { acks, requests } = this.agreed
    const mayBePaused = this.#isPaused || this.outcome !== undefined
    // No client makes a request without having got all but so many of the replies before.
    const certain = acks ? this.#acknowledged : this.received - Math.max(2, requests) - (mayBePaused ? 1 : 0)
    const kept = acks ? [...this.given] : [...this.given].slice(-requests - 1)
    const again = kept
      .filter(([answered]) => answered > certain)
      .flatMap(([, text]) => this.stanzasAmong(numbersIn(text)))
    this.handed = this.handed.filter(number => !again.includes(number))
    this.sent = [...this.handed, ...this.sent.filter(number => !this.handed.includes(number))]
    this.#mostQueued = Math.max(this.#mostQueued, this.sent.length - this.handed.length + 9)
    this.base = this.handed.length
    for (const copy of this.waiting) copy.fate = this.parked.get(copy.made.rid) === copy ? 'unanswered' : 'empty'
    this.parked.clear()
    this.given = new Map()
    this.agreed = { ...this.agreed, acks: false }
    this.#isPaused = false
    this.received = last
    this.#answered = last
    this.fence = rid - 1
    this.#patience = seconds
    this.#lastSign = now
  }

  /** Those of these numbers that were stanzas. */
  stanzasAmong(numbers: readonly number[]): number[] {
    return numbers.filter(number => !this.#others.has(number))
  }

  /** A copy of a request reached the service. */
  arrive(copy: Copy): void {
    const { rid } = copy.made
    if (rid < this.fence) {
      copy.fate = 'refused'
      return
    }
    this.#lastSign = copy.since
    const before = this.waiting.filter(({ made }) => made.rid === rid)
    const isOpen = rid <= this.received || before.some(({ peer }) => !peer.gone)
    if (!isOpen || !this.#came.has(rid)) this.#came.set(rid, copy.since)
    for (const older of before) older.superseded = true
    this.waiting.push(copy)
    if (rid <= this.received) return
    this.parked.set(rid, copy)
    for (;;) {
      const next = this.parked.get(this.received + 1)
      if (next === undefined) return
      this.parked.delete(next.made.rid)
      this.#accept(next.made)
    }
  }

  /** Whether the stream may be opened again. */
  get mayRestart(): boolean {
    return this.#login === 'welcome'
  }

  #accept({ rid, kind, stanzas, pause, binds, ack }: Made): void {
    if (this.end !== undefined) return
    this.received = rid
    this.#acknowledged = ack
    this.#isPaused = kind === 'pause'
    this.#patience = this.agreed.inactivity
    if (this.outcome !== undefined) return
    if (kind === 'pause') this.#patience = pause
    if (kind === 'restart' && !this.mayRestart) {
      this.end = 'fault'
      return
    }
    if (this.#login === 'inside' && binds) this.bindRequest = stanzas[0]
    if (kind === 'restart') this.#login = 'inside'
    else if (this.#login !== 'inside' && stanzas.length > 0) this.#login = 'spent'
    if (kind === 'restart') this.opening = true
    else (this.opening ? this.#unforwarded : this.forwarded).push(...stanzas)
    if (kind === 'terminate') this.end = 'asked'
  }

  /** A connection broke before its reply. */
  leave(copy: Copy, now: number): void {
    this.#lastSign = now
    if (this.parked.get(copy.made.rid) !== copy) return
    // It was not received, and there is no client to be told.
    this.parked.delete(copy.made.rid)
    this.waiting = this.waiting.filter(other => other !== copy)
  }

  features(number: number): void {
    this.opening = false
    this.other(number)
    this.forwarded.push(...this.#unforwarded.splice(0))
  }

  /** The server lets the client in. */
  letIn(number: number): void {
    if (this.#login === 'asked') this.#login = 'welcome'
    this.other(number)
  }

  /** The server lets the client in and binds a resource. */
  bind(number: number): void {
    this.boundBy = number
    this.other(number)
  }

  /** The server answers the request for a resource; to that it wants no answer. */
  answerBind(number: number): void {
    this.bindRequest = undefined
    this.boundBy = number
    this.sent.push(number)
  }

  /** The server sends a stanza. */
  stanza(number: number): void {
    this.sent.push(number)
    // From now on others may have a word on the stream.
    this.#login = 'spent'
    this.bindRequest = undefined
  }

  other(number: number): void {
    this.sent.push(number)
    this.#others.add(number)
  }

  /** A copy was answered. True if the answer is the one that the request was waiting for. */
  answer(copy: Copy, reply: Reply, now: number): boolean {
    this.waiting = this.waiting.filter(other => other !== copy)
    const { rid } = copy.made
    if (copy.fate !== undefined) {
      // A service that stops says so to all whose session it has not.
      const isStopping = this.outcome === 'system-shutdown' && reply.body === terminated('system-shutdown')
      const isRefused = reply.status === 404 || reply.body === terminated('item-not-found') || isStopping
      const isRight = { refused: isRefused, empty: reply.body === empty, unanswered: reply.status === 0 }
      this.#demand(isRight[copy.fate], `${rid} of a page before gets ${reply.status} ${reply.body}`)
      return false
    }
    if (!copy.peer.gone) this.#lastSign = now
    const isToRepeat = reply.status === 503 && reply.body === errorReply
    if ((reply.status !== 200 && !isToRepeat) || reply.body.includes("type='terminate'")) {
      this.#ending = true
      if (this.outcome !== undefined && reply.body.includes(`condition='${this.outcome}'`)) this.end ??= 'told'
      else if (this.end === 'asked') this.#demand(!reply.body.includes('condition'), 'a wanted end has a condition')
      else this.#demand(this.end === 'fault', `${rid} is told: ${reply.status} ${reply.body}`)
      return false
    }
    if (isToRepeat) {
      const wasParked = this.parked.get(rid) === copy
      const gap = Math.min(this.agreed.wait, 30) * 1000
      this.#demand(copy.superseded || (wasParked && now - this.#came.get(rid)! >= gap), `${rid} is told to come again`)
      if (wasParked) this.parked.delete(rid)
      return false
    }
    // Those that stay unanswered when a session ends get nothing; what they get is not kept.
    if (this.#ending || this.end === 'silence') return false
    // So do early requests of a session that ends with stanzas which nobody fetches.
    if (this.outcome !== undefined && rid > this.received && reply.body === empty) return false
    this.#demand(rid <= this.received, `${rid} is answered before it was received`)
    this.#demand(!copy.superseded || this.given.has(rid), `an old copy of ${rid} is answered`)
    this.#give(copy, reply.body, now)
    return true
  }

  #give(copy: Copy, text: string, now: number): void {
    const { rid, kind } = copy.made
    const before = this.given.get(rid)
    if (before !== undefined) {
      this.#demand(text === before, `${rid} got ${before} and then ${text}`)
      return
    }
    this.#demand(rid === this.#answered + 1, `${rid} is answered after ${this.#answered}`)
    this.#answered = rid
    this.given.set(rid, text)
    const numbers = numbersIn(text)
    this.#demand(!copy.peer.gone || numbers.length === 0, `${rid} gets stanzas, and no client is there`)
    this.#demand(
      kind !== 'pause' || this.outcome !== undefined || numbers.length === 0,
      `the reply to the pause ${rid} has stanzas`,
    )
    this.handed.push(...numbers)
    const ack = / ack='(\d+)'/.exec(text)?.[1]
    if (ack !== undefined && rid !== firstRid) {
      this.#demand(this.agreed.acks && Number(ack) > rid && Number(ack) <= this.received, `${rid} says ack ${ack}`)
    }
    const isEarly = now - this.#came.get(rid)! < this.agreed.wait * 900 && text === empty
    const { hold, wait } = this.agreed
    if (isEarly && hold > 0 && wait > 0 && rid !== firstRid && !copy.peer.gone) {
      this.#demand(rid < this.received || kind === 'pause', `${rid} is answered for nothing`)
    }
  }

  /** What must be true after everything that happens. */
  check(now: number, ended: boolean, forwarded: readonly number[], bounced: readonly number[]): void {
    this.#demand(String(forwarded) === String(this.forwarded), `the server got ${forwarded}, not ${this.forwarded}`)
    const { handed, sent } = this
    this.#demand(String(handed) === String(sent.slice(0, handed.length)), `replies had ${handed} of ${sent}`)
    const live = this.waiting.filter(({ peer }) => !peer.gone)
    if (live.length > 0) this.#lastSign = now
    if (live.some(({ made }) => made.rid <= this.received)) this.#lastInOrder = now
    const sign = this.outcome === undefined ? this.#lastSign : this.#lastInOrder
    const isSilent = now - sign >= this.#patience * 1000 - step
    if (ended && this.end === undefined) {
      this.#demand(isSilent, `it ends after ${(now - sign) / 1000} s of silence`)
      this.end = 'silence'
    }
    if (ended) {
      this.#demand(this.waiting.length === 0, `it ends and ${this.waiting.length} are left unanswered`)
      const told = this.stanzasAmong(sent).filter(number => number !== this.boundBy)
      const left = this.stanzasAmong(sent.slice(handed.length)).filter(number => number !== this.boundBy)
      this.#demand(
        String(bounced) === String(told.slice(told.length - bounced.length)) && bounced.length >= left.length,
        `the server hears that ${bounced} did not arrive, not ${left}`,
      )
      const alsoTold = bounced.slice(0, bounced.length - left.length)
      this.#demand(
        alsoTold.every(number => this.#mayBeLost(number)),
        `the server hears that ${alsoTold} did not arrive, which the client has`,
      )
      return
    }
    this.#demand(bounced.length === 0, `${bounced} are said not to have arrived`)
    this.#demand(this.end === undefined, `it goes on although ${this.end}`)
    this.#demand(now - this.#lastSign <= this.#patience * 1000 + slack, 'it goes on although its client is silent')
    const held = live.filter(({ made, superseded }) => made.rid <= this.received && !superseded)
    this.#demand(held.length === 0 || this.handed.length === this.sent.length, 'a request waits, and so do stanzas')
    this.#demand(held.length === 0 || this.outcome === undefined, 'the link is over, and no client is told')
    const { hold, wait, requests } = this.agreed
    const most = this.opening ? requests + 1 : wait === 0 ? 0 : hold
    this.#demand(held.length <= most || this.outcome !== undefined, `${held.length} are held`)
    for (const { made, since } of live) {
      const least = made.rid === firstRid ? Math.min(wait, 5) : wait
      this.#demand(now - since <= least * 1000 + slack, `${made.rid} waits for ${(now - since) / 1000} s`)
    }
    this.#demand(this.sent.length - this.handed.length <= this.#mostQueued, 'the queue grows')
    this.#demand(!this.waiting.some(({ fate }) => fate !== undefined), 'a page before is left waiting')
  }

  /** Whether no later request of the client has confirmed its reply. Two may be open, and one more with a pause. */
  #mayBeLost(number: number): boolean {
    const confirmed = this.agreed.acks ? this.#acknowledged : this.received - Math.max(2, this.agreed.requests) - 1
    return [...this.given].some(([rid, text]) => rid > confirmed && numbersIn(text).includes(number))
  }

  #demand(holds: boolean, what: string): void {
    if (!holds) throw new Error(what)
  }
}
