import { Problem } from '../../lib/errors.js'
import type { SessionDetails, Sessions } from '../../session/session-types.js'
import { processIn } from '../../store/process-name.js'
import { unreachable } from '../../store/store-problem.js'
import { type Call, demandDomain } from '../calls.js'

/** With `toEnd`, a session of a silent process gives `session-unreachable`: 404 would mean that it has ended. */
export async function demandSession(
  sessions: Pick<Sessions, 'get' | 'isLost'>,
  { request, admin, line }: Call,
  { toEnd = false } = {},
): Promise<SessionDetails> {
  const id = request.params['id'] as string | undefined
  if (id === undefined) throw new Problem('session-not-found')
  line['id'] = id
  const view = await sessions.get(id)
  if (view === undefined)
    throw toEnd && (await sessions.isLost(id)) ? unreachable(processIn(id)!) : new Problem('session-not-found')
  line['jid'] = view.jid?.split('/', 1)[0]
  demandDomain(admin, view.domain)
  if (view.state === 'elsewhere') throw new Problem('not-here')
  return view
}
