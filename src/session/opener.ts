import type { MinuteSums } from '../lib/limits/minute-sums.js'
import type { LogFor } from '../lib/log.js'
import type { LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { Client } from './client.js'
import { createAdmission } from './limits/admission.js'
import type { SessionLimits } from './limits/session-limits.js'
import type { UserLimit } from './limits/user-limit.js'
import type { Management } from './link/mending.js'
import { ClientAttempts } from './logins/client-attempts.js'
import type { RefusedLogins } from './logins/refused-logins.js'
import { type MakePageClient, openingOf } from './opening.js'
import type { Registry } from './registry/registry.js'
import { Session } from './session.js'
import { type CommonParts, keeperOf, type SessionKeeper } from './session-keeper.js'
import { type SessionLog, sessionLog } from './session-log.js'
import type { SessionRecord } from './session-record.js'
import type { Open, TellEvent } from './session-types.js'

export interface OpenerParts {
  readonly common: CommonParts
  readonly registry: Registry
  readonly limits: SessionLimits
  readonly refusedLogins: RefusedLogins
  readonly userLimit: UserLimit
  readonly domains: readonly string[]
  readonly retiredDomains: readonly string[]
  readonly issuesTickets: boolean
  readonly logFor: LogFor
  readonly sums: MinuteSums
  readonly tellEvent?: TellEvent | undefined
}

export class Opener {
  readonly #parts: OpenerParts
  readonly #admission: ReturnType<typeof createAdmission>
  readonly #log: SessionLog
  readonly #keeper: SessionKeeper

  constructor(parts: OpenerParts) {
    this.#parts = parts
    this.#admission = createAdmission(parts)
    this.#log = sessionLog(parts)
    this.#keeper = keeperOf(parts, this.#log)
  }

  get report(): SessionLog['report'] {
    return this.#log.report
  }

  /** If the session is refused, returns a condition of BOSH and RFC 6120 §4.9.3. */
  async openForClient<C extends Client>(
    domain: string | undefined,
    options: { lang: string; from: string | undefined },
    by: { readonly address: string; readonly secure: boolean; readonly browser?: string | undefined },
    make: (session: Session) => C,
  ) {
    const { registry, refusedLogins, limits } = this.#parts
    const { counts, clock } = this.#parts.common
    const { address, secure, browser } = by
    if (!registry.takesSessions) return 'system-shutdown'
    if (domain === undefined) {
      counts.unknownHosts += 1
      return 'improper-addressing'
    }
    const refusal = await this.#admission.ofClient(domain, address)
    if (refusal !== undefined) return refusal
    const attempts = new ClientAttempts(refusedLogins, address, domain)
    const session = new Session(domain, this.#keeper, { isSecure: secure, attempts })
    session.history.browser = browser
    limits.opened(session, address, attempts, clock.now())
    try {
      const client = make(session)
      this.#begin(session, client, options)
      return client
    } catch (error) {
      limits.removed(session)
      throw error
    }
  }

  takeUp(before: SessionRecord, makeClient: (session: Session) => Client, management: Management): boolean {
    const { registry, common } = this.#parts
    if (this.#admission.domainFault(before.domain) !== undefined || registry.byId(before.id) !== undefined) return false
    let session: Session | undefined
    try {
      session = new Session(before.domain, this.#keeper, undefined, before)
      this.#countGuest(session)
      session.takeUp(before, makeClient(session), management)
    } catch (error) {
      if (session === undefined) this.#log.report(error)
      else session.fail(error)
      return false
    }
    registry.add(session)
    common.counts.sessionsCreated['taken-up'] += 1
    return true
  }

  forLogins(makeClient: MakePageClient): Open {
    return (domain, wish, events) => {
      this.#admission.ofLogin(domain, wish.isRefusalCounted, wish.guestAddress)
      const session = new Session(domain, this.#keeper, undefined, undefined, wish.entered)
      session.tab = wish.tab
      session.history.openedBy = wish.openedBy
      if (this.#parts.tellEvent !== undefined) session.ids = wish.ids
      const isTooLate = (management?: Management) => this.#isTooLate(management)
      const { client, linkEvents, openLogin } = openingOf(session, wish, makeClient, events, isTooLate)
      const { lang, from, certificate = false, ahead } = wish
      session.guestAddress = wish.guestAddress
      this.#countGuest(session)
      try {
        this.#begin(session, client, { lang, from, certificate, ahead }, linkEvents)
      } catch (error) {
        this.#parts.limits.removed(session)
        throw error
      }
      return openLogin
    }
  }

  #countGuest(session: Session): void {
    if (session.guestAddress !== undefined) this.#parts.limits.guestOpened(session, session.guestAddress)
  }

  #begin(session: Session, client: Client, options: LinkOptions, events?: LinkEvents): void {
    session.begin(client, options, events)
    this.#parts.registry.add(session)
    this.#parts.common.counts.sessionsCreated[session.origin] += 1
    this.#log.created(session)
  }

  #isTooLate(management: Management | undefined): boolean {
    const { phase } = this.#parts.registry
    // Without `<enabled/>` in the login, the server's answer may come after the stop.
    return phase.has('setting-down') || (phase.has('stopping') && typeof management?.enabled !== 'object')
  }
}
