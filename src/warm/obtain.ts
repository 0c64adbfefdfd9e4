import { formatJid } from '../jid/jid.js'
import type { Binding, Login, WarmRequest } from './binding.js'
import type { CallLimits } from './call-limits.js'
import type { Gone } from './departure.js'
import { type ReuseParts, reuse } from './reuse.js'

export interface ObtainParts extends ReuseParts {
  readonly limits: CallLimits
  readonly login: Login
  /** Ends a session that nobody will ever attach to, by its public handle. */
  readonly release: (id: string) => void
}

/** Who wants a session, and whether one that is there will do. */
export interface Wish {
  readonly admin: string
  readonly reuse: boolean
}

/** Gives a user a session, within the limits: one that is there, if that is wanted, or a new one. */
export async function obtain(
  parts: ObtainParts,
  request: WarmRequest,
  wish: Wish,
  signal: Gone,
): Promise<{ readonly binding: Binding; readonly isReused: boolean }> {
  const { limits, sessions, login, release } = parts
  const isAnybody = request.credentials.kind === 'anonymous'
  const user = isAnybody ? undefined : formatJid({ ...request.jid, resource: undefined })
  const caller = { admin: wish.admin, user }
  await limits.warmed(caller)
  const reused = wish.reuse ? await reuse(parts, request, signal) : undefined
  if (reused !== undefined) {
    await limits.reused(caller)
    return { binding: reused, isReused: true }
  }
  limits.demandRoom(sessions, user, 1)
  const binding = await login(request, signal)
  try {
    // Others may have logged in at the same time.
    limits.demandRoom(sessions, user, 0)
  } catch (error) {
    release(binding.id)
    throw error
  }
  return { binding, isReused: false }
}
