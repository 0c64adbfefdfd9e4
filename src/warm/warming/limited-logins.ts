import type { Config } from '../../config/config.js'
import type { CallerSignal } from '../../lib/caller-gone.js'
import { limitDetail } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import type { UserLimit } from '../../session/limits/user-limit.js'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import type { Caller, CallLimits } from '../call-limits.js'
import type { ForwardedCalls } from '../forwarded-calls.js'
import { createSealedCredentials } from './sealed-credentials.js'
import type { Logins, WarmedBinding, WarmRequest } from './session-login.js'

const longestRetrySeconds = 60

export interface LimitedLoginsParts extends Logins {
  readonly limits: CallLimits
  readonly userLimit: Pick<UserLimit, 'take' | 'giveBack'>
  /** Undefined with one process. */
  readonly forwarding?: Pick<ForwardedCalls, 'newIds'> | undefined
}

export interface Warmed {
  readonly binding: WarmedBinding
  readonly credential?: string | undefined
}

/** Who asks, and whether the answer has a credential for later logins. */
export interface Asking {
  readonly admin: string
  readonly remember: boolean
  readonly signal: CallerSignal
}

/** Logins that count for the limits of the user. */
export function createLimitedLogins(config: Config, parts: LimitedLoginsParts) {
  const { limits, userLimit, forwarding, login, keysOf } = parts
  const sealed = createSealedCredentials(config, Date.now)

  async function logInWithRoom(request: WarmRequest, { admin, user }: Caller, signal: CallerSignal): Promise<Warmed> {
    const entered = forwarding?.newIds()
    if (user !== undefined && !(await userLimit.take(user, entered))) {
      // Sessions of closed tabs end after `inactivity`, so a retry may then succeed.
      const retryAfterSeconds = Math.min(config.bosh.inactivity, longestRetrySeconds)
      throw new Problem('too-many-sessions', { retryAfterSeconds, detail: limitDetail('user') })
    }
    try {
      const logIn = () => login({ ...request, entered }, signal)
      return { binding: await limits.ofActingAccount(request, admin, logIn, signal) }
    } finally {
      if (user !== undefined) userLimit.giveBack(user, entered)
    }
  }

  async function remembering<T extends Warmed | undefined>(
    request: WarmRequest,
    { admin, signal }: Asking,
    warm: (byKeys: WarmRequest) => Promise<T>,
  ) {
    const keys = await keysOf(request, signal)
    const credential = sealed.seal(admin, request.jid, keys)
    try {
      const warmed = await warm({ ...request, credentials: { kind: 'keys', proof: keys } })
      return warmed && { ...warmed, credential }
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'credentials-expired') throw error
      const { step, condition, server } = error
      const detail = 'The XMPP server refuses the keys at the next login: it may change the salt each time.'
      throw new Problem('cannot-remember', { step, condition, server, detail })
    }
  }

  return {
    sealed,

    logIn(request: WarmRequest, asking: Asking): Promise<Warmed> {
      const caller = callerOf(request, asking)
      const logIn = (request: WarmRequest) => logInWithRoom(request, caller, asking.signal)
      return limits.ofUser(caller, () => (asking.remember ? remembering(request, asking, logIn) : logIn(request)))
    },

    /** Checks the credentials at the XMPP server before it resumes the session. */
    resumeRemembering(request: WarmRequest, asking: Asking, resume: () => Promise<Warmed | undefined>) {
      return limits.ofUser(callerOf(request, asking), () =>
        remembering(request, asking, byKeys => keysOf(byKeys, asking.signal).then(resume)),
      )
    },
  }
}

const callerOf = ({ credentials, jid }: WarmRequest, { admin }: Asking): Caller => ({
  admin,
  user: credentials.kind === 'anonymous' ? undefined : formatBareJid(jid),
})
