import type { CallerSignal } from '../http/listening/caller-gone.js'
import { Problem } from '../lib/errors.js'
import type { UserRoom } from '../session/limits/user-room.js'
import type { Sessions } from '../session/sessions.js'
import { formatBareJid, formatJid } from '../xmpp/jid/jid.js'
import type { CallsParts } from './calls.js'
import type { Binding, Logins, WarmRequest } from './session-login.js'

export interface WarmSessionParts extends Pick<CallsParts, 'limits'>, Logins {
  readonly sessions: Sessions
  /** Sessions of each user. */
  readonly room: Pick<UserRoom, 'take' | 'giveBack'>
}

/** Reuses a session without a page, or logs in. Throws a `Problem`. */
export async function warmSession(
  { login, checkCredentials, sessions, room, limits }: WarmSessionParts,
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
    // Without a session to reuse, the login checks the credentials.
    const jid = formatJid(request.jid)
    if (await sessions.hasUnused(jid)) {
      await limits.acting(request, wish.admin, () => checkCredentials(request, signal))
      signal.throwIfAborted()
      const { attachSeconds: seconds, attachBinding } = request
      const resumed = await sessions.reuse(jid, { seconds, attachBinding })
      if (resumed !== undefined) {
        await limits.takenBack(caller)
        return { binding: { ...resumed, expiresIn: seconds }, isReused: true }
      }
    }
  }
  const isFull = user !== undefined && !(await room.take(user))
  if (isFull) throw new Problem('too-many-sessions')
  try {
    const binding = await limits.acting(request, wish.admin, () => login(request, signal))
    return { binding, isReused: false }
  } catch (error) {
    // The caller will retry. The retry must not hit the limit.
    if (error instanceof Problem && error.code === 'shutting-down') await limits.takenBack(caller)
    throw error
  } finally {
    if (user !== undefined) room.giveBack(user)
  }
}
