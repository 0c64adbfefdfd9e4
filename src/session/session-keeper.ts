import type { Config } from '../config/config.js'
import type { Clock } from '../lib/clock.js'
import type { Counts, EndReason } from '../lib/counts.js'
import type { OnRefused } from '../lib/limits/reached-limits.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { OpenLink } from '../xmpp/link.js'
import type { SessionLimits } from './limits/session-limits.js'
import type { UserLimit } from './limits/user-limit.js'
import type { WhyUnmended } from './link/mending.js'
import type { LoginDelays } from './logins/login-delays.js'
import type { OpenerParts } from './opener.js'
import type { Registry } from './registry/registry.js'
import type { Session } from './session.js'
import type { SessionLog } from './session-log.js'

/** What the sessions of a process have in common. */
export interface CommonParts {
  readonly clock: Clock
  readonly processName?: string | undefined
  readonly counts: Counts
  readonly maxStanzaBytes: number
  readonly refused: OnRefused
  readonly serverMilliseconds?: number | undefined
  readonly mostElements?: number | undefined
  readonly waiting: WaitingMemory
  readonly byteRate: Pick<Config['rates'], 'sessionBytes' | 'sessionBurst'>
  readonly connect: OpenLink
  readonly unmended: (domain: string, why: WhyUnmended) => void
  readonly registry: Registry
  readonly limits: SessionLimits
  readonly loginDelays: LoginDelays
  readonly userLimit: UserLimit
  readonly log: SessionLog
}

export type SessionKeeper = ReturnType<typeof keeperOf>

/** What sessions tell the parts of the process. */
export function keeperOf({ common, config, tellEvent }: OpenerParts) {
  const { registry, limits, userLimit, counts, log } = common
  const endEarlier = (stream: string, { id, domain }: Session, jid: string) => {
    const before = registry.streams.of(domain, stream)
    if (before === undefined || before.session === id || userOf(before.jid) !== userOf(jid)) return
    registry.byId(before.session)?.end('connection-closed', 'resumable')
  }
  return {
    common,
    /** By the keys of their tickets. */
    tickets: config.websocket.enabled ? registry.tickets : undefined,
    /** The state may have changed. */
    touched(session: Session): void {
      registry.book?.touched(session)
      registry.kept?.touched(session)
    },
    get kept() {
      return registry.kept
    },
    /** If true, records of the session are stored while it lives. */
    keeps: (session: Session): boolean => registry.kept !== undefined && session.maySetDown,
    loggedIn(session: Session, jid: string, resumed?: string): void {
      if (session.origin === 'client') counts.clientsLoggedIn += 1
      limits.loggedIn(session)
      if (resumed !== undefined) endEarlier(resumed, session, jid)
      registry.bound(session, jid)
      userLimit.bound(session, jid)
    },
    attached: (session: Session): void => tellEvent?.('session.attached', session),
    resumed(session: Session): void {
      registry.changed(session)
      tellEvent?.('session.resumed', session)
    },
    /** Called before `removed`, but only for an end that `Client.reportEnd` reports. */
    ended(session: Session): void {
      limits.ended(session)
      registry.changed(session)
    },
    removed(session: Session, reason: EndReason): void {
      const isSetDown = reason === 'set-down'
      registry.kept?.removed(session)
      limits.removed(session)
      // A session that has failed may have been removed before.
      if (!registry.remove(session, isSetDown)) return
      counts.sessionsEnded[reason] += 1
      // If no portal got the session, or another process continues it, no event is sent.
      if (session.stage.sendsEvents && reason !== 'unclaimed' && !isSetDown)
        tellEvent?.('session.ended', session, reason)
      log.ended(session, reason)
    },
  }
}
