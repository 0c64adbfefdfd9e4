import { Problem } from '../errors.js'
import type { CallerSignal } from '../http/caller-gone.js'
import type { VerifiedCredentials } from '../login/verified-credentials.js'
import type { Login, WarmRequest } from './binding.js'
import { type AttemptParts, type BoundSession, LoginAttempt } from './login-attempt.js'
import type { RememberedOffers } from './remembered-offers.js'

/** A login that has less time left is not done again, in seconds; timers may come a little early. */
const leastTimeout = 0.1

export interface LoginParts extends AttemptParts {
  /** Knows what logins succeeded with. */
  readonly verified: VerifiedCredentials
  /** Knows what servers offer; undefined where each is waited for. */
  readonly offers: RememberedOffers | undefined
}

/** Logs users in, and hands their sessions over to whoever attaches. */
export function createLogin(parts: LoginParts): Login {
  return async (request, signal) => {
    const { upstream, id, terms, jid, rid, strays } = await bind(parts, request, signal)
    const { attachSeconds: seconds, attachBinding } = request
    const handedOver = await upstream.handOver(id, { jid, seconds, strays, attachBinding })
    if (handedOver === undefined) {
      upstream.abandon(id)
      throw new Problem('remote-connection-failed', { step: 'bind' })
    }
    parts.verified.add(request)
    return { jid, rid, id, expiresIn: seconds, ...terms, ...handedOver }
  }
}

function bind(parts: LoginParts, request: WarmRequest, signal: CallerSignal): Promise<BoundSession> {
  const { offers } = parts
  const { credentials } = request
  // Others may say a secret at once, and must have read the offer before.
  const isByChallenge = credentials.kind === 'password' && credentials.user === undefined
  if (offers !== undefined && isByChallenge) return bindAhead(parts, offers, request, signal)
  return new LoginAttempt(parts, request).bind(signal)
}

/** Goes by what the server has offered before. Where that may be why it fails, it is done again, at the server's pace. */
async function bindAhead(
  parts: LoginParts,
  offers: RememberedOffers,
  request: WarmRequest,
  signal: CallerSignal,
): Promise<BoundSession> {
  const { domain } = request.jid
  const since = performance.now()
  const foresight = offers.foresee(domain)
  const attempt = new LoginAttempt(parts, request, foresight)
  try {
    const session = await attempt.bind(signal)
    if (attempt.mechanism?.startsWith('SCRAM-')) offers.succeeded(domain, foresight)
    return session
  } catch (error) {
    offers.failed(domain, foresight, signal.aborted)
    const timeout = parts.timeout - (performance.now() - since) / 1000
    if (!foresight.isToBlame || signal.aborted || timeout < leastTimeout) throw error
    return new LoginAttempt({ ...parts, timeout }, request).bind(signal)
  }
}
