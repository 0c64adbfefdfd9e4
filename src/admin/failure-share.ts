import type { Logger } from 'pino'
import type { Counts } from '../counts.js'
import type { Clock, Timer } from '../lib/clock.js'

/** How often the share is looked at, in milliseconds. */
const intervalMilliseconds = 300_000
/** Fewer say nothing: one wrong call at night is a large share of those. */
const fewestRequests = 20

export interface FailureShareParts {
  readonly counts: Counts
  /** The largest share of failed requests that goes without a warning, from 0 to 1; 0 warns of nothing. */
  readonly most: number
  readonly clock: Clock
  readonly log: Logger
}

/** How many there were of something, and how many of them failed. */
interface Tried {
  readonly all: number
  readonly failed: number
}

/** Warns, once in five minutes, where too many requests of browsers or calls of backends have failed in these. */
export class FailureShare {
  readonly #parts: FailureShareParts
  #bosh: Tried
  #warm: Tried
  #timer: Timer | undefined

  constructor(parts: FailureShareParts) {
    this.#parts = parts
    this.#bosh = boshOf(parts.counts)
    this.#warm = warmOf(parts.counts)
    if (parts.most > 0) this.#wait()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #wait(): void {
    this.#timer = this.#parts.clock.after(intervalMilliseconds, () => {
      this.#look()
      this.#wait()
    })
  }

  #look(): void {
    const { counts, most, log } = this.#parts
    const [bosh, warm] = [boshOf(counts), warmOf(counts)]
    const shares = { bosh: shareOf(this.#bosh, bosh), warm: shareOf(this.#warm, warm) }
    this.#bosh = bosh
    this.#warm = warm
    if ((shares.bosh ?? 0) > most || (shares.warm ?? 0) > most)
      log.warn({ failed: shares, most }, 'more requests fail than METRICS_MAX_ERROR_RATE allows')
  }
}

const boshOf = ({ requests, failedRequests }: Counts): Tried => ({ all: requests, failed: failedRequests })
const warmOf = ({ calls, failedCalls }: Counts): Tried => ({ all: calls, failed: failedCalls })

/** The share that failed of those since `before`, to three digits; undefined where they are too few. */
function shareOf(before: Tried, { all, failed }: Tried): number | undefined {
  const tried = all - before.all
  return tried < fewestRequests ? undefined : Math.round((1000 * (failed - before.failed)) / tried) / 1000
}
