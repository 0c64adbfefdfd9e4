// The seam above a session: who speaks for its browser. Types only.
import type { EndReason } from '../lib/counts.js'
import type { HandedOut } from '../xmpp/handed-out.js'
import type { LinkEvents } from '../xmpp/link.js'
import type { Handover, Transport } from './sessions.js'

/** How a session ended, for its client to tell the browser. */
export interface Outcome {
  readonly reason: EndReason
  /** The server's `<stream:error/>`, where it sent one. */
  readonly streamError?: string | undefined
}

/** Makes the client of another page, over the transport that the session was opened for. */
export type Succession = (handover: Handover) => Successor

/** What takes the place of a client when another page takes the session over. */
export interface Successor {
  readonly client: Client
  /** What the page goes on with. */
  readonly handedOut: HandedOut
}

/**
 * Speaks for the browser of one session, over BOSH for example. A session has one client at a time. While a login of this
 * process goes on there is no browser yet, and the login is the client (opening.ts). A handover swaps it.
 * What comes for the browser waits in the session's outbox until the client takes it.
 */
export interface Client extends Pick<LinkEvents, 'onOpen'> {
  /** Undefined for a login of this process. */
  readonly transport: Transport | undefined
  /** The JID, bare or full, that a login of this process is for. */
  readonly loginFor?: string | undefined
  /** The address of its browser, or the browser's first one; undefined before one has come. */
  readonly address: string | undefined
  /** Whether something sent now would reach the browser; the session's inactivity counts while it is false. */
  readonly isPresent: boolean
  /** When `tick` has something to do, in milliseconds of the clock. */
  readonly deadline: number
  /** Does what time demands. */
  tick(now: number): void
  /** Takes what the outbox has, as far as it can be delivered, and then tells the session's outcome if there is one. */
  flush(): void
  /** Tells the browser, as far as it listens, that the session was ended at the wish of its user or an admin. */
  dismiss(): void
  /** The session is over: lets go of all that is open. */
  close(): void
  /**
   * Its browser has not come in time: what may have been lost on its way goes back to the outbox, for the senders to be told.
   * Stanzas that have arrived nearly for certain stay out.
   */
  giveBack(): void
  /** The session failed: tells it to all that listen. */
  fail(): void
  /**
   * Lets go of all that is open here, since another page takes the session over: what may have been lost on its way to the
   * first one goes back to the outbox. Undefined, and nothing has changed, where that is not possible.
   */
  release(): Succession | undefined
}
