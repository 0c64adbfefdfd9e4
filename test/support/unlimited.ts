import { pino } from 'pino'
import type { Config } from '../../src/config/config.js'
import { UnfinishedBodies } from '../../src/http/bodies/unfinished-bodies.js'
import { Counts } from '../../src/lib/counts.js'
import { MinuteSums } from '../../src/lib/limits/minute-sums.js'
import { ownRates } from '../../src/lib/limits/rates.js'
import type { OnRefused } from '../../src/lib/limits/reached-limits.js'
import { type LimitParts, SessionLimits } from '../../src/session/limits/session-limits.js'
import { LoginDelays, type LoginDelaysParts } from '../../src/session/logins/login-delays.js'
import { FakeClock } from './fake-clock.js'

/** Settings without limits for tests that repeatedly warm the same users and guess passwords. */
export const unlimited = { RATE_WARMS_PER_JID: '0', RATE_FAILED_LOGINS: '0', MAX_SESSIONS_PER_JID: '0' }

export const unnoted = () => {}

export const noLimits = {
  ...{ sessions: 0, guests: 0, sessionsPerAddress: 0, unauthenticatedPerAddress: 0, loginTimeout: 0 },
  heldRequests: 0,
}

const anyResources: LimitParts['resources'] = { memoryAllows: () => true, descriptorsAreLeft: () => true }

/** What is read of the settings. */
export interface Settings {
  readonly limits: Partial<Config['limits']>
  readonly rates: Partial<Config['rates']>
  readonly bosh: Pick<Config['bosh'], 'maxRequests'>
  readonly trustedProxies: Pick<Config['trustedProxies'], 'hasProxy'>
}

const anyProxy: Settings['trustedProxies'] = { hasProxy: () => true }

export function noSessionLimits(about: Partial<Omit<LimitParts, 'config'> & Settings> = {}): SessionLimits {
  const { limits = noLimits, rates = { sessionsPerAddress: 0 } } = about
  const { bosh = { maxRequests: 2 }, trustedProxies = anyProxy, ...more } = about
  return new SessionLimits({
    config: { limits, rates, bosh, trustedProxies } as Config,
    makeRate: ownRates,
    resources: anyResources,
    resourcesOfClients: anyResources,
    ...more,
  })
}

/** Any number of logins may be refused, without a line in the audit trail. */
export function noLoginLimits(about: Partial<Omit<LoginDelaysParts, 'config'> & Settings> = {}): LoginDelays {
  const { rates = { loginsPerAddress: 0 }, limits = { loginTimeout: 60 }, trustedProxies = anyProxy, ...more } = about
  return new LoginDelays({
    config: { rates, limits, trustedProxies } as Config,
    makeRate: ownRates,
    counts: new Counts(),
    refused: unnoted,
    clock: new FakeClock(),
    sums: new MinuteSums(more.clock ?? new FakeClock()),
    audit: pino({ level: 'silent' }),
    ...more,
  })
}

/** `unfinishedMegabytes`: 0 is no limit. */
export function bodiesOf(
  unfinishedMegabytes: number,
  trustedProxies: Settings['trustedProxies'] = { hasProxy: () => false },
  refused: OnRefused = unnoted,
): UnfinishedBodies {
  return new UnfinishedBodies({ config: { limits: { unfinishedMegabytes }, trustedProxies } as Config, refused })
}
