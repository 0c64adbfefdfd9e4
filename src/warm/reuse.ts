import type { CallerSignal } from '../http/caller-gone.js'
import type { Handover, Sessions } from '../session/sessions.js'
import type { Binding, CredentialsCheck, WarmRequest } from './binding.js'
import { sessionsOf } from './session-list.js'

/** How long a session must have had no request before it may be given to another page, in milliseconds. */
const quietMilliseconds = 5_000

export interface ReuseParts {
  readonly sessions: Sessions
  readonly checkCredentials: CredentialsCheck
  /** In milliseconds of the sessions' clock. */
  readonly now: () => number
}

/**
 * Resumes a session of the user that has no page at the moment, once the credentials have been checked; undefined if
 * there is none. Throws a `Problem` for wrong credentials; the sessions stay as they are then.
 */
export async function reuse(
  { sessions, checkCredentials, now }: ReuseParts,
  request: WarmRequest,
  signal: CallerSignal,
): Promise<Binding | undefined> {
  // No credentials can prove that an anonymous session is the user's.
  if (request.credentials.kind === 'anonymous') return undefined
  // Without a session to reuse the user is logged in, which checks the credentials.
  if (unused(sessions, request, now()).length === 0) return undefined
  await checkCredentials(request, signal)
  signal.throwIfAborted()
  // Looked at again: meanwhile a session may have its page back, or another call may have resumed it.
  for (const { id } of unused(sessions, request, now())) {
    const binding = resume(sessions, id, {
      seconds: request.attachSeconds,
      attachBinding: request.attachBinding,
    })
    if (binding !== undefined) return binding
  }
  return undefined
}

/** Hands a live session to another page; undefined if it cannot be handed over. */
export function resume(sessions: Sessions, id: string, handover: Handover): Binding | undefined {
  const resumed = sessions.resume(id, handover)
  return resumed && { ...resumed, expiresIn: handover.seconds }
}

/** The user's sessions without a page, the last used first: its page is the most likely to come back. */
function unused(sessions: Sessions, { jid }: WarmRequest, now: number) {
  return sessionsOf(sessions, jid)
    .flatMap(({ id, state, quietSince }) =>
      (state === 'quiet' || state === 'paused' || state === 'waiting') &&
      quietSince !== undefined &&
      now - quietSince >= quietMilliseconds
        ? [{ id, quietSince }]
        : [],
    )
    .sort((a, b) => b.quietSince - a.quietSince)
}
