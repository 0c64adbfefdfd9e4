import type { CallerSignal } from '../http/caller-gone.js'
import { formatBareJid } from '../jid/jid.js'
import type { Binding, Login, WarmRequest } from './binding.js'
import type { CallLimits } from './call-limits.js'
import { type ReuseParts, reuse } from './reuse.js'

export interface WarmSessionParts extends ReuseParts {
  readonly limits: CallLimits
  readonly login: Login
  /** Ends a session that no page will attach to, by its public handle. */
  readonly release: (id: string) => void
}

/** A session that waits for its page. */
export interface WarmSession {
  readonly binding: Binding
  /** Whether it lived before this call. */
  readonly isReused: boolean
}

/** Gives a user a session within the limits: with `reuse` one that has no page, if there is one, otherwise a new one. */
export async function warmSession(
  parts: WarmSessionParts,
  request: WarmRequest,
  wish: { readonly admin: string; readonly reuse: boolean },
  signal: CallerSignal,
): Promise<WarmSession> {
  const { limits, sessions, login, release } = parts
  const isAnonymous = request.credentials.kind === 'anonymous'
  const user = isAnonymous ? undefined : formatBareJid(request.jid)
  const caller = { admin: wish.admin, user }
  await limits.warmed(caller)
  const reused = wish.reuse ? await reuse(parts, request, signal) : undefined
  if (reused !== undefined) {
    await limits.reused(caller)
    return { binding: reused, isReused: true }
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
