import { limitDetail } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import type { OpenerParts } from '../opener.js'
import type { Refusal } from './session-limits.js'

const ofAddress: ReadonlySet<Refusal> = new Set(['address', 'unauthenticated', 'rate'])

/** `Retry-After` when there are too many guests: sessions of closed pages end after one or two minutes. */
const fullSeconds = 60

const retired = { detail: 'The domain is no longer served: see XMPP_RETIRED_DOMAINS.', setting: 'XMPP_RETIRED_DOMAINS' }

/** Decides whether a session may be opened. */
export function createAdmission({ common, config }: OpenerParts) {
  const { domains, retiredDomains } = config
  const { registry, limits, counts, clock, refused } = common

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
    ofLogin(domain: string, isRefusalCounted = false, guestAddress?: string): void {
      if (!registry.takesSessions) throw new Problem('shutting-down', { step: 'connect' })
      const fault = domainFault(domain)
      if (fault === 'host-gone') throw new Problem('host-unknown', { step: 'connect', ...retired })
      if (fault !== undefined) throw new Problem('domain-not-allowed', { step: 'connect' })
      const refusal = limits.refusal(registry.size)
      if (!isRefusalCounted) isRefused(refusal)
      if (refusal !== undefined) throw new Problem('service-full', { step: 'connect', detail: limitDetail(refusal) })
      if (guestAddress === undefined) return
      const full = limits.isFullOfGuests(registry.countOf(domain)) ? 'guests' : undefined
      const limit = full ?? (limits.hasTooManyGuests(guestAddress) ? 'address' : undefined)
      if (limit === undefined) return
      refused(limit, limit === 'address' ? { address: guestAddress } : undefined)
      throw new Problem('too-many-requests', { retryAfterSeconds: fullSeconds, detail: limitDetail(limit) })
    },
  }
}
