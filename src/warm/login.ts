import { Problem } from '../errors.js'
import type { VerifiedCredentials } from '../sasl/verified-credentials.js'
import type { Login } from './binding.js'
import { type AttemptParts, LoginAttempt } from './login-attempt.js'
import { shownSecret } from './shown-secret.js'

export interface LoginParts extends AttemptParts {
  /** Knows what logins succeeded with. */
  readonly verified: VerifiedCredentials
}

/** Logs users in, and hands their sessions over to whoever attaches. */
export function createLogin(parts: LoginParts): Login {
  return async (request, signal) => {
    const { upstream, id, terms, jid, rid, strays } = await new LoginAttempt(parts, request).bind(signal)
    const { attachSeconds: seconds, attachBinding } = request
    const handedOver = upstream.handOver(id, { jid, seconds, strays, attachBinding })
    if (handedOver === undefined) {
      upstream.abandon(id)
      throw new Problem('remote-connection-failed', { step: 'bind' })
    }
    const shown = shownSecret(request)
    if (shown !== undefined) parts.verified.add(shown)
    return { jid, rid, id, expiresIn: seconds, ...terms, ...handedOver }
  }
}
