import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import type { Turn } from '../../lib/limits/keyed-queue.js'
import type { Failure, Link, LinkAgain, Resumption } from '../../xmpp/link.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { WhyUnmended } from '../unmended.js'

const resumeMilliseconds = 10_000
/** Time of an attempt that begins after `longest`. */
const lateMilliseconds = 20_000
const firstPause = 500
const mostPause = 15_000

const temporary = new Set<Failure['code']>([
  'remote-connection-failed',
  'timeout',
  'host-unknown',
  'service-full',
  'local-ports-exhausted',
  'temporary-auth-failure',
])

export interface Mending {
  /** Returns a new link. Throws a `Problem`. */
  readonly logInAgain: (caller: AbortSignal, turn: Turn, resumption: Resumption) => Promise<LinkAgain>
  readonly longest: number
  /** JSON values that `logInAgain` of another process needs. Secret. */
  readonly record: () => unknown
  wipe(): void
}

export interface Management {
  /** Undefined if a broken link ends the session. */
  readonly mending: Mending | undefined
  /** The server's answer to the `<enable/>` of the login. */
  readonly enabled?: Element | undefined
}

interface RepairParts {
  readonly clock: Clock
  readonly mending: Mending
  readonly since: number
  readonly isUrgent: () => boolean
  readonly run: (work: () => void) => void
  readonly resumption: () => Resumption
  readonly onLink: (again: LinkAgain) => void
  readonly onGivenUp: (why: WhyUnmended) => void
}

const never = Number.POSITIVE_INFINITY

export class Repair {
  readonly since: number
  #until: number
  readonly #parts: RepairParts
  readonly #caller = new AbortController()
  #pause = firstPause
  #nextAt = never
  /** Before an attempt's turn, there is no deadline: the server may keep the stream longer than `longest`. */
  #isInTurn = false
  #answerBy = never
  #link: Link | undefined

  constructor(parts: RepairParts) {
    this.#parts = parts
    this.since = parts.since
    this.#until = this.since + parts.mending.longest
    this.#dial()
  }

  get isResuming(): boolean {
    return this.#answerBy !== never
  }

  get deadline(): number {
    return Math.min(this.#nextAt, this.#answerBy, this.#isInTurn ? this.#until : never)
  }

  tick(now: number): void {
    if (this.#isInTurn && now >= this.#until) this.giveUp('late')
    else if (now >= this.#answerBy) {
      this.#link?.cut()
      this.tryLater()
    } else if (now >= this.#nextAt) this.#dial()
  }

  tryLater(): void {
    this.#answerBy = never
    // Many links may break at once.
    this.#nextAt = this.#parts.clock.now() + this.#pause * (0.75 + Math.random() / 2)
    this.#pause = Math.min(2 * this.#pause, mostPause)
  }

  giveUp(why: WhyUnmended): void {
    this.#parts.onGivenUp(why)
  }

  /** `ended` also closes a resumed stream. */
  stop(reason: 'ended' | 'cut'): void {
    this.#caller.abort(reason)
  }

  #dial(): void {
    const { mending, run, onLink, clock, isUrgent, resumption } = this.#parts
    const { signal } = this.#caller
    this.#nextAt = never
    this.#isInTurn = false
    const onBegin = () =>
      run(() => {
        this.#isInTurn = true
        // Even a late attempt may find the stream at the server.
        if (clock.now() >= this.#until) this.#until = clock.now() + lateMilliseconds
      })
    mending.logInAgain(signal, { isUrgent, onBegin }, resumption()).then(
      again => {
        if (signal.aborted) return signal.reason === 'ended' ? again.link.close() : again.link.cut()
        run(() => {
          this.#answerBy = clock.now() + resumeMilliseconds
          this.#link = again.link
          onLink(again)
        })
      },
      error => {
        const isTemporary = error instanceof Problem && temporary.has(error.code)
        if (!signal.aborted) run(() => (isTemporary ? this.tryLater() : this.giveUp('refused')))
      },
    )
  }
}
