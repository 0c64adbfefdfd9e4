// What keeps account of sessions. Types only.
import type { Logger } from 'pino'
import type { Clock } from '../lib/clock.js'
import type { Counts, EndReason } from '../lib/counts.js'
import type { OnRefused } from '../lib/limits/reached-limits.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { OpenLink } from '../xmpp/link.js'
import type { Fate } from '../xmpp/xml/element.js'
import type { Client } from './client.js'
import type { RateShaper } from './limits/rate-shaper.js'
import type { ResumableStreams } from './logins/resumable-streams.js'
import type { Tickets } from './ticket.js'

/** What sessions have in common, and what keeps account of them. */
export interface SessionKeeper<Session> {
  readonly clock: Clock
  /** The name of this process, where there may be others. */
  readonly processName?: string | undefined
  readonly counts: Counts
  readonly log: Logger
  /** How long a client may take to log in, in milliseconds. */
  readonly loginMilliseconds: number
  /** Longest stanza of a client, in bytes. */
  readonly maxStanzaBytes: number
  readonly refused: OnRefused
  /** How long a server may take to answer, in milliseconds; undefined if that is not watched. */
  readonly serverMilliseconds?: number | undefined
  /** How many elements may wait for a client; as many as usual unless a test has its own. */
  readonly mostElements?: number | undefined
  /** Memory of stanzas that wait for the clients of all sessions. */
  readonly waiting: WaitingMemory
  /** How much clients may send. */
  readonly shaper: RateShaper
  /** The tickets by which pages may also come over another transport than the one they were opened for; undefined without. */
  readonly tickets: Tickets<Session> | undefined
  /** The streams that clients may resume. */
  readonly streams: ResumableStreams
  /** Opens a link to a domain's XMPP server. */
  readonly connect: OpenLink
  /**
   * The client is logged in, and the session has its JID. Called at most once. `resumed` is the id of the stream that the client
   * has resumed, if any.
   */
  loggedIn(session: Session, resumed?: string): void
  /** The page has come that a session was handed to. */
  attached(session: Session): void
  /** A session was handed to another page. */
  resumed(session: Session): void
  /** The server sent a stanza that cannot be passed on as it is, but mended or not at all. */
  unfit(session: Session, fate: Fate): void
  /** The server does not answer: the session ends. */
  unanswered(session: {
    readonly id: string
    readonly domain: string
    readonly client: Client | undefined
  }): void
  /** The session has ended, and its client has yet to be told. */
  ended(session: Session): void
  /** The session is over. */
  removed(session: Session, reason: EndReason): void
  /** A fault has ended the session. It may have been over before. */
  failed(session: Session, cause: unknown): void
}
