import type { Logger } from 'pino'
import { withULabels } from '../jid/domains.js'
import type { Clock } from '../lib/clock.js'
import { forgetOldest } from '../lib/forget-oldest.js'
import type { Element } from '../xml/element.js'
import { Foresight } from './foresight.js'

/** Of how many domains something is remembered. */
const mostDomains = 1000
/** Features that are longer are not remembered, in UTF-16 units. */
const longest = 16 * 1024
/** How long a server that did not cope is answered at its own pace, in milliseconds. */
const mistrustFor = 3_600_000

interface Remembered {
  /** The features of a login's streams, in their order. */
  readonly offers: readonly Element[]
  /** Whether a login that was ahead of the server has succeeded, is going on, or is yet to come. */
  readonly standing: 'proven' | 'tried' | 'untried'
  /** Until then no login is ahead of it, in milliseconds of the clock. */
  readonly mistrustedUntil: number
}

/**
 * What the servers of domains offered to the last login that succeeded: the next one expects the same, and saves two
 * round trips (XEP-0305 §3). Few servers say whether they cope with that. So a server is tried with one such login at a
 * time until one has succeeded, and left alone for an hour where one has not.
 */
export class RememberedOffers {
  readonly #clock: Pick<Clock, 'now'>
  readonly #log: Logger
  readonly #byDomain = new Map<string, Remembered>()

  constructor(clock: Pick<Clock, 'now'>, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  /** What a login at a domain may expect; how it went is to be told, by `succeeded` or `failed`. */
  foresee(domain: string): Foresight {
    const known = this.#byDomain.get(domain)
    if (known === undefined || known.standing === 'tried' || known.mistrustedUntil > this.#clock.now())
      return new Foresight()
    if (known.standing === 'untried') this.#byDomain.set(domain, { ...known, standing: 'tried' })
    return new Foresight(known.offers, known.standing === 'proven')
  }

  succeeded(domain: string, foresight: Foresight): void {
    const known = this.#byDomain.get(domain)
    const { seen, isComplete, wasAhead, isMistaken } = foresight
    if (wasAhead ? foresight.isProven && !isMistaken : known !== undefined) return
    if (!isComplete || seen.some(({ text }) => text.length > longest)) {
      // Otherwise its trial would never be over.
      this.#byDomain.delete(domain)
      return
    }
    this.#byDomain.set(domain, {
      offers: seen,
      standing: wasAhead ? 'proven' : 'untried',
      mistrustedUntil: 0,
    })
    forgetOldest(this.#byDomain, mostDomains)
  }

  /** `isLeft` where nobody waited for it any more, which says nothing of the server. */
  failed(domain: string, foresight: Foresight, isLeft: boolean): void {
    const known = this.#byDomain.get(domain)
    if (known === undefined || !foresight.wasAhead) return
    if (foresight.isMistaken) {
      this.#byDomain.delete(domain)
    } else if (!foresight.isProven) {
      const copes = isLeft || !foresight.isAhead
      const mistrustedUntil = copes ? 0 : this.#clock.now() + mistrustFor
      this.#byDomain.set(domain, { ...known, standing: 'untried', mistrustedUntil })
      if (!copes)
        this.#log.info({ domain: withULabels(domain) }, 'this server does not cope with pipelined logins')
    }
  }
}
