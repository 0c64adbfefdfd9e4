import type { CallerSignal } from '../http/listening/caller-gone.js'
import { Problem } from '../lib/errors.js'
import { authenticate, type LoginParts, login } from '../servers/login/login.js'
import type { OpenForLogin } from '../servers/login/login-link.js'
import type { VerifiedCredentials } from '../servers/login/verified-credentials.js'
import type { LoginWish } from '../servers/login/wish.js'
import type { AttachBinding, Open, Opening, OpenWish, ResumedSession } from '../session/sessions.js'
import { formatJid } from '../xmpp/jid/jid.js'

/** What a backend asks for: a session of this user, with these options of the BOSH session. */
export interface WarmRequest extends LoginWish, Pick<OpenWish, 'wait' | 'hold' | 'ver' | 'isRefusalCounted'> {
  /** BCP 47 tag for the stream's `xml:lang`. */
  readonly language: string
  /** Time the browser has for its first request, in seconds. */
  readonly attachSeconds: number
  readonly attachBinding: AttachBinding
}

/** A session that is logged in and waits for its browser, which has so many seconds for its first request. */
export type Binding = Omit<ResumedSession, 'delivered'> & {
  readonly expiresIn: number
  /** What its pages before have had, in stanzas; undefined where it is new. */
  readonly delivered?: number
}

export interface SessionLoginParts extends LoginParts {
  readonly open: Open
  /** Knows what logins succeeded with. */
  readonly verified: VerifiedCredentials
}

export type Logins = ReturnType<typeof createLogins>

/** Logs users in, and hands their sessions out to pages. */
export function createLogins(parts: SessionLoginParts) {
  const { verified } = parts
  const openFor = (request: WarmRequest): OpenForLogin<Opening> => {
    const { jid, language: lang, wait, hold, ver, isRefusalCounted } = request
    const wish = { jid: formatJid(jid), lang, wait, hold, ver, isRefusalCounted }
    return (options, events) => parts.open(jid.domain, { ...options, ...wish }, events)
  }

  return {
    /** Logs in and binds; throws a `Problem`. Leaves nothing open behind a failure or once `caller` aborts. */
    async login(request: WarmRequest, caller: CallerSignal): Promise<Binding> {
      const { attachSeconds: seconds, attachBinding } = request
      const { opened, jid, undelivered } = await login(parts, openFor(request), request, caller)
      try {
        const handedOut = await opened.handOut(jid, undelivered, { seconds, attachBinding })
        if (handedOut === undefined) throw new Problem('remote-connection-failed', { step: 'bind' })
        verified.add(request)
        return { jid, id: opened.id, expiresIn: seconds, ...handedOut }
      } catch (error) {
        // Without a page there is nothing that would ever end it.
        opened.abandon()
        throw error
      }
    },
    /**
     * Resolves if the credentials of a request are right and throws a `Problem` if not. Those of a recent login are
     * remembered by a keyed hash; others take a login of their own, which disturbs no session.
     */
    async checkCredentials(request: WarmRequest, caller: CallerSignal): Promise<void> {
      if (verified.has(request)) return
      const { jid, credentials } = request
      if (credentials.kind === 'password' && credentials.user === undefined) {
        await authenticate(parts, openFor(request), request, caller)
      } else {
        // Which user a token is for, or whether an account may act for this one, only the bound JID tells: servers ignore
        // the user that was named. A resource of the server's choice is no other session's.
        const wish = { ...request, jid: { ...jid, resource: undefined } }
        const { opened } = await login({ ...parts, pipelining: undefined }, openFor(request), wish, caller)
        opened.abandon()
      }
      verified.add(request)
    },
  }
}
