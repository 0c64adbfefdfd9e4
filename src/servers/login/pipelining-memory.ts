import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { Pipelining } from './pipelining.js'
import type { StreamFeatures } from './stream-features.js'

const mostDomains = 1000
const longestFeatures = 16 * 1024
/** Pipelining is off for this time after a failure. */
const mistrustMilliseconds = 3_600_000

interface Remembered {
  readonly features: readonly StreamFeatures[]
  /** `onTrial`: a login tries pipelining now. */
  readonly standing: 'proven' | 'onTrial' | 'untried'
  readonly isProvenAtStart: boolean
  readonly mistrustedUntil: number
}

export type PipeliningMemory = ReturnType<typeof createPipeliningMemory>

/**
 * A login expects the features of an earlier login, which saves two round trips (XEP-0305 §3). At each domain, one
 * trial must succeed before other logins are pipelined.
 */
export function createPipeliningMemory(clock: Pick<Clock, 'now'>, log: Logger) {
  const byDomain = new Map<string, Remembered>()
  return {
    /** After the login, call `succeeded` or `failed`. */
    foresee(domain: string): Pipelining {
      const known = byDomain.get(domain)
      if (known === undefined || known.standing === 'onTrial' || known.mistrustedUntil > clock.now())
        return new Pipelining()
      if (known.standing === 'untried') byDomain.set(domain, { ...known, standing: 'onTrial' })
      return new Pipelining(known.features, known.standing === 'proven', known.isProvenAtStart)
    },

    succeeded(domain: string, pipelining: Pipelining): void {
      const known = byDomain.get(domain)
      const { seen, isComplete, wasPossible, isTrusted, isMistaken, wasAheadAtStart } = pipelining
      if (wasPossible ? isTrusted && !isMistaken : known !== undefined) return
      if (!isComplete || seen.some(({ text }) => text.length > longestFeatures)) {
        // An entry that `foresee` has set to `onTrial` would prevent all later pipelining.
        byDomain.delete(domain)
        return
      }
      const standing = wasPossible ? 'proven' : 'untried'
      byDomain.set(domain, { features: seen, standing, isProvenAtStart: wasAheadAtStart, mistrustedUntil: 0 })
      forgetOldest(byDomain, mostDomains)
    },

    /** `isLeft`: the caller hung up, which says nothing about the server. */
    failed(domain: string, pipelining: Pipelining, isLeft: boolean): void {
      const known = byDomain.get(domain)
      if (known === undefined || !pipelining.wasPossible) return
      if (pipelining.isMistaken) byDomain.delete(domain)
      else if (!pipelining.isTrusted) {
        const copes = isLeft || !pipelining.isAhead
        const mistrustedUntil = copes ? 0 : clock.now() + mistrustMilliseconds
        byDomain.set(domain, { ...known, standing: 'untried', mistrustedUntil })
        if (!copes) log.info({ domain: withULabels(domain) }, 'this server does not cope with pipelined logins')
      }
    },
  }
}
