import type { Config } from '../config/config.js'
import type { LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { Client } from './client.js'
import { createAdmission } from './limits/admission.js'
import type { Management } from './link/mending.js'
import { ClientAttempts } from './logins/client-attempts.js'
import { type MakePageClient, openingOf } from './opening.js'
import { Session } from './session.js'
import { type CommonParts, keeperOf, type SessionKeeper } from './session-keeper.js'
import type { SessionRecord } from './session-record.js'
import type { Open, TellEvent } from './session-types.js'

export interface OpenerParts {
  readonly common: CommonParts
  readonly config: Pick<Config, 'domains' | 'retiredDomains' | 'websocket'>
  readonly tellEvent?: TellEvent | undefined
}

export class Opener {
  readonly #parts: OpenerParts
  readonly #admission: ReturnType<typeof createAdmission>
  readonly #keeper: SessionKeeper

  constructor(parts: OpenerParts) {
    this.#parts = parts
    this.#admission = createAdmission(parts)
    this.#keeper = keeperOf(parts)
  }

  /** If the session is refused, returns a condition of BOSH and RFC 6120 §4.9.3. */
  async openForClient<C extends Client>(
    domain: string | undefined,
    options: { lang: string; from: string | undefined },
    by: { readonly address: string; readonly secure: boolean; readonly browser?: string | undefined },
    make: (session: Session) => C,
  ) {
    const { registry, loginDelays, limits, counts, clock } = this.#parts.common
    const { address, secure, browser } = by
    if (!registry.takesSessions) return 'system-shutdown'
    if (domain === undefined) {
      counts.unknownHosts += 1
      return 'improper-addressing'
    }
    const refusal = await this.#admission.ofClient(domain, address)
    if (refusal !== undefined) return refusal
    const attempts = new ClientAttempts(loginDelays, address, domain)
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
    const { registry, counts, log } = this.#parts.common
    if (this.#admission.domainFault(before.domain) !== undefined || registry.byId(before.id) !== undefined) return false
    let session: Session | undefined
    try {
      session = new Session(before.domain, this.#keeper, undefined, before)
      this.#countGuest(session)
      session.takeUp(before, makeClient(session), management)
    } catch (error) {
      if (session === undefined) log.report(error)
      else session.fail(error)
      return false
    }
    registry.add(session)
    counts.sessionsCreated['taken-up'] += 1
    return true
  }

  forLogins(makeClient: MakePageClient): Open {
    return (domain, wish, events) => {
      this.#admission.ofLogin(domain, wish.isRefusalCounted, wish.guestAddress)
      const session = new Session(domain, this.#keeper, undefined, undefined, wish.entered)
      session.tab = wish.tab
      session.history.openedBy = wish.openedBy
      if (this.#parts.tellEvent !== undefined) session.ids = wish.ids
      const { client, linkEvents, openLogin } = openingOf(session, wish, makeClient, events)
      const { lang, from, certificate = false, ahead } = wish
      session.guestAddress = wish.guestAddress
      this.#countGuest(session)
      try {
        this.#begin(session, client, { lang, from, certificate, ahead }, linkEvents)
      } catch (error) {
        this.#parts.common.limits.removed(session)
        throw error
      }
      return openLogin
    }
  }

  #countGuest(session: Session): void {
    if (session.guestAddress !== undefined) this.#parts.common.limits.guestOpened(session, session.guestAddress)
  }

  #begin(session: Session, client: Client, options: LinkOptions, events?: LinkEvents): void {
    const { registry, counts, log } = this.#parts.common
    session.begin(client, options, events)
    registry.add(session)
    counts.sessionsCreated[session.origin] += 1
    log.created(session)
  }
}
