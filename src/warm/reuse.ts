import type { CallerSignal } from '../http/caller-gone.js'
import type { Handover, Sessions } from '../sessions.js'
import type { Binding, CredentialsCheck, WarmRequest } from './binding.js'
import { sessionsOf } from './session-list.js'

/** How long nothing must have been heard of a session before another page may have it unasked, in milliseconds. */
const quietMilliseconds = 5_000

export interface ReuseParts {
  readonly sessions: Sessions
  readonly checkCredentials: CredentialsCheck
  /** In milliseconds of the clock that the sessions go by. */
  readonly now: () => number
}

/**
 * Hands a session of the user on that nobody uses at the moment, once the credentials have been checked; undefined if
 * there is none. Throws a `Problem` for wrong credentials, and leaves the sessions as they are then.
 */
export async function reuse(
  { sessions, checkCredentials, now }: ReuseParts,
  request: WarmRequest,
  signal: CallerSignal,
): Promise<Binding | undefined> {
  // Nobody can prove that an anonymous session is theirs.
  if (request.credentials.kind === 'anonymous') return undefined
  // A login that follows anyhow checks the credentials itself.
  if (unused(sessions, request, now()).length === 0) return undefined
  await checkCredentials(request, signal)
  signal.throwIfAborted()
  // A session may have found its page again in the meantime, or another; whoever takes one up makes it young.
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

/** The user's sessions without a page, the one that was used last first: its page is the most likely to be back. */
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
