import { Problem } from '../errors.js'
import type { CallerSignal } from '../http/caller-gone.js'
import { authenticate, type LoginParts, login } from '../login/login.js'
import type { LoginLinkOptions, OpenForLogin } from '../login/login-link.js'
import type { VerifiedCredentials } from '../login/verified-credentials.js'
import type { LoginWish } from '../login/wish.js'
import type { AttachBinding, Open, Opening, OpenWish, ResumedSession } from '../session/sessions.js'

/** What a backend asks for: a session of this user, with these options of the BOSH session. */
export interface WarmRequest extends LoginWish, Pick<OpenWish, 'wait' | 'hold' | 'ver'> {
  /** BCP 47 tag for the stream's `xml:lang`. */
  readonly language: string
  /** Time the browser has for its first request, in seconds. */
  readonly attachSeconds: number
  readonly attachBinding: AttachBinding
}

/** A session that is logged in and waits for its browser. */
export type Binding = ResumedSession & {
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

export interface SessionLoginParts extends LoginParts {
  /** Opens the sessions. */
  readonly open: Open
  /** Knows what logins succeeded with. */
  readonly verified: VerifiedCredentials
}

/** Logs users in, and hands their sessions out to pages. */
export function createLogin(parts: SessionLoginParts): Login {
  return async (request, caller) => {
    const { opened, jid, undelivered } = await login(parts, openingFor(parts.open, request), request, caller)
    const { attachSeconds: seconds, attachBinding } = request
    try {
      const handedOut = await opened.handOut(jid, undelivered, { seconds, attachBinding })
      if (handedOut === undefined) throw new Problem('remote-connection-failed', { step: 'bind' })
      parts.verified.add(request)
      return { jid, id: opened.id, expiresIn: seconds, ...handedOut }
    } catch (error) {
      // Without a page there is nothing that would ever end it.
      opened.abandon()
      throw error
    }
  }
}

/**
 * Checks credentials without disturbing any session: those of a recent login from memory, others by a login of their own.
 * Where the operator vouches for the user, there is nothing to check.
 */
export function createCredentialsCheck(parts: SessionLoginParts): CredentialsCheck {
  return async (request, caller) => {
    if (parts.verified.has(request)) return
    const { jid, credentials } = request
    const open = openingFor(parts.open, request)
    if (credentials.kind === 'password' && credentials.user === undefined) {
      await authenticate(parts, open, request, caller)
    } else {
      // Which user a token is for, or whether an account may act for this one, only the bound JID tells: servers ignore the
      // user that was named. A resource of the server's choice is no other session's.
      const anyResource = { ...request, jid: { ...jid, resource: undefined } }
      const { opened } = await login({ ...parts, pipelining: undefined }, open, anyResource, caller)
      opened.abandon()
    }
    parts.verified.add(request)
  }
}

/** Opens the session of a call, for its login. */
function openingFor(open: Open, request: WarmRequest): OpenForLogin<Opening> {
  const { jid, language, wait, hold, ver } = request
  return ({ from, certificate, ahead }: LoginLinkOptions, events) =>
    open(jid.domain, { lang: language, from, certificate, ahead, wait, hold, ver }, events)
}
