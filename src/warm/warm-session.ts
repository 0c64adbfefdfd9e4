import type { CallerSignal } from '../http/caller-gone.js'
import { formatBareJid, formatJid } from '../jid/jid.js'
import { unusedAmong } from '../session/known-sessions.js'
import type { Sessions } from '../session/sessions.js'
import type { CallsParts } from './calls.js'
import type { Binding, Logins, WarmRequest } from './session-login.js'

export interface WarmSessionParts extends Pick<CallsParts, 'clock' | 'limits'>, Logins {
  readonly sessions: Sessions
  /** Ends a session that no page will attach to, by its public handle. */
  readonly release: (id: string) => void
}

/** Gives a user a session within the limits: with `reuse` one that has no page, or else a new one. Throws a `Problem`. */
export async function warmSession(
  { login, checkCredentials, sessions, release, clock, limits }: WarmSessionParts,
  request: WarmRequest,
  wish: { readonly admin: string; readonly reuse: boolean },
  signal: CallerSignal,
): Promise<{ readonly binding: Binding; readonly isReused: boolean }> {
  const isAnonymous = request.credentials.kind === 'anonymous'
  const user = isAnonymous ? undefined : formatBareJid(request.jid)
  const caller = { admin: wish.admin, user }
  await limits.warmed(caller)
  // No credentials can prove that an anonymous session is the user's.
  if (wish.reuse && !isAnonymous) {
    // Without a session to reuse the user is logged in, which checks the credentials.
    const jid = formatJid(request.jid)
    if (unusedAmong(await sessions.ofJid(jid), clock.now()).length > 0) {
      await checkCredentials(request, signal)
      signal.throwIfAborted()
      const { attachSeconds: seconds, attachBinding } = request
      const resumed = await sessions.reuse(jid, { seconds, attachBinding })
      if (resumed !== undefined) {
        await limits.reused(caller)
        return { binding: { ...resumed, expiresIn: seconds }, isReused: true }
      }
    }
  }
  await limits.demandRoom(sessions, user, 1)
  const binding = await login(request, signal)
  try {
    // Other calls may have logged the same user in meanwhile.
    await limits.demandRoom(sessions, user, 0)
  } catch (error) {
    release(binding.id)
    throw error
  }
  return { binding, isReused: false }
}
