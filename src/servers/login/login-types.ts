import type { Link, LinkEnd, LinkEvents, LinkOptions } from '../../xmpp/link.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { LoginWish } from './login-request.js'

export interface Caller {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', leave: () => void): void
  removeEventListener(type: 'abort', leave: () => void): void
}

export type LoginLinkOptions = Pick<LinkOptions, 'from' | 'ahead' | 'spaced'> &
  Required<Pick<LinkOptions, 'certificate'>>

export interface Opened {
  readonly link: Link
  abandon(): void
}

export type OpenForLogin<T extends Opened> = (options: LoginLinkOptions, events: LinkEvents) => T

/** Replace the link's events before the next turn of the event loop. */
export interface LoggedIn<T extends Opened> {
  readonly opened: T
  /** A full JID, or empty if no resource was requested. */
  readonly jid: string
  readonly undelivered: readonly Element[]
  /** The bound stream offers XEP-0198. */
  readonly offersManagement: boolean
  /** The server's answer, if the login enabled stream management. The server then counts `undelivered`. */
  readonly enabled: Element | undefined
  /** The server's answer to `<resume/>`. */
  readonly answer: Element | undefined
  /** Returns the end of a link that ended in the same read. */
  readonly ended: () => LinkEnd | undefined
  /** How to log in again, without the password. */
  readonly again: LoginWish | undefined
}
