import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { Pipelining } from './pipelining.js'
import type { StreamFeatures } from './stream-features.js'

/** Of how many domains something is remembered. */
const mostDomains = 1000
/** Features that are longer are not remembered, in UTF-16 units. */
const longest = 16 * 1024
/** How long logins keep to the pace of a server that did not cope with pipelining, in milliseconds. */
const mistrustFor = 3_600_000

interface Remembered {
  /** The features of a login's streams, in their order. */
  readonly features: readonly StreamFeatures[]
  /** Whether a pipelined login has succeeded, is going on, or is yet to come. */
  readonly standing: 'proven' | 'tried' | 'untried'
  /** Until then no login is pipelined, in milliseconds of the clock. */
  readonly mistrustedUntil: number
}

export type PipeliningMemory = ReturnType<typeof createPipeliningMemory>

/**
 * The features that the servers of domains had at the last login that succeeded: the next login foresees the same, and
 * saves two round trips (XEP-0305 §3). Few servers say whether they cope with that. So one such login at a time is tried
 * with a server until one has succeeded, and none for an hour where one has failed.
 */
export function createPipeliningMemory(clock: Pick<Clock, 'now'>, log: Logger) {
  const byDomain = new Map<string, Remembered>()
  return {
    /** What a login at a domain may foresee. Its outcome is to be told, by `succeeded` or `failed`. */
    foresee(domain: string): Pipelining {
      const known = byDomain.get(domain)
      if (known === undefined || known.standing === 'tried' || known.mistrustedUntil > clock.now())
        return new Pipelining()
      if (known.standing === 'untried') byDomain.set(domain, { ...known, standing: 'tried' })
      return new Pipelining(known.features, known.standing === 'proven')
    },

    succeeded(domain: string, pipelining: Pipelining): void {
      const known = byDomain.get(domain)
      const { seen, isComplete, wasPossible, isProven, isMistaken } = pipelining
      if (wasPossible ? isProven && !isMistaken : known !== undefined) return
      if (!isComplete || seen.some(({ text }) => text.length > longest)) {
        // Otherwise its trial would never be over.
        byDomain.delete(domain)
        return
      }
      const standing = wasPossible ? 'proven' : 'untried'
      byDomain.set(domain, { features: seen, standing, mistrustedUntil: 0 })
      forgetOldest(byDomain, mostDomains)
    },

    /** `isLeft` where the caller gave the login up, which says nothing of the server. */
    failed(domain: string, pipelining: Pipelining, isLeft: boolean): void {
      const known = byDomain.get(domain)
      if (known === undefined || !pipelining.wasPossible) return
      if (pipelining.isMistaken) byDomain.delete(domain)
      else if (!pipelining.isProven) {
        const copes = isLeft || !pipelining.isAhead
        const mistrustedUntil = copes ? 0 : clock.now() + mistrustFor
        byDomain.set(domain, { ...known, standing: 'untried', mistrustedUntil })
        if (!copes)
          log.info({ domain: withULabels(domain) }, 'this server does not cope with pipelined logins')
      }
    },
  }
}
