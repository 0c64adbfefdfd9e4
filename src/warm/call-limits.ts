import type { Config } from '../config/config.js'
import { WrongSecrets } from '../http/access/wrong-secrets.js'
import { type Limit, limitDetail } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import type { MakeRate } from '../lib/limits/rates.js'
import type { OnRefused } from '../lib/limits/reached-limits.js'
import { userOf } from '../xmpp/jid/jid.js'
import { type ActingAccountsParts, createActingAccounts } from './acting-accounts.js'

export interface Caller {
  readonly admin: string
  /** A bare JID. Undefined for an anonymous login. */
  readonly user: string | undefined
}

interface CallLimitsParts extends Pick<ActingAccountsParts, 'clock' | 'keys'> {
  readonly rates: Config['rates']
  readonly makeRate: MakeRate
  readonly refused: OnRefused
}

export type CallLimits = ReturnType<typeof createCallLimits>

export function createCallLimits({ rates, clock, keys, makeRate, refused }: CallLimitsParts) {
  const warmsOfUser = makeRate('warms-jid', () => rates.warmsPerJid, 60)
  const warmsOfAdmin = makeRate('warms-admin', () => rates.warmsPerAdmin, 60)
  const signOuts = makeRate('sign-outs', () => rates.warmsPerJid, 60)
  const failures = new WrongSecrets(() => rates.failedLogins, refused, makeRate)
  return {
    acting: createActingAccounts({
      rate: warmsOfUser,
      clock,
      keys,
      refused: admin => refused('warms-user', { admin }),
    }),
    failures,
    keys,
    async count({ admin, user }: Caller): Promise<void> {
      const judge = (limit: Limit, retryAfterSeconds: number | undefined) => {
        if (retryAfterSeconds === undefined) return
        refused(limit, { admin })
        throw new Problem('too-many-requests', { retryAfterSeconds, detail: limitDetail(limit) })
      }
      // The user's limit is checked first, so that calls above this limit do not count for the admin.
      if (user !== undefined) judge('warms-user', await warmsOfUser.take(userOf(user)))
      const retryAfterSeconds = await warmsOfAdmin.take(admin)
      if (retryAfterSeconds !== undefined && user !== undefined) await warmsOfUser.giveBack(userOf(user))
      judge('warms-admin', retryAfterSeconds)
    },
    /** For pages, which sign out with any valid token. */
    async countSignOut({ admin, user, visit }: Caller & { readonly visit: string | undefined }): Promise<void> {
      const retryAfterSeconds = await signOuts.take(JSON.stringify([user, visit]))
      if (retryAfterSeconds === undefined) return
      refused('warms-user', { admin })
      throw new Problem('too-many-requests', { retryAfterSeconds, detail: limitDetail('warms-user') })
    },
    async uncount({ admin, user }: Caller): Promise<void> {
      await warmsOfAdmin.giveBack(admin)
      if (user !== undefined) await warmsOfUser.giveBack(userOf(user))
    },
  }
}
