import type { Clock } from '../lib/clock.js'
import type { Counts, EndReason } from '../lib/counts.js'
import type { OnRefused } from '../lib/limits/reached-limits.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { OpenLink } from '../xmpp/link.js'
import type { RateShaper } from './limits/rate-shaper.js'
import type { WhyUnmended } from './link/mending.js'
import type { ResumableStreams } from './logins/resumable-streams.js'
import type { Tickets } from './ticket.js'

export interface SessionKeeper<Session> {
  readonly clock: Clock
  readonly processName?: string | undefined
  readonly counts: Counts
  readonly loginMilliseconds: number
  readonly maxStanzaBytes: number
  readonly refused: OnRefused
  readonly serverMilliseconds?: number | undefined
  readonly mostElements?: number | undefined
  readonly waiting: WaitingMemory
  readonly shaper: RateShaper
  readonly tickets: Tickets<Session> | undefined
  readonly streams: ResumableStreams
  readonly connect: OpenLink
  loggedIn(session: Session, jid: string, resumed?: string): void
  attached(session: Session): void
  resumed(session: Session): void
  dropped(session: Session): void
  /** Logged once a minute, because clients may cause many notices. */
  noticed(session: Session, what: string): void
  readonly unmended: (domain: string, why: WhyUnmended) => void
  unanswered(session: Session): void
  /** Called before `removed`, but only for an end that `Client.reportEnd` reports. */
  ended(session: Session): void
  removed(session: Session, reason: EndReason): void
  failed(session: Session, cause: unknown): void
}
