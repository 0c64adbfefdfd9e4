import { pino } from 'pino'
import { Counts } from '../../src/lib/counts.js'
import { MinuteSums } from '../../src/lib/limits/minute-sums.js'
import { ownRates } from '../../src/lib/limits/rates.js'
import { type LimitParts, SessionLimits } from '../../src/session/limits/session-limits.js'
import { LoginDelays, type LoginDelaysParts } from '../../src/session/logins/login-delays.js'
import { FakeClock } from './fake-clock.js'

/** Settings without limits for tests that repeatedly warm the same users and guess passwords. */
export const unlimited = { RATE_WARMS_PER_JID: '0', RATE_FAILED_LOGINS: '0', MAX_SESSIONS_PER_JID: '0' }

export const unnoted = () => {}

export const noLimits: LimitParts['limits'] = {
  ...{ sessions: 0, guests: 0, sessionsPerAddress: 0, unauthenticatedPerAddress: 0, loginTimeout: 0 },
  heldRequests: 0,
}

const anyResources: LimitParts['resources'] = { memoryAllows: () => true, descriptorsAreLeft: () => true }

export function noSessionLimits(more: Partial<LimitParts> = {}): SessionLimits {
  return new SessionLimits({
    limits: noLimits,
    makeRate: ownRates,
    rates: { sessionsPerAddress: 0, guests: 0 },
    bosh: { maxRequests: 2 },
    trustedProxies: { hasProxy: () => true },
    resources: anyResources,
    resourcesOfClients: anyResources,
    ...more,
  })
}

/** Any number of logins may be refused, without a line in the audit trail. */
export function noLoginLimits(more: Partial<LoginDelaysParts> = {}): LoginDelays {
  return new LoginDelays({
    makeRate: ownRates,
    rates: { loginsPerAddress: 0 },
    limits: { loginTimeout: 60 },
    trustedProxies: { hasProxy: () => true },
    counts: new Counts(),
    refused: unnoted,
    clock: new FakeClock(),
    sums: new MinuteSums(more.clock ?? new FakeClock()),
    audit: pino({ level: 'silent' }),
    ...more,
  })
}
