import type { Config } from '../config/config.js'
import type { Clock } from '../lib/clock.js'
import type { Counts, EndReason } from '../lib/counts.js'
import type { OnRefused } from '../lib/limits/reached-limits.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { OpenLink } from '../xmpp/link.js'
import type { WhyUnmended } from './link/mending.js'
import type { ResumableStreams } from './logins/resumable-streams.js'

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
}

export interface SessionKeeper<Session> extends CommonParts {
  readonly loginMilliseconds: number
  /** By the keys of their tickets. */
  readonly tickets: Map<string, Session> | undefined
  readonly streams: ResumableStreams
  loggedIn(session: Session, jid: string, resumed?: string): void
  attached(session: Session): void
  resumed(session: Session): void
  dropped(session: Session): void
  /** Logged once a minute, because clients may cause many notices. */
  noticed(session: Session, what: string): void
  /** The state may have changed. */
  touched(session: Session): void
  unanswered(session: Session): void
  /** Called before `removed`, but only for an end that `Client.reportEnd` reports. */
  ended(session: Session): void
  removed(session: Session, reason: EndReason): void
  failed(session: Session, cause: unknown): void
}
