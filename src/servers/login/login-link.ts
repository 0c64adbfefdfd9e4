// What a login is given to work with, and what it gives back. Types only.
import type { Link, LinkEvents, LinkOptions } from '../../xmpp/link.js'
import type { Element } from '../../xmpp/xml/element.js'

/** Tells when the caller of a login does not wait for it any more; an `AbortSignal` is one. */
export interface Caller {
  readonly aborted: boolean
  addEventListener(type: 'abort', leave: () => void): void
  removeEventListener(type: 'abort', leave: () => void): void
}

/** What a login asks of the link that is opened for it. */
export type LoginLinkOptions = Pick<LinkOptions, 'from' | 'ahead'> &
  Required<Pick<LinkOptions, 'certificate'>>

/** What was opened for a login: its link, and whatever goes with that, such as a session. */
export interface Opened {
  readonly link: Link
  /** Ends it at once, since its login has failed. */
  abandon(): void
}

/** Opens the link for a login. Throws a `Problem` where there may be none. */
export type OpenForLogin<T extends Opened> = (options: LoginLinkOptions, events: LinkEvents) => T

/** A user who is logged in. In the same turn the link's events are to be replaced: they feed `undelivered`. */
export interface LoggedIn<T extends Opened> {
  readonly opened: T
  /** The full JID that the server bound; empty if the login was to end before. */
  readonly jid: string
  /** What came during the login and belongs to the client. */
  readonly undelivered: readonly Element[]
}
