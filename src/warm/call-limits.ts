import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { FailedLogins } from '../http/failed-logins.js'
import { userOf } from '../jid/jid.js'
import { Rate } from '../lib/rates.js'
import type { Sessions } from '../session/sessions.js'

/** Who has called, and for which user, by bare JID: undefined for an anonymous login, whose server makes it up. */
export interface Caller {
  readonly admin: string
  readonly user: string | undefined
}

/** Limits the calls of the warm API and the sessions of one user. One for all hosts. */
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

  /** Counts a warm call. Throws a `Problem` where there were too many. */
  async warmed({ admin, user }: Caller): Promise<void> {
    const retryAfterSeconds =
      (await this.#warmsOfAdmin.take(admin)) ??
      (user === undefined ? undefined : await this.#warmsOfUser.take(userOf(user)))
    if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
  }

  /** Takes a call back that needed no login. */
  async reused({ admin, user }: Caller): Promise<void> {
    await this.#warmsOfAdmin.giveBack(admin)
    if (user !== undefined) await this.#warmsOfUser.giveBack(userOf(user))
  }

  /** Throws a `Problem` where a user would have more sessions than the limit with so many `more`. */
  async demandRoom(sessions: Pick<Sessions, 'ofJid'>, user: string | undefined, more: 0 | 1): Promise<void> {
    if (this.#sessionsOfUser === 0 || user === undefined) return
    // It is not known when a session at another endpoint ends. An ended session is kept only to tell its client.
    const all = await sessions.ofJid(user)
    const live = all.filter(({ state }) => state !== 'elsewhere' && state !== 'ended')
    if (live.length + more > this.#sessionsOfUser) throw new Problem('too-many-sessions')
  }
}
