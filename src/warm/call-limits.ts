import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { FailedLogins } from '../http/failed-logins.js'
import { userOf } from '../jid/user-of.js'
import { Rate } from '../lib/rates.js'
import type { Sessions } from '../sessions.js'

/** Whose call it is, and for whom. */
export interface Caller {
  readonly admin: string
  /** A bare JID; undefined where nobody knows yet who it will be. */
  readonly user: string | undefined
}

/** How many calls of the warm API there may be, and sessions of one user; one for all sites. */
export class CallLimits {
  readonly failures: FailedLogins
  readonly #warmsOfUser: Rate
  readonly #warmsOfAdmin: Rate
  readonly #sessionsOfUser: number

  constructor({ limits, rates }: Pick<Config, 'limits' | 'rates'>) {
    this.failures = new FailedLogins(rates.failedLogins)
    this.#warmsOfUser = new Rate(rates.warmsPerJid, 60)
    this.#warmsOfAdmin = new Rate(rates.warmsPerAdmin, 60)
    this.#sessionsOfUser = limits.sessionsPerJid
  }

  /** Takes note of a warm call. Throws a `Problem` where there were too many. */
  async warmed({ admin, user }: Caller): Promise<void> {
    const retryAfterSeconds =
      (await this.#warmsOfAdmin.take(admin)) ??
      (user === undefined ? undefined : await this.#warmsOfUser.take(userOf(user)))
    if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
  }

  /** Takes it back: the session was there already. */
  async reused({ admin, user }: Caller): Promise<void> {
    await this.#warmsOfAdmin.giveBack(admin)
    if (user !== undefined) await this.#warmsOfUser.giveBack(userOf(user))
  }

  /** Throws a `Problem` where a user has no room for so many sessions more, or has more than there is room for. */
  demandRoom(sessions: Pick<Sessions, 'ofJid'>, user: string | undefined, more: 0 | 1): void {
    if (this.#sessionsOfUser === 0 || user === undefined) return
    // Nobody says when one ends that lives elsewhere, and one that has ended waits for nothing but to be told so.
    const live = sessions.ofJid(user).filter(({ state }) => state !== 'elsewhere' && state !== 'ended')
    if (live.length + more > this.#sessionsOfUser) throw new Problem('too-many-sessions')
  }
}
