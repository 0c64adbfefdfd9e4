import type { CredentialsCheck } from './binding.js'
import type { LoginParts } from './login.js'
import { LoginAttempt } from './login-attempt.js'

/**
 * Checks credentials without a session that anybody would notice: those of a recent login by memory, others by a login
 * of their own. Where the operator vouches for the user, nothing was given to check.
 */
export function createCredentialsCheck(parts: LoginParts): CredentialsCheck {
  return async (request, signal) => {
    if (parts.verified.has(request)) return
    const { jid, credentials } = request
    if (credentials.kind === 'password' && credentials.user === undefined) {
      await new LoginAttempt(parts, request).authenticate(signal)
    } else {
      // Whose token it is, or whether an account may act for this user, only the JID tells: servers pass over the user
      // that was named. A resource of the server's choice is nobody else's.
      const anyResource = { ...request, jid: { ...jid, resource: undefined } }
      const { upstream, id } = await new LoginAttempt(parts, anyResource).bind(signal)
      upstream.abandon(id)
    }
    parts.verified.add(request)
  }
}
