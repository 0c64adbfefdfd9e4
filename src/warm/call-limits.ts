import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { FailedLogins } from '../http/failed-logins.js'
import { userOf } from '../jid/jid.js'
import { type MakeRate, ownRates } from '../lib/rates.js'

/** Who has called, and for which user, by bare JID: undefined for an anonymous login, whose server makes it up. */
interface Caller {
  readonly admin: string
  readonly user: string | undefined
}

export type CallLimits = ReturnType<typeof createCallLimits>

/** Limits the calls of the warm API. One for all hosts. */
export function createCallLimits({ rates }: Pick<Config, 'rates'>, makeRate: MakeRate = ownRates) {
  const warmsOfUser = makeRate('warms-jid', rates.warmsPerJid, 60)
  const warmsOfAdmin = makeRate('warms-admin', rates.warmsPerAdmin, 60)
  return {
    failures: new FailedLogins(rates.failedLogins, makeRate),
    /** Counts a warm call. Throws a `Problem` where there were too many. */
    async warmed({ admin, user }: Caller): Promise<void> {
      let retryAfterSeconds = await warmsOfAdmin.take(admin)
      if (user !== undefined) retryAfterSeconds ??= await warmsOfUser.take(userOf(user))
      if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
    },
    /** Takes a call back that needed no login, or was refused for a reason of this service's own. */
    async takenBack({ admin, user }: Caller): Promise<void> {
      await warmsOfAdmin.giveBack(admin)
      if (user !== undefined) await warmsOfUser.giveBack(userOf(user))
    },
  }
}
