import type { TellEvent } from '../events/events.js'
import { type EndReason, limitDetail } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { Client } from './client.js'
import type { Refusal, SessionLimits } from './limits/session-limits.js'
import type { UserLimit } from './limits/user-limit.js'
import type { Management } from './link/mending.js'
import { ClientAttempts } from './logins/client-attempts.js'
import type { RefusedLogins } from './logins/refused-logins.js'
import { type MakePageClient, openingOf } from './opening.js'
import type { Registry } from './registry/registry.js'
import { Session } from './session.js'
import type { CommonParts, SessionKeeper } from './session-keeper.js'
import { type SessionLogParts, sessionLog } from './session-log.js'
import type { SessionRecord } from './session-record.js'
import type { Open } from './session-types.js'

export interface OpenerParts extends CommonParts, SessionLogParts {
  readonly registry: Registry
  readonly domains: readonly string[]
  readonly retiredDomains: readonly string[]
  readonly limits: SessionLimits
  readonly refusedLogins: RefusedLogins
  readonly userLimit: UserLimit
  readonly issuesTickets: boolean
  readonly tellEvent?: TellEvent | undefined
}

const ofAddress: ReadonlySet<Refusal> = new Set(['address', 'unauthenticated', 'rate'])

export type Opener = ReturnType<typeof createOpener>

export function createOpener(parts: OpenerParts) {
  const { registry, limits, refusedLogins, counts, clock, tellEvent } = parts
  const log = sessionLog(parts)
  const keeper = keeperOf(parts, log)

  function domainFault(domain: string): 'host-gone' | 'host-unknown' | undefined {
    const isGone = allowsDomain(parts.retiredDomains, domain)
    if (!isGone && allowsDomain(parts.domains, domain)) return undefined
    counts.unknownHosts += 1
    return isGone ? 'host-gone' : 'host-unknown'
  }

  function isRefused(reason: Refusal | undefined, address?: string): boolean {
    if (reason === undefined) return false
    parts.refused(reason, ofAddress.has(reason) ? { address } : undefined)
    return true
  }

  function isTooLate(management: Management | undefined): boolean {
    // Without `<enabled/>` in the login, the server's answer may come after the stop.
    return registry.isSettingDown || (registry.isLeaving && typeof management?.enabled !== 'object')
  }

  async function admit(address: string): Promise<Refusal | undefined> {
    const refusal = await limits.admit(address)
    if (refusal !== 'unauthenticated') return refusal
    if (!limits.makeRoom(address, clock.now())) return refusal
    isRefused(refusal, address)
    return limits.admit(address)
  }

  function begin(session: Session, client: Client, options: LinkOptions, events?: LinkEvents): void {
    session.begin(client, options, events)
    registry.add(session)
    counts.sessionsCreated[session.origin] += 1
    log.created(session)
  }

  return {
    report: log.report,

    /** If the session is refused, returns a condition of BOSH and RFC 6120 §4.9.3. */
    async openForClient<C extends Client>(
      domain: string | undefined,
      options: { lang: string; from: string | undefined },
      by: { readonly address: string; readonly secure: boolean; readonly browser?: string | undefined },
      make: (session: Session) => C,
    ) {
      const { address, secure, browser } = by
      if (!registry.takesSessions) return 'system-shutdown'
      if (domain === undefined) {
        counts.unknownHosts += 1
        return 'improper-addressing'
      }
      const fault = domainFault(domain)
      if (fault !== undefined) return fault
      const isTooOften = await limits.isTooOften(address)
      if (!registry.takesSessions) return 'system-shutdown'
      if (isRefused(isTooOften ? 'rate' : limits.refusalOfClient(registry.size), address)) return 'policy-violation'
      if (isRefused(await admit(address), address)) return 'policy-violation'
      // Another client may have taken the last place meanwhile.
      const isLate = isRefused(limits.refusalOfClient(registry.size), address)
      if (isLate || !registry.takesSessions) {
        limits.notOpened(address)
        return registry.takesSessions ? 'policy-violation' : 'system-shutdown'
      }
      const attempts = new ClientAttempts(refusedLogins, address, domain)
      const session = new Session(domain, keeper, { isSecure: secure, attempts })
      session.history.browser = browser
      limits.opened(session, address, attempts, clock.now())
      try {
        const client = make(session)
        begin(session, client, options)
        return client
      } catch (error) {
        limits.removed(session)
        throw error
      }
    },

    takeUp(before: SessionRecord, makeClient: (session: Session) => Client, management: Management): boolean {
      if (domainFault(before.domain) !== undefined || registry.byId(before.id) !== undefined) return false
      let session: Session | undefined
      try {
        session = new Session(before.domain, keeper, undefined, before)
        session.takeUp(before, makeClient(session), management)
      } catch (error) {
        if (session === undefined) log.report(error)
        else session.fail(error)
        return false
      }
      registry.add(session)
      counts.sessionsCreated['taken-up'] += 1
      return true
    },

    forLogins(makeClient: MakePageClient): Open {
      return (domain, wish, events) => {
        const fail = (code: 'shutting-down' | 'host-unknown' | 'domain-not-allowed') =>
          new Problem(code, { step: 'connect' })
        if (!registry.takesSessions) throw fail('shutting-down')
        const fault = domainFault(domain)
        if (fault !== undefined) throw fail(fault === 'host-gone' ? 'host-unknown' : 'domain-not-allowed')
        const refusal = limits.refusal(registry.size)
        if (refusal !== undefined && wish.isRefusalCounted !== true) isRefused(refusal)
        if (refusal !== undefined) throw new Problem('service-full', { step: 'connect', detail: limitDetail(refusal) })
        const session = new Session(domain, keeper, undefined, undefined, wish.entered)
        session.tab = wish.tab
        session.history.openedBy = wish.openedBy
        if (tellEvent !== undefined) session.ids = wish.ids
        const { client, linkEvents, openLogin } = openingOf(session, wish, makeClient, events, isTooLate)
        const { lang, from, certificate = false, ahead } = wish
        begin(session, client, { lang, from, certificate, ahead }, linkEvents)
        return openLogin
      }
    },
  }
}

function keeperOf(parts: OpenerParts, log: ReturnType<typeof sessionLog>): SessionKeeper<Session> {
  const { registry, limits, userLimit, counts, tellEvent } = parts
  /** Sends no event if the portal never got the session (`unclaimed`), or another process continues it (`set-down`). */
  const tellEnd = (session: Session, reason: EndReason) => {
    if (session.stage.sendsEvents && reason !== 'unclaimed' && reason !== 'set-down')
      tellEvent?.('session.ended', session, reason)
  }
  const endEarlier = (stream: string, { id, domain }: Session, jid: string) => {
    const before = registry.streams.of(domain, stream)
    if (before === undefined || before.session === id || userOf(before.jid) !== userOf(jid)) return
    registry.byId(before.session)?.end('connection-closed', 'resumable')
  }
  return {
    ...parts,
    loginMilliseconds: limits.loginMilliseconds,
    tickets: parts.issuesTickets ? registry.tickets : undefined,
    streams: registry.streams,
    dropped: log.dropped,
    noticed: log.noticed,
    unanswered: log.unanswered,
    loggedIn(session, jid, resumed) {
      if (session.origin === 'client') counts.clientsLoggedIn += 1
      limits.loggedIn(session)
      if (resumed !== undefined) endEarlier(resumed, session, jid)
      registry.bound(session, jid)
      userLimit.bound(session, jid)
    },
    attached: session => tellEvent?.('session.attached', session),
    resumed(session) {
      registry.changed(session)
      tellEvent?.('session.resumed', session)
    },
    ended(session) {
      limits.ended(session)
      registry.changed(session)
    },
    removed(session, reason) {
      registry.remove(session)
      limits.removed(session)
      counts.sessionsEnded[reason] += 1
      tellEnd(session, reason)
      log.ended(session, reason)
    },
    failed(session, cause) {
      if (registry.remove(session)) {
        counts.sessionsEnded.fault += 1
        tellEnd(session, 'fault')
      }
      limits.removed(session)
      log.report(cause, session.client?.transport, session.id)
    },
  }
}
