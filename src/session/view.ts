import type { Client } from './client.js'
import type { Inactivity } from './inactivity.js'
import type { SessionState, SessionView } from './session-types.js'
import type { State } from './state.js'

interface Viewed extends Pick<SessionView, 'id' | 'domain' | 'origin' | 'createdAt' | 'jid' | 'tab'> {
  readonly stage: { readonly name: State['name'] }
  readonly client: Client | undefined
  readonly inactivity: Inactivity
}

export function stateOf({ stage, client, inactivity }: Viewed): SessionState {
  const { name } = stage
  if (name === 'ended' || name === 'opening') return name
  if (client?.isPresent === true) return 'held'
  if (name === 'waiting') return name
  return inactivity.isPaused ? 'paused' : 'quiet'
}

export function viewOf(session: Viewed): SessionView {
  const { id, domain, origin, createdAt, jid, client, inactivity, tab } = session
  const state = stateOf(session)
  const isAbsent = client !== undefined && !client.isPresent
  const transport = state === 'waiting' ? undefined : client?.transport
  const quietSince = isAbsent ? inactivity.since : undefined
  return { id, domain, origin, transport, createdAt, jid, state, quietSince, tab }
}
