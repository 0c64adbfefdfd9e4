import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Counts, EndReason } from '../counts.js'
import { Problem } from '../errors.js'
import { allowsDomain, withULabels } from '../jid/domains.js'
import type { Clock } from '../lib/clock.js'
import { Throttle } from '../lib/throttle.js'
import type { Failure, OpenLink } from '../link.js'
import { traceOf } from '../log.js'
import type { Fate } from '../xml/element.js'
import type { Client } from './client.js'
import type { SessionKeeper } from './keeper.js'
import type { Refusal, SessionLimits } from './limits.js'
import { type Attach, LoginOpening } from './opening.js'
import type { OutboxLimits } from './outbox.js'
import type { RateShaper } from './rate-shaper.js'
import type { Registry } from './registry.js'
import { Session } from './session.js'
import type { Open } from './sessions.js'
import { newSid } from './sid.js'

export interface OpenerParts {
  readonly registry: Registry
  /** Patterns of the domains that may be contacted. */
  readonly domains: readonly string[]
  /** Patterns of the domains that once were. */
  readonly retiredDomains: readonly string[]
  readonly outboxLimits: OutboxLimits
  /** Opens a link to a domain's XMPP server. */
  readonly connect: OpenLink
  readonly clock: Clock
  readonly log: Logger
  readonly counts: Counts
  /** How many sessions there may be. */
  readonly limits: SessionLimits
  /** How much their clients may send. */
  readonly shaper: RateShaper
}

/** Why a client gets no session, as BOSH and RFC 6120 §4.9.3 both call it. */
export type Unopened =
  | 'system-shutdown'
  | 'improper-addressing'
  | 'host-gone'
  | 'host-unknown'
  | 'policy-violation'

/** Opens sessions at the domains of a site, and keeps account of them. */
export class Opener implements SessionKeeper<Session> {
  readonly clock: Clock
  readonly outboxLimits: OutboxLimits
  readonly shaper: RateShaper
  readonly connect: OpenLink
  readonly counts: Counts
  readonly limits: SessionLimits
  readonly registry: Registry
  readonly #domains: readonly string[]
  readonly #retiredDomains: readonly string[]
  readonly #log: Logger
  /** The same reason for refusing sessions, or the same fault of servers, is logged once a minute. */
  readonly #warnings: Throttle<Refusal | Fate>

  constructor(parts: OpenerParts) {
    this.clock = parts.clock
    this.outboxLimits = parts.outboxLimits
    this.shaper = parts.shaper
    this.connect = parts.connect
    this.counts = parts.counts
    this.limits = parts.limits
    this.registry = parts.registry
    this.#domains = parts.domains
    this.#retiredDomains = parts.retiredDomains
    this.#log = parts.log
    this.#warnings = new Throttle(parts.clock)
  }

  /** Whether the service is being stopped, and opens no session. */
  get isStopping(): boolean {
    return this.registry.isStopping
  }

  /**
   * Opens a session for a client that logs in by itself, or says why not: the service is being stopped, the domain is none
   * of the site's or undefined, or there are too many sessions, in all or of this client. `make` makes its `Client`.
   */
  async openForClient<C extends Client>(
    domain: string | undefined,
    options: { lang: string; from: string | undefined },
    { address, secure }: { readonly address: string; readonly secure: boolean },
    make: (session: Session) => C,
  ): Promise<C | Unopened> {
    if (this.isStopping) return 'system-shutdown'
    if (domain === undefined) {
      this.counts.unknownHosts += 1
      return 'improper-addressing'
    }
    const fault = this.#domainFault(domain)
    if (fault !== undefined) return fault
    const { limits } = this
    const refusal = (await limits.isTooOften(address))
      ? 'rate'
      : (limits.refusal(this.registry.size) ?? limits.refusalOf(address))
    if (refusal !== undefined) {
      this.#refused(refusal)
      return 'policy-violation'
    }
    const { sid, id } = newSid()
    const session = new Session({ sid, id, domain, origin: 'client', keeper: this, isSecure: secure })
    const client = make(session)
    session.begin(client)
    session.connect(options)
    this.registry.add(session)
    limits.opened(session, address)
    this.#opened(session)
    return client
  }

  /** Opens sessions for logins of this process; `attach` makes what their pages will speak through. */
  forLogins(attach: Attach): Open {
    return (domain, wish, events) => {
      const fail = (code: 'shutting-down' | 'host-unknown' | 'domain-not-allowed' | 'service-full') =>
        new Problem(code, { step: 'connect' })
      if (this.isStopping) throw fail('shutting-down')
      const fault = this.#domainFault(domain)
      if (fault !== undefined) throw fail(fault === 'host-gone' ? 'host-unknown' : 'domain-not-allowed')
      const refusal = this.limits.refusal(this.registry.size)
      if (refusal !== undefined) {
        this.#refused(refusal)
        throw fail('service-full')
      }
      const { sid, id } = newSid()
      const session = new Session({ sid, id, domain, origin: 'warmed', keeper: this })
      const opening = new LoginOpening(session, wish, attach, events)
      session.begin(opening)
      const { lang, from, certificate = false, ahead } = wish
      session.connect({ lang, from, certificate, ahead }, opening)
      this.registry.add(session)
      this.#opened(session)
      return opening
    }
  }

  bound(session: Session): void {
    this.registry.bound(session)
    this.limits.loggedIn(session)
    // The warm API refuses one session too many before it logs in, and its callers need not be told afterwards.
    const isOwn = session.origin === 'client'
    if (isOwn && this.limits.isCrowded(this.registry.liveOf(session.jid!))) session.expel('limit')
  }

  loggedIn(session: Session): void {
    this.limits.loggedIn(session)
  }

  noticed({ id }: Session, what: string): void {
    this.#log.info({ session: id }, what)
  }

  unfit({ id }: Session, fate: Fate): void {
    this.counts.unfitStanzas[fate] += 1
    if (this.#warnings.isDue(fate))
      this.#log.info({ session: id, fate }, 'a stanza could not be passed on as it was')
  }

  failed(_session: Session, { step, code }: Failure): void {
    this.counts.linkFailures.add(step, code)
  }

  ended(session: Session, reason: EndReason): void {
    this.registry.remove(session)
    this.limits.ended(session)
    this.counts.sessionsEnded[reason] += 1
    this.#log.debug({ session: session.id, reason }, 'session ended')
  }

  broke(session: Session, cause: unknown): void {
    if (this.registry.remove(session)) this.counts.sessionsEnded.fault += 1
    this.limits.ended(session)
    this.report(cause, 'a session failed', { session: session.id })
  }

  /** Logs what was not foreseen, under a number of its own. */
  report(error: unknown, what = 'a request failed', about: object = {}): void {
    this.counts.faults += 1
    this.#log.error({ incident: randomUUID(), ...about, ...traceOf(error) }, what)
  }

  /** Why no session is opened at a domain; counts it. Undefined where one may be. */
  #domainFault(domain: string): 'host-gone' | 'host-unknown' | undefined {
    const isGone = allowsDomain(this.#retiredDomains, domain)
    if (!isGone && allowsDomain(this.#domains, domain)) return undefined
    this.counts.unknownHosts += 1
    return isGone ? 'host-gone' : 'host-unknown'
  }

  /** Takes note that a session is refused. */
  #refused(reason: Refusal): void {
    this.counts.sessionsRefused[reason] += 1
    if (this.#warnings.isDue(reason)) this.#log.warn({ reason }, 'sessions are refused')
  }

  #opened({ id, domain, origin }: Session): void {
    this.counts.sessionsCreated[origin] += 1
    const kind = origin === 'warmed' ? 'login' : 'browser'
    this.#log.debug({ session: id, domain: withULabels(domain), kind }, 'session created')
  }
}
