import type { EndReason } from '../counts.js'
import type { Clock } from '../lib/clock.js'
import type { Failure, OpenLink } from '../link.js'
import type { Fate } from '../xml/element.js'
import type { OutboxLimits } from './outbox.js'
import type { RateShaper } from './rate-shaper.js'

/** Keeps account of the sessions; one for all sessions of a site. */
export interface SessionKeeper<Session> {
  readonly clock: Clock
  readonly outboxLimits: OutboxLimits
  /** How much clients may send. */
  readonly shaper: RateShaper
  /** Opens a link to a domain's XMPP server. */
  readonly connect: OpenLink
  /** The server has told the client's JID; called at most once. */
  bound(session: Session): void
  /** The server takes the client for one of its users, whose JID will never be known. */
  loggedIn(session: Session): void
  /** Takes note of what an operator may want to know; never of content. */
  noticed(session: Session, what: string): void
  /** The server sent a stanza that cannot be passed on as it is, but mended or not at all. */
  unfit(session: Session, fate: Fate): void
  /** The link to the XMPP server is over, or the server refused a login, before a user was logged in. */
  failed(session: Session, failure: Failure): void
  /** Called once, when the session is over and nothing of it can be asked for any more. */
  ended(session: Session, reason: EndReason): void
  /** The same for a session that failed at something that was not foreseen; it may have been called over before. */
  broke(session: Session, cause: unknown): void
}
