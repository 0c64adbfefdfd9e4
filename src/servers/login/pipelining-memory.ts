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
  readonly provenFrom?: number
  readonly mistrustedUntil: number
}

export type PipeliningMemory = ReturnType<typeof createPipeliningMemory>

/**
 * A login expects the features of an earlier login, which saves two round trips (XEP-0305 §3). A server is proven after
 * one such login.
 */
export function createPipeliningMemory(clock: Pick<Clock, 'now'>, log: Logger) {
  const byDomain = new Map<string, Remembered>()
  return {
    /** After the login, call `succeeded` or `failed`. */
    foresee(domain: string): Pipelining {
      const known = byDomain.get(domain)
      if (known === undefined || known.mistrustedUntil > clock.now()) return new Pipelining()
      return new Pipelining(known.features, known.provenFrom)
    },

    succeeded(domain: string, pipelining: Pipelining): void {
      const { seen, isComplete, wasPossible, isTrusted, isMistaken, firstAhead } = pipelining
      if (wasPossible ? isTrusted && !isMistaken : byDomain.has(domain)) return
      byDomain.delete(domain)
      if (!isComplete || seen.some(({ text }) => text.length > longestFeatures)) return
      byDomain.set(domain, { features: seen, provenFrom: firstAhead, mistrustedUntil: 0 })
      forgetOldest(byDomain, mostDomains)
    },

    /** `isOther`: another cause, which says nothing about the server: it is down, or the caller hung up. */
    failed(domain: string, { wasPossible, isMistaken, isToBlame }: Pipelining, isOther: boolean): void {
      const known = byDomain.get(domain)
      if (known === undefined || !wasPossible) return
      if (isMistaken) byDomain.delete(domain)
      else if (isToBlame && !isOther && known.mistrustedUntil <= clock.now()) {
        byDomain.set(domain, { features: known.features, mistrustedUntil: clock.now() + mistrustMilliseconds })
        log.info({ domain: withULabels(domain) }, 'this server does not cope with pipelined logins')
      }
    },
  }
}
