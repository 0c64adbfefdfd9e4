import type { CallerSignal } from '../http/caller-gone.js'
import { formatJid } from '../jid/jid.js'
import type { Sessions } from '../session/sessions.js'
import { unusedAmong } from '../session/unused.js'
import type { Binding, CredentialsCheck, WarmRequest } from './binding.js'

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
  const jid = formatJid(request.jid)
  if (unusedAmong(await sessions.ofJid(jid), now()).length === 0) return undefined
  await checkCredentials(request, signal)
  signal.throwIfAborted()
  const { attachSeconds: seconds, attachBinding } = request
  const resumed = await sessions.reuse(jid, { seconds, attachBinding })
  return resumed && { ...resumed, expiresIn: seconds }
}
