import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { FailedLogins } from '../http/failed-logins.js'
import { userOf } from '../jid/jid.js'
import { Rate } from '../lib/rates.js'
import type { Sessions } from '../session/sessions.js'

/** Who has called, and for which user, by bare JID: undefined for an anonymous login, whose server makes it up. */
interface Caller {
  readonly admin: string
  readonly user: string | undefined
}

export type CallLimits = ReturnType<typeof createCallLimits>

/** Limits the calls of the warm API and the sessions of one user. One for all hosts. */
export function createCallLimits({ limits, rates }: Pick<Config, 'limits' | 'rates'>) {
  const most = limits.sessionsPerJid
  const warmsOfUser = new Rate(rates.warmsPerJid, 60)
  const warmsOfAdmin = new Rate(rates.warmsPerAdmin, 60)
  return {
    failures: new FailedLogins(rates.failedLogins),
    /** Counts a warm call. Throws a `Problem` where there were too many. */
    async warmed({ admin, user }: Caller): Promise<void> {
      let retryAfterSeconds = await warmsOfAdmin.take(admin)
      if (user !== undefined) retryAfterSeconds ??= await warmsOfUser.take(userOf(user))
      if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
    },
    /** Takes a call back that needed no login. */
    async reused({ admin, user }: Caller): Promise<void> {
      await warmsOfAdmin.giveBack(admin)
      if (user !== undefined) await warmsOfUser.giveBack(userOf(user))
    },
    /** Throws a `Problem` where a user would have more sessions than the limit with so many `more`. */
    async demandRoom(
      sessions: Pick<Sessions, 'ofJid'>,
      user: string | undefined,
      more: 0 | 1,
    ): Promise<void> {
      if (most === 0 || user === undefined) return
      // It is not known when a session at another endpoint ends. An ended session is kept only to tell its client.
      const all = await sessions.ofJid(user)
      const live = all.filter(({ state }) => state !== 'elsewhere' && state !== 'ended')
      if (live.length + more > most) throw new Problem('too-many-sessions')
    },
  }
}
