import type { TellEvent } from '../events/events.js'
import type { EndReason } from '../lib/counts.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { Client } from './client.js'
import { type AdmissionParts, createAdmission } from './limits/admission.js'
import type { UserLimit } from './limits/user-limit.js'
import type { Management } from './link/mending.js'
import { ClientAttempts } from './logins/client-attempts.js'
import type { RefusedLogins } from './logins/refused-logins.js'
import { type MakePageClient, openingOf } from './opening.js'
import { Session } from './session.js'
import type { CommonParts, SessionKeeper } from './session-keeper.js'
import { type SessionLogParts, sessionLog } from './session-log.js'
import type { SessionRecord } from './session-record.js'
import type { Open } from './session-types.js'

export interface OpenerParts extends CommonParts, SessionLogParts, Omit<AdmissionParts, 'counts'> {
  readonly refusedLogins: RefusedLogins
  readonly userLimit: UserLimit
  readonly issuesTickets: boolean
  readonly tellEvent?: TellEvent | undefined
}

export type Opener = ReturnType<typeof createOpener>

export function createOpener(parts: OpenerParts) {
  const { registry, limits, refusedLogins, counts, clock, tellEvent } = parts
  const admission = createAdmission(parts)
  const log = sessionLog(parts)
  const keeper = keeperOf(parts, log)

  function isTooLate(management: Management | undefined): boolean {
    // Without `<enabled/>` in the login, the server's answer may come after the stop.
    return registry.isSettingDown || (registry.isLeaving && typeof management?.enabled !== 'object')
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
      const refusal = await admission.ofClient(domain, address)
      if (refusal !== undefined) return refusal
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
      if (admission.domainFault(before.domain) !== undefined || registry.byId(before.id) !== undefined) return false
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
        admission.ofLogin(domain, wish.isRefusalCounted)
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
    touched: session => registry.book?.touched(session),
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
