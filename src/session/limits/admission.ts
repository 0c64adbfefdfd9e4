import type { Clock } from '../../lib/clock.js'
import { type Counts, limitDetail } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import type { Registry } from '../registry/registry.js'
import type { Refusal, SessionLimits } from './session-limits.js'

export interface AdmissionParts {
  readonly registry: Registry
  readonly domains: readonly string[]
  readonly retiredDomains: readonly string[]
  readonly limits: SessionLimits
  readonly counts: Pick<Counts, 'unknownHosts'>
  readonly clock: Clock
  readonly refused: OnRefused
}

const ofAddress: ReadonlySet<Refusal> = new Set(['address', 'unauthenticated', 'rate'])

/** Decides whether a session may be opened. */
export function createAdmission({ registry, domains, retiredDomains, limits, counts, clock, refused }: AdmissionParts) {
  function domainFault(domain: string): 'host-gone' | 'host-unknown' | undefined {
    const isGone = allowsDomain(retiredDomains, domain)
    if (!isGone && allowsDomain(domains, domain)) return undefined
    counts.unknownHosts += 1
    return isGone ? 'host-gone' : 'host-unknown'
  }

  function isRefused(reason: Refusal | undefined, address?: string): boolean {
    if (reason === undefined) return false
    refused(reason, ofAddress.has(reason) ? { address } : undefined)
    return true
  }

  async function admit(address: string): Promise<Refusal | undefined> {
    const refusal = await limits.admit(address)
    if (refusal !== 'unauthenticated') return refusal
    if (!limits.makeRoom(address, clock.now())) return refusal
    isRefused(refusal, address)
    return limits.admit(address)
  }

  return {
    domainFault,

    /** Returns a condition of BOSH and RFC 6120 §4.9.3 if the session is refused. Otherwise, call `limits.opened` next. */
    async ofClient(domain: string, address: string) {
      const fault = domainFault(domain)
      if (fault !== undefined) return fault
      const isTooOften = await limits.isTooOften(address)
      if (!registry.takesSessions) return 'system-shutdown'
      if (isRefused(isTooOften ? 'rate' : limits.refusalOfClient(registry.size), address)) return 'policy-violation'
      if (isRefused(await admit(address), address)) return 'policy-violation'
      // Another client may have taken the last place meanwhile.
      const isLate = isRefused(limits.refusalOfClient(registry.size), address)
      if (!isLate && registry.takesSessions) return undefined
      limits.notOpened(address)
      return registry.takesSessions ? 'policy-violation' : 'system-shutdown'
    },

    /** Throws a `Problem`. */
    ofLogin(domain: string, isRefusalCounted = false): void {
      const fail = (code: 'shutting-down' | 'host-unknown' | 'domain-not-allowed') =>
        new Problem(code, { step: 'connect' })
      if (!registry.takesSessions) throw fail('shutting-down')
      const fault = domainFault(domain)
      if (fault !== undefined) throw fail(fault === 'host-gone' ? 'host-unknown' : 'domain-not-allowed')
      const refusal = limits.refusal(registry.size)
      if (!isRefusalCounted) isRefused(refusal)
      if (refusal !== undefined) throw new Problem('service-full', { step: 'connect', detail: limitDetail(refusal) })
    },
  }
}
