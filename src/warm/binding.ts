import type { HandedOut } from '../handed-out.js'
import type { CallerSignal } from '../http/caller-gone.js'
import type { LoginWish } from '../login/wish.js'
import type { AttachBinding } from '../session/sessions.js'

/** What a backend asks for: a session of this user, with these options of the BOSH session. */
export interface WarmRequest extends LoginWish {
  /** BCP 47 tag for the stream's `xml:lang`. */
  readonly language: string
  /** Longest time a request may be held, in seconds. */
  readonly wait: number
  /** Requests held at a time. */
  readonly hold: number
  /** BOSH version asked for, `major.minor`. */
  readonly ver: string
  /** Time the browser has for its first request, in seconds. */
  readonly attachSeconds: number
  readonly attachBinding: AttachBinding
}

/** A session that is logged in and waits for its browser. */
export type Binding = HandedOut & {
  /** The full JID that the server bound. */
  readonly jid: string
  /** The session's public handle. */
  readonly id: string
  /** Seconds that the browser has for its first request. */
  readonly expiresIn: number
}

/** Logs in and binds; throws a `Problem`. Leaves nothing open behind a failure or once `signal` aborts. */
export type Login = (request: WarmRequest, signal: CallerSignal) => Promise<Binding>

/**
 * Resolves if the credentials of a request are right and throws a `Problem` if not. What succeeded a short while ago is
 * remembered by a keyed hash; otherwise a login is begun and left before it binds, so that no session is disturbed.
 */
export type CredentialsCheck = (request: WarmRequest, signal: CallerSignal) => Promise<void>
