import type { Logger } from 'pino'
import { Problem, type ProblemCode, problems } from '../../lib/errors.js'
import type { MinuteSums } from '../../lib/limits/minute-sums.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import type { Link, LinkAgain, LinkEnd, Resumption } from '../../xmpp/link.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { Session } from '../session.js'

const resumeMilliseconds = 10_000
/** Time limit of an attempt whose turn comes after LINK_RESUME_TIME. */
const lateMilliseconds = 20_000
const firstPause = 500
const mostPause = 15_000
/** A server could resume each stream, and close it at once. Doubles each time, up to `mostPause`. */
const leastBetweenLogins = 1_000
/** A link that breaks later after its login has been mended. */
const lasting = 30_000

/**
 * `late`: no attempt succeeded within LINK_RESUME_TIME. `refused`: the server does not resume the stream. Otherwise, the
 * error of the login, which is not temporary.
 */
export type WhyUnmended = 'late' | 'refused' | ProblemCode

/** Only so many links of a domain are mended at once. */
interface Turn {
  readonly isUrgent: () => boolean
  readonly onBegin: () => void
}

export interface Mending {
  readonly logInAgain: (caller: AbortSignal, turn: Turn, resumption: Resumption) => Promise<LinkAgain>
  readonly longest: number
  /** Secret JSON values with which another process can log in again. */
  readonly record: () => unknown
  wipe(): void
  /** Time of the last login that succeeded, and how long after it the next may follow. Only `Repair` uses them. */
  loggedInAt?: number
  pause?: number
}

export interface Management {
  /** Undefined if a broken link ends the session. */
  readonly mending: Mending | undefined
  /** The server's answer if the login sent `<enable/>`. `requested`: the answer follows. Undefined: it was not sent. */
  readonly enabled?: Element | 'requested' | undefined
}

interface RepairParts {
  readonly session: Session
  readonly mending: Mending
  readonly since: number
  readonly resumption: () => Resumption
  readonly onLink: (again: LinkAgain) => void
  readonly onGivenUp: (why: WhyUnmended) => void
}

const never = Number.POSITIVE_INFINITY

/** Dials again until the stream is resumed, the server refuses, or `mending.longest` milliseconds have passed. */
export class Repair {
  readonly since: number
  #until: number
  readonly #parts: RepairParts
  readonly #caller = new AbortController()
  #pause = firstPause
  #nextAt = never
  /** False while an attempt waits for its turn to log in. `#until` does not end a waiting attempt. */
  #isInTurn = false
  #answerBy = never
  #link: Link | undefined
  /** True while the store does not tell whether another process has the session. */
  isDoubted = false

  constructor(parts: RepairParts) {
    this.#parts = parts
    this.since = parts.since
    const { mending, session } = parts
    this.#until = this.since + mending.longest
    const isLasting = session.now - (mending.loggedInAt ?? Number.NEGATIVE_INFINITY) > lasting
    mending.pause = isLasting ? leastBetweenLogins / 2 : Math.min(2 * mending.pause!, mostPause)
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
    // The pause is random, because many links may break at once.
    this.#nextAt = this.#parts.session.now + this.#pause * (0.75 + Math.random() / 2)
    this.#pause = Math.min(2 * this.#pause, mostPause)
  }

  giveUp(why: WhyUnmended): void {
    this.#parts.onGivenUp(why)
  }

  stop(reason: 'ended' | 'cut'): void {
    this.#caller.abort(reason)
  }

  #dial(): void {
    const { session } = this.#parts
    this.#nextAt = never
    this.#isInTurn = false
    const isOwn = session.keeper.kept?.isOwn(session)
    if (isOwn === undefined) {
      this.isDoubted = false
      this.#logIn()
      return
    }
    this.isDoubted = true
    isOwn.then(
      isOwn => {
        this.isDoubted = false
        if (!this.#caller.signal.aborted) session.run(() => (isOwn ? this.#logIn() : session.cede()))
      },
      () => {
        if (this.#caller.signal.aborted) return
        session.run(() => {
          // Its page may find the session in another process.
          session.client?.cede?.()
          this.tryLater()
        })
      },
    )
  }

  #logIn(): void {
    const { session, mending, onLink, resumption } = this.#parts
    const earliest = (mending.loggedInAt ?? Number.NEGATIVE_INFINITY) + mending.pause!
    if (session.now < earliest) {
      this.#nextAt = earliest
      return
    }
    const { signal } = this.#caller
    const onBegin = () =>
      session.run(() => {
        this.#isInTurn = true
        // An attempt that waited past `#until` gets more time, because the server may still have the stream.
        if (this.#parts.session.now >= this.#until) this.#until = this.#parts.session.now + lateMilliseconds
      })
    const isUrgent = () => session.client?.isPresent === true
    mending.logInAgain(signal, { isUrgent, onBegin }, resumption()).then(
      again => {
        if (signal.aborted) return signal.reason === 'ended' ? again.link.close() : again.link.cut()
        session.run(() => {
          mending.loggedInAt = session.now
          this.#answerBy = session.now + resumeMilliseconds
          this.#link = again.link
          onLink(again)
        })
      },
      error => {
        if (signal.aborted) return
        session.run(() => {
          const code: ProblemCode = error instanceof Problem ? error.code : 'internal-error'
          if (code === 'internal-error') session.keeper.common.log.report(error, session.client?.transport, session.id)
          if (problems[code].retryRelogin) this.tryLater()
          else this.giveUp(code)
        })
      },
    )
  }
}

/**
 * Calls `lose`, unless another process has resumed the stream, of which some servers tell by `conflict`. Calls `mend`, which
 * asks the store again, if the store does not tell. If the stream is still our own, the server then refuses to resume it.
 * Leaves a session that cannot be mended.
 */
export function loseUnlessTaken(
  session: Session,
  { streamError }: LinkEnd,
  lose: () => void,
  mend: () => boolean,
): void {
  const isOwn = streamError?.includes('<conflict ') === true ? session.keeper.kept?.isOwn(session) : undefined
  if (isOwn === undefined) {
    lose()
    return
  }
  isOwn.then(
    isOwn => session.run(() => (isOwn ? lose() : session.cede())),
    () =>
      session.run(() => {
        if (!mend() && !session.hasEnded) session.cede()
      }),
  )
}

const reasons: Partial<Record<WhyUnmended, string>> = {
  late: 'late: no login succeeded within LINK_RESUME_TIME',
  refused: 'refused: the server no longer has the stream (it restarted, or keeps streams for a shorter time)',
}

/** The first log line waits for this time, because many links may be given up together. */
const firstLineMilliseconds = 1_000

/** `isNamed`: false for domains that users choose. These share a log line. */
export function unmendedLinks(sums: MinuteSums, log: Logger, isNamed: (domain: string) => boolean) {
  const often = sums.of<{ readonly domain: string; readonly counts: Partial<Record<WhyUnmended, number>> }>(
    ({ domain, counts }) => {
      const ended = Object.values(counts).reduce((sum, count) => sum + count, 0)
      const reason = (Object.keys(counts) as WhyUnmended[])
        .map(why => reasons[why] ?? `${why}: the error of the login`)
        .join('; ')
      log.warn({ domain: withULabels(domain), ended, counts, reason }, 'links were not mended: their sessions ended')
    },
    firstLineMilliseconds,
  )
  return (name: string, why: WhyUnmended): void => {
    const domain = isNamed(name) ? name : '*'
    often(domain, (sum = { domain, counts: {} }) => {
      sum.counts[why] = (sum.counts[why] ?? 0) + 1
      return sum
    })
  }
}
