import type { Link, LinkEnd, LinkEvents, LinkOptions } from '../../xmpp/link.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { LoginRequest } from './login-request.js'

export type LoginLinkOptions = Pick<LinkOptions, 'from' | 'ahead'> & Required<Pick<LinkOptions, 'certificate'>>

export interface Opened {
  readonly link: Link
  abandon(): void
}

export type OpenForLogin<T extends Opened> = (options: LoginLinkOptions, events: LinkEvents) => T

/** The caller must replace `opened.link.events` before the next turn of the event loop. */
export interface LoggedIn<T extends Opened> {
  readonly opened: T
  /** A full JID, or empty without a bind. */
  readonly jid: string
  readonly undelivered: readonly Element[]
  /**
   * `requested`: `<enable/>` was sent, and its answer is in `undelivered` or follows. With Bind 2: the answer, after
   * which stanzas in `undelivered` are counted (XEP-0198 §4).
   */
  readonly enabled: Element | 'requested' | undefined
  /** The server's answer to `<resume/>`. */
  readonly answer: Element | undefined
  /** The link's end, if it came before the caller replaced `link.events`. */
  readonly ended: () => LinkEnd | undefined
  readonly again: LoginRequest | undefined
}
